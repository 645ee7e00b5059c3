from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from itertools import count

import pytest

from deliveries import delivery, told
from fake_dns import FakeDns
from fake_mx import DROP, HANG, FakeMx
from postroad.delivery.lmtp import LmtpTransport
from postroad.delivery.settings import DeliverySettings
from postroad.model import (
    Address,
    BodyType,
    ByMode,
    DeliverBy,
    Notify,
    Outcome,
    Report,
    StoredRecipient,
)
from postroad.net.dns import Resolver
from postroad.net.settings import DnsSettings
from queue_fakes import turn

ZONE = {
    "store.example": {"A": ("127.0.0.1",)},
    "pair.example": {"A": ("127.0.0.3", "127.0.0.1")},
}


@pytest.fixture
async def transport():
    ticks = count()
    made = LmtpTransport(
        "relay.example.org",
        DeliverySettings(),
        resolver=Resolver(
            DnsSettings(),
            lambda: 0.0,
            query=FakeDns(ZONE, broken=frozenset({"broken.example"})),
        ),
        clock=lambda: float(next(ticks)),
    )
    yield made
    made.close()


@pytest.fixture
async def servers():
    started = []

    async def start(server: FakeMx, **where: object) -> FakeMx:
        started.append(server)
        return await server.start(**where)

    yield start
    for server in started:
        await server.stop()


async def test_each_recipient_is_answered_over_a_unix_socket(transport, servers, tmp_path):
    path = tmp_path / "lmtp"
    said = {
        "RCPT": ["250 Ok", "550 5.1.1 No such user", "250 Ok"],
        "END": ["250 2.0.0 Saved", "452 4.2.2 Mailbox full"],
    }
    server = await servers(FakeMx(lmtp=True, said=said), path=path)
    report = await transport.deliver(
        delivery(f"unix:{path}", "a@example.org", "b@example.org", "c@example.org")
    )
    assert told(report) == [
        "10 sent 250 2.0.0 Saved",
        "11 bounced 550 5.1.1 No such user",
        "12 deferred 452 4.2.2 Mailbox full",
    ]
    assert report.relay == f"relay.example.org[{path}]"
    assert server.commands[0] == "LHLO relay.example.org"


async def test_a_421_to_one_recipient_is_not_the_word_on_those_behind_it(
    transport, servers, tmp_path
):
    """The others have the message: deferred, they would get it twice."""
    path = tmp_path / "lmtp"
    said = {"END": ["250 2.0.0 Saved", "421 4.3.2 Busy", "250 2.0.0 Saved too", DROP]}
    await servers(FakeMx(lmtp=True, said=said), path=path)
    to = [f"{name}@example.org" for name in "abcd"]
    report = await transport.deliver(delivery(f"unix:{path}", *to))
    *first, last = told(report)
    assert first == [
        "10 sent 250 2.0.0 Saved",
        "11 deferred 421 4.3.2 Busy",
        "12 sent 250 2.0.0 Saved too",
    ]
    assert last.startswith("13 deferred 451 4.4.2 lost connection with")


@pytest.mark.parametrize(
    ("said", "known"),
    [
        (
            ["250 2.0.0 Saved", "452 4.2.2 Full", "250 2.0.0 Saved too", HANG],
            ["10 sent", "12 sent"],
        ),
        ([HANG], []),
    ],
)
async def test_who_has_the_mail_is_known_when_the_answers_of_the_others_are_cut_off(
    transport, servers, tmp_path, said, known
):
    """Those would get it twice; and what was said of an earlier message counts for nobody."""
    parts: list[Outcome] = []

    def parted(outcomes: Sequence[Outcome]) -> None:
        parts.extend(outcomes)

    path = tmp_path / "lmtp"
    server = await servers(FakeMx(lmtp=True, said={"END": ["250 2.0.0 Saved", *said]}), path=path)
    await transport.deliver(delivery(f"unix:{path}"))
    to = [f"{name}@example.org" for name in "abcd"]
    cut = asyncio.create_task(
        transport.deliver(replace(delivery(f"unix:{path}", *to), parted=parted))
    )
    await server.hanging.wait()
    await turn()
    cut.cancel()
    await asyncio.wait([cut])

    sent = [each for each in told(Report(tuple(parts), "")) if " sent " in each]
    assert [" ".join(each.split()[:2]) for each in sent] == known


@pytest.mark.parametrize(
    ("host", "relay"),
    [
        ("127.0.0.1", "127.0.0.1[127.0.0.1]"),
        ("store.example", "store.example[127.0.0.1]"),
        ("[127.0.0.1]", "127.0.0.1[127.0.0.1]"),
    ],
)
async def test_over_tcp_and_used_again(transport, servers, host, relay):
    server = await servers(FakeMx(lmtp=True))
    for _ in range(2):
        report = await transport.deliver(delivery(f"inet:{host}:{server.port}"))
        assert told(report)[0].startswith("10 sent 250 2.0.0 Ok: queued as ")
    assert report.relay == f"{relay}:{server.port}"
    assert server.connections == 1


@pytest.mark.parametrize(
    ("nexthop", "result"),
    [
        ("unix:/nowhere/lmtp", "/nowhere/lmtp]: No such file or directory"),
        ("inet:127.0.0.3:1", "451 4.4.1 connect to 127.0.0.3[127.0.0.3]:1: Connection refused"),
        ("inet:broken.example:24", "451 4.4.3 no answer for name=broken.example type=A"),
        ("inet:absent.example:24", "451 4.4.3 no address for absent.example"),
    ],
)
async def test_a_store_that_is_away_means_later(transport, nexthop, result):
    report = await transport.deliver(delivery(nexthop))
    assert told(report)[0].startswith("10 deferred 451 4.4.")
    assert told(report)[0].endswith(result)
    assert report.unreachable


async def test_a_store_that_does_not_speak_lmtp(transport, servers, tmp_path):
    path = tmp_path / "lmtp"
    await servers(FakeMx(said={"LHLO": ["500 5.5.1 What?"]}), path=path)
    report = await transport.deliver(delivery(f"unix:{path}"))
    assert told(report) == [
        f"10 deferred 451 4.3.5 host relay.example.org[{path}] said: 500 5.5.1 What?"
    ]


async def test_a_store_is_told_of_what_it_knows(transport, servers, tmp_path):
    path = tmp_path / "lmtp"
    offer = ("PIPELINING", "DSN", "CHUNKING", "BINARYMIME")
    server = await servers(FakeMx(lmtp=True, offer=offer), path=path)
    bob = Address.parse("bob@example.org")
    stored = (
        StoredRecipient(1, bob, bob, notify=Notify.SUCCESS, orcpt="rfc822;b@x.net"),
        StoredRecipient(2, bob, bob),
    )
    report = await transport.deliver(
        delivery(f"unix:{path}", stored=stored, body=BodyType.BINARY_MIME, envid="314")
    )
    assert [outcome.status.value for outcome in report.outcomes] == ["sent", "sent"]
    assert all(outcome.dsn_passed for outcome in report.outcomes)
    assert server.commands[1:] == [
        "MAIL FROM:<alice@example.org> BODY=BINARYMIME ENVID=314",
        "RCPT TO:<bob@example.org> NOTIFY=SUCCESS ORCPT=rfc822;b@x.net",
        "RCPT TO:<bob@example.org>",
        "BDAT 1",
        "BDAT 34 LAST",
    ]


async def test_with_a_store_the_way_ends(transport, servers, tmp_path):
    path = tmp_path / "lmtp"
    server = await servers(FakeMx(lmtp=True), path=path)
    asked = {"require_tls": True, "deliver_by": DeliverBy(0.0, ByMode.RETURN)}
    report = await transport.deliver(delivery(f"unix:{path}", **asked))
    assert told(report) == ["10 sent 250 2.0.0 Ok: queued as 0"]
    assert server.commands[1] == "MAIL FROM:<alice@example.org> SIZE=35"


async def test_a_store_without_binarymime_gets_no_binary_content(transport, servers, tmp_path):
    path = tmp_path / "lmtp"
    await servers(FakeMx(lmtp=True), path=path)
    report = await transport.deliver(delivery(f"unix:{path}", body=BodyType.BINARY_MIME))
    assert told(report)[0].startswith("10 bounced 554 5.6.3 BINARYMIME with CHUNKING is required")


async def test_an_address_where_nobody_listens_is_followed_by_the_next(transport, servers):
    server = await servers(FakeMx(lmtp=True))
    report = await transport.deliver(delivery(f"inet:pair.example:{server.port}"))
    assert told(report) == ["10 sent 250 2.0.0 Ok: queued as 0"]
    assert report.relay == f"pair.example[127.0.0.1]:{server.port}"


async def test_so_is_one_that_gives_no_session(transport, servers):
    server = await servers(FakeMx(lmtp=True))
    await servers(FakeMx(said={"CONNECT": ["421 4.3.2 Busy"]}), host="127.0.0.3", port=server.port)
    report = await transport.deliver(delivery(f"inet:pair.example:{server.port}"))
    assert told(report) == ["10 sent 250 2.0.0 Ok: queued as 0"]


async def test_where_no_address_gives_one_the_last_word_counts(transport, servers):
    server = await servers(FakeMx(said={"CONNECT": ["421 4.3.2 Busy"]}))
    report = await transport.deliver(delivery(f"inet:pair.example:{server.port}"))
    assert "pair.example[127.0.0.1]" in told(report)[0]
    assert "421 4.3.2 Busy" in told(report)[0]
