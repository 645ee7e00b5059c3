"""The transports against Postfix's `smtp-sink`, in the moods it can be put into."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator

import pytest

from deliveries import delivery, told
from peers import needs
from peers.ports import free_port
from peers.processes import Process, peer_folder, remove_folder
from peers.waiting import listening
from postroad.delivery.lmtp import LmtpTransport
from postroad.delivery.settings import DeliverySettings, RelaySettings
from postroad.delivery.smtp import SmtpTransport
from postroad.model import Report

pytestmark = pytest.mark.peer


class Literal:
    """Knows IP addresses only."""

    async def mx(self, domain: str):
        raise AssertionError("a next hop in brackets has no MX records")

    async def addresses(self, host: str) -> tuple[str, ...]:
        return (host,)


@pytest.fixture
def sink() -> Iterator:
    folder = peer_folder("sink")
    started = []

    def start(*options: str) -> int:
        port = free_port()
        user = ["-u", "postfix"] if os.geteuid() == 0 else []
        argv = [needs.program("smtp-sink"), *user, *options, f"127.0.0.1:{port}", "100"]
        started.append(Process(argv, log=folder / "log"))
        started[-1].wait_ready(lambda: listening(port))
        return port

    yield start
    for process in started:
        process.stop()
    remove_folder(folder)


def smtp() -> SmtpTransport:
    return SmtpTransport(
        "relay.example.org",
        RelaySettings(),
        DeliverySettings(),
        resolver=Literal(),
        credentials=None,
        journal=lambda event: None,
        clock=lambda: 0.0,
    )


async def reports(transport: SmtpTransport | LmtpTransport, nexthop: str) -> list[Report]:
    """Twelve messages to two recipients each, three at a time."""

    async def some() -> list[Report]:
        to = ("a@example.net", "b@example.net")
        return [await transport.deliver(delivery(nexthop, *to)) for _ in range(4)]

    groups = await asyncio.gather(some(), some(), some())
    transport.close()
    return [report for group in groups for report in group]


@pytest.mark.parametrize("options", [(), ("-p",), ("-e",), ("-8",), ("-F",)])
async def test_every_kind_of_server_takes_mail(sink, options):
    port = sink(*options)
    for report in await reports(smtp(), f"[127.0.0.1]:{port}"):
        assert [outcome.status.value for outcome in report.outcomes] == ["sent", "sent"]
        assert report.relay == f"127.0.0.1[127.0.0.1]:{port}"


@pytest.mark.parametrize("command", ["CONNECT", "MAIL", "RCPT", "DATA", "."])
@pytest.mark.parametrize(
    ("option", "status"), [("-r", "deferred"), ("-f", "bounced"), ("-q", "deferred")]
)
@pytest.mark.parametrize("plain", [False, True])
async def test_every_kind_of_refusal_is_an_outcome(sink, command, option, status, plain):
    if command == "CONNECT":
        status = "deferred"  # a greeting says nothing of the message
    port = sink(option, command, *(["-p"] if plain else []))
    for report in await reports(smtp(), f"[127.0.0.1]:{port}"):
        assert [outcome.status.value for outcome in report.outcomes] == [status] * 2, told(report)


async def test_lmtp(sink):
    port = sink("-L")
    transport = LmtpTransport(
        "relay.example.org", DeliverySettings(), resolver=Literal(), clock=lambda: 0.0
    )
    for report in await reports(transport, f"inet:127.0.0.1:{port}"):
        assert [outcome.status.value for outcome in report.outcomes] == ["sent", "sent"]
