"""Reports about TLS in a worker: what is counted, by whom, and what a reload changes."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fake_dns import FakeDns
from postroad.app.running import Running
from postroad.app.tls_reports import TlsReports, identity_of
from postroad.config import Configuration
from postroad.delivery.tls_policy import Basis, TlsResult, TlsSeen
from postroad.limits.state_file import open_file
from postroad.net.dns import Resolver
from postroad.net.settings import DnsSettings
from postroad.reports import sums
from postroad.reports.file import TLS_REPORTS
from postroad.reports.settings import TlsReportSettings
from postroad.server.settings import ListenerSettings
from report_world import TODAY

SEEN = TlsSeen(
    Basis("sts", "example.net", ("version: STSv1",), ("mx.example.net",)),
    "example.net",
    TlsResult.SUCCESS,
    "mx.example.net",
    "192.0.2.1",
    "198.51.100.1",
)


class World:
    def __init__(self, folder: Path) -> None:
        self.configuration = Configuration(
            hostname="mail.example.org",
            domains=("example.org",),
            state_directory=folder,
            listeners={"mx": ListenerSettings(tls="none")},
        )
        self.closed = False
        self.said: list[str] = []
        self.running = Running(self.configuration, lambda: self.configuration)
        self.reports = TlsReports(
            self.running,
            Resolver(DnsSettings(), time.monotonic, query=FakeDns({})),
            lambda event: self.said.append(event.text),
            now=lambda: TODAY * 86_400.0,
        )

    def switch(self, **settings: object) -> None:
        reports = TlsReportSettings(**settings)  # type: ignore[arg-type]
        self.configuration = dataclasses.replace(self.configuration, tls_reports=reports)
        self.running.reload()
        self.reports.replace(self.running)

    async def close(self) -> None:
        if not self.closed:
            self.closed = True
            await self.reports.close()

    def counted(self) -> list[tuple[str, int, int]]:
        connection = open_file(self.configuration.tls_reports_file, TLS_REPORTS)
        found = [(each.domain, each.ok, each.failed) for each in sums.counted(connection)]
        connection.close()
        return found


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path)
    yield made
    await made.close()


async def test_switched_off_it_counts_nothing_and_makes_no_file(world: World) -> None:
    world.reports.replace(world.running)
    world.reports.seen(SEEN)
    await world.reports.write()
    await world.reports.send()
    await world.close()
    assert not world.configuration.tls_reports_file.exists()


async def test_a_reload_begins_and_ends_counting(world: World) -> None:
    world.switch(send=True)
    world.reports.seen(SEEN)
    world.reports.seen(dataclasses.replace(SEEN, result=TlsResult.CERTIFICATE_EXPIRED))
    world.switch(send=False)
    world.reports.seen(SEEN)
    await world.close()  # writes what was counted
    assert world.counted() == [("example.net", 1, 1)]


async def test_domains_are_counted_as_the_dns_has_them(world: World) -> None:
    world.switch(send=True)
    for domain in ("EXAMPLE.net.", "b\u00fccher.example", "localhost", "[192.0.2.1]", ""):
        world.reports.seen(dataclasses.replace(SEEN, domain=domain))
    await world.reports.write()
    assert world.counted() == [("example.net", 1, 0), ("xn--bcher-kva.example", 1, 0)]


async def test_a_file_that_cannot_be_made_is_said(world: World) -> None:
    world.switch(send=True)
    world.configuration.tls_reports_file.mkdir()
    world.reports.seen(SEEN)
    await world.reports.write()
    (line,) = world.said
    assert line.endswith("1 sessions are not counted")


def test_who_reports() -> None:
    configuration = Configuration(hostname="mail.example.org", domains=("b\u00fccher.example",))
    identity = identity_of(configuration)
    assert identity.author == identity.contact == "postmaster@xn--bcher-kva.example"
    assert identity.organization == "xn--bcher-kva.example"
    said = TlsReportSettings(from_address="a@example.org", contact="us", organization="We")
    identity = identity_of(dataclasses.replace(configuration, domains=(), tls_reports=said))
    assert (identity.author, identity.contact, identity.organization) == (
        "a@example.org",
        "us",
        "We",
    )
    bare = identity_of(Configuration(hostname="mail.example.org", domains=()))
    assert bare.author == "postmaster@mail.example.org"
