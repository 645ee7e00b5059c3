"""Address verification: against a next hop that the test makes behave, with a clock of its own."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from fake_directory import FakeDirectory
from fake_dns import FakeDns
from fake_mx import DROP, HANG, FakeMx
from postroad.delivery import places, probing
from postroad.delivery.probe import Probing
from postroad.delivery.probing import Prober
from postroad.delivery.routing import Route, Router
from postroad.delivery.settings import DeliverySettings, RelaySettings, VerificationSettings
from postroad.delivery.smtp import SmtpTransport
from postroad.delivery.verified import VERIFIED
from postroad.limits.state_file import Keeper
from postroad.model import Address
from postroad.model.journal import Event
from postroad.net.dns import Resolver
from postroad.net.ourselves import Ourselves
from postroad.net.settings import DnsSettings
from postroad.policy import LookupUnavailable, Verification, VerificationStatus

NOW = 1_800_000_000.0
HOUR, DAY = 3600.0, 86_400.0
BOB = "bob@example.net"
ZONE = {
    "example.net": {"MX": ("10 mx.example.net.",)},
    "xn--bcher-kva.example": {"MX": ("10 mx.example.net.",)},
    "mx.example.net": {"A": ("127.0.0.1",)},
    "dead.example": {"A": ("127.0.0.3",)},
    "null.example": {"MX": ("0 .",)},
    "broken.example": {},
    "ours.example": {"MX": ("10 mail.example.org.",)},
    "mail.example.org": {"A": ("127.0.0.1",)},
}
DELIVERABLE = VerificationStatus.DELIVERABLE
UNDELIVERABLE = VerificationStatus.UNDELIVERABLE
UNKNOWN = VerificationStatus.UNKNOWN


class Ways:
    """The routes of a worker, and who asks."""

    def __init__(self, router: Router, transport: Probing) -> None:
        self.router = router
        self.transport = transport

    async def route(self, address: Address) -> Route:
        return await self.router.route(address)

    def probing(self, transport: str) -> Probing | None:
        return self.transport if transport == "smtp" else None


class World:
    """A next hop, and workers that ask it."""

    def __init__(self, server: FakeMx, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self.now = NOW
        self.events: list[Event] = []
        self.directory = FakeDirectory(
            users={"john@example.org": "summersun"},
            aliases={
                "info@example.org": ["john@example.org"],
                "away@example.org": ["info2@example.org"],
                "info2@example.org": [BOB],
                "empty@example.org": ["gone@example.org"],
                "all@example.org": ["gone@example.org", BOB],
                "self@example.org": ["self@example.org"],
                "tick@example.org": ["tock@example.org"],
                "tock@example.org": ["tick@example.org"],
            },
        )
        self.dns = FakeDns(ZONE, broken=frozenset({"broken.example"}))
        self.paused: list[float] = []
        self.workers: list[tuple[Prober, Keeper, SmtpTransport]] = []
        self.prober = self.worker()

    def worker(self, *, capture: bool = False, **changes: object) -> Prober:
        transport = SmtpTransport(
            "mail.example.org",
            RelaySettings(),
            DeliverySettings(mx_port=self.server.port, idle_timeout=3600.0),
            resolver=Resolver(DnsSettings(), lambda: 0.0, query=self.dns),
            credentials=None,
            journal=self.events.append,
            clock=lambda: self.now,
            ourselves=Ourselves(()),
        )
        keeper = Keeper(self.folder / "verified.db", VERIFIED, print)
        prober = Prober(
            VerificationSettings(**{"poll": math.inf, **changes}),
            "mail.example.org",
            accounts=self.directory,
            ways=Ways(Router(self.directory, capture=capture), transport),
            file=keeper,
            journal=self.events.append,
            clock=lambda: self.now,
            pause=self.pause,
        )
        self.workers.append((prober, keeper, transport))
        return prober

    async def pause(self, seconds: float) -> None:
        self.paused.append(seconds)
        await asyncio.sleep(0)

    async def verify(self, address: str = BOB, by: Prober | None = None) -> Verification:
        return await (by or self.prober).verify(Address.parse(address), sender=False)

    def asked(self) -> list[str]:
        """The addresses that the next hop was asked about."""
        return [each[9:-1] for each in self.server.commands if each.startswith("RCPT")]

    async def settled(self) -> None:
        """Wait until nothing goes on in the background."""
        for prober, _, _ in self.workers:
            await asyncio.gather(*prober._probing.values())

    async def close(self) -> None:
        for prober, keeper, transport in self.workers:
            await prober.close()
            keeper.close()
            transport.close()


Make = Callable[..., "asyncio.Future[World]"]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Make]:
    made: list[World] = []

    async def make(*answers: str, **said: list[str]) -> World:
        if answers:
            said["RCPT"] = list(answers)
        server = await FakeMx(said=said).start()
        made.append(World(server, tmp_path))
        return made[-1]

    yield make
    for each in made:
        await each.close()
        await each.server.stop()


# What a next hop says ----------------------------------------------------------------------------


async def test_a_host_that_takes_the_address(world) -> None:
    it = await world("250 2.1.5 Recipient ok")
    found = await it.verify()
    assert found == (DELIVERABLE, "host mx.example.net[127.0.0.1] said: 250 2.1.5 Recipient ok")
    assert it.server.commands == [
        "EHLO mail.example.org",
        "MAIL FROM:<double-bounce@mail.example.org>",
        "RCPT TO:<bob@example.net>",
    ]
    assert it.server.messages == []
    words = "(host mx.example.net[127.0.0.1] said: 250 2.1.5 Recipient ok)"
    relay = f"mx.example.net[127.0.0.1]:{it.server.port}"
    assert [event.text for event in it.events] == [
        f"to=<bob@example.net>, relay={relay}, status=deliverable {words}"
    ]


@pytest.mark.parametrize(
    ("said", "status", "words"),
    [
        (
            {"RCPT": ["550 5.1.1 <bob@example.net>: unknown"]},
            UNDELIVERABLE,
            "HOST said: 550 5.1.1 <bob@example.net>: unknown (in reply to RCPT TO command)",
        ),
        (
            {"RCPT": ["550-5.1.1 no such user\r\n550 5.1.1 gr\u00fc\u00dfe"]},
            UNDELIVERABLE,
            "HOST said: 550 5.1.1 no such user gr??e (in reply to RCPT TO command)",
        ),
        (
            {"MAIL": ["550 5.7.1 not you"]},
            UNDELIVERABLE,
            "HOST said: 550 5.7.1 not you (in reply to MAIL FROM command)",
        ),
        (
            {"EHLO": ["550 5.7.1 no"], "HELO": ["554 5.7.1 go away"]},
            UNDELIVERABLE,
            "HOST said: 554 5.7.1 go away (in reply to HELO command)",
        ),
        (
            {"RCPT": ["450 4.2.0 greylisted"]},
            UNKNOWN,
            "HOST said: 450 4.2.0 greylisted (in reply to RCPT TO command)",
        ),
        ({"CONNECT": ["554 5.7.1 no"]}, UNKNOWN, "HOST refused to talk to me: 554 5.7.1 no"),
        (
            {"CONNECT": [DROP]},
            UNKNOWN,
            "lost connection with HERE while receiving the initial server greeting",
        ),
        ({"RCPT": ["xyz"]}, UNKNOWN, "MALFORMED, from HERE while sending RCPT TO"),
    ],
)
async def test_other_answers(
    world, said: dict[str, list[str]], status: VerificationStatus, words: str
) -> None:
    it = await world(**said)
    found = await it.verify()
    assert found.status is status
    here = "mx.example.net[127.0.0.1]"
    wanted = words.replace("HOST", f"host {here}").replace("HERE", here)
    assert found.why.endswith(wanted.removeprefix("MALFORMED"))


@pytest.mark.parametrize(
    ("address", "status", "words"),
    [
        ("bob@nowhere.example", UNDELIVERABLE, "Host or domain name not found. Name service"),
        ("bob@null.example", UNDELIVERABLE, "Domain null.example does not accept mail (null MX)"),
        ("bob@broken.example", UNKNOWN, "Host or domain name not found. Name service error"),
        ("bob@dead.example", UNKNOWN, "connect to dead.example[127.0.0.3]:"),
        ("bob@ours.example", UNDELIVERABLE, "mail for ours.example loops back to myself"),
    ],
)
async def test_hosts_that_cannot_be_asked(
    world, address: str, status: VerificationStatus, words: str
) -> None:
    it = await world()
    found = await it.verify(address)
    assert found.status is status
    assert found.why.startswith(words)
    assert it.server.connections == 0


async def test_a_domain_of_other_letters_is_asked_by_its_name_in_ascii(world) -> None:
    it = await world()
    assert (await it.verify("bob@b\u00fccher.example")).status is DELIVERABLE
    assert it.asked() == ["bob@xn--bcher-kva.example"]


async def test_a_sender_of_the_operators(world) -> None:
    it = await world()
    await it.verify(by=it.worker(sender="probe@example.org"))
    await it.verify("eve@example.net", by=it.worker(sender="<>"))
    senders = [each for each in it.server.commands if each.startswith("MAIL")]
    assert senders == ["MAIL FROM:<probe@example.org>", "MAIL FROM:<>"]


# What needs no probe -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("john@example.org", DELIVERABLE),
        ("john+lists@example.org", DELIVERABLE),
        ("Info@EXAMPLE.org", DELIVERABLE),
        ("nobody@example.org", UNDELIVERABLE),
        ("empty@example.org", UNDELIVERABLE),
        ("all@example.org", DELIVERABLE),
        ("self@example.org", DELIVERABLE),
        ("tick@example.org", UNDELIVERABLE),
        ("double-bounce@mail.example.org", DELIVERABLE),
        ("Double-Bounce@Mail.Example.org", DELIVERABLE),
    ],
)
async def test_our_own_addresses(world, address: str, status: VerificationStatus) -> None:
    it = await world()
    assert (await it.verify(address)).status is status
    assert it.server.connections == 0


async def test_an_alias_for_another_address_is_that_address(world) -> None:
    it = await world("550 5.1.1 Unknown")
    assert (await it.verify("away@example.org")).status is UNDELIVERABLE
    assert await it.verify() == await it.verify("away@example.org")
    assert it.asked() == [BOB]


async def test_mail_that_does_not_leave_is_not_asked_about(world) -> None:
    it = await world()
    assert (await it.verify(by=it.worker(capture=True))).status is DELIVERABLE
    assert it.server.connections == 0


async def test_a_directory_that_fails(world) -> None:
    it = await world()
    it.directory.unavailable = True
    with pytest.raises(LookupUnavailable):
        await it.verify("john@example.org")
    with pytest.raises(LookupUnavailable):
        await it.verify()


async def test_a_file_that_fails(world, tmp_path: Path) -> None:
    it = await world()
    (tmp_path / "verified.db").mkdir()
    with pytest.raises(LookupUnavailable, match="unable to open"):
        await it.verify()
    assert it.server.connections == 0


# What is remembered ------------------------------------------------------------------------------


async def test_an_answer_is_asked_for_once(world) -> None:
    it = await world("250 2.1.5 Ok", "550 5.1.1 Unknown")
    other = it.worker()
    for by in (it.prober, other, it.prober):
        assert (await it.verify(by=by)).status is DELIVERABLE
        assert (await it.verify("eve@example.net", by=by)).status is UNDELIVERABLE
    assert it.asked() == [BOB, "eve@example.net"]


async def test_many_who_ask_at_once_cause_one_probe(world) -> None:
    it = await world()
    others = [it.worker() for _ in range(3)]
    found = await asyncio.gather(*[it.verify(by=by) for by in (it.prober, *others) for _ in "ab"])
    assert {each.status for each in found} == {DELIVERABLE}
    assert it.asked() == [BOB]
    assert set(it.paused) <= {probing.LOOK_AGAIN}


async def test_it_is_renewed_behind_the_clients_back(world) -> None:
    it = await world("550 5.1.1 Unknown", "250 2.1.5 Ok", "450 4.2.0 Later", "250 2.1.5 Ok")
    assert (await it.verify()).status is UNDELIVERABLE
    it.now += 3 * HOUR + 1
    assert (await it.verify()).status is UNDELIVERABLE
    await it.settled()
    assert (await it.verify()).status is DELIVERABLE
    it.now += 7 * DAY + 1
    for _ in range(3):  # a probe that fails changes nothing, and is not made again at once
        assert (await it.verify()).status is DELIVERABLE
        await it.settled()
    assert len(it.asked()) == 3
    it.now += 301
    await it.verify()
    await it.settled()
    assert len(it.asked()) == 4


async def test_what_is_not_known_is_found_out_when_the_client_comes_again(world) -> None:
    it = await world("450 4.2.0 Greylisted", "250 2.1.5 Ok")
    assert (await it.verify()).status is UNKNOWN
    it.now += 299
    assert (await it.verify()).status is UNKNOWN
    assert len(it.asked()) == 1
    it.now += 2
    assert (await it.verify()).status is DELIVERABLE


async def test_what_is_known_can_be_told_without_asking(world) -> None:
    it = await world("250 2.1.5 Ok")
    bob = Address.parse(BOB)
    assert await it.prober.recall(bob) == (UNKNOWN, "Not yet verified")
    assert await it.prober.recall(Address.parse("john@example.org")) == (
        DELIVERABLE,
        "delivers to mailbox",
    )
    assert it.server.connections == 0
    await it.verify()
    assert (await it.prober.recall(bob)).status is DELIVERABLE
    it.directory.unavailable = True
    with pytest.raises(LookupUnavailable):
        await it.prober.recall(bob)


async def test_connections_are_used_again(world) -> None:
    it = await world()
    for at in range(5):
        await it.verify(f"user{at}@example.net")
    assert it.server.connections == 1
    assert it.server.commands.count("RSET") == 4


# Slow and hostile next hops ----------------------------------------------------------------------


async def test_a_client_does_not_wait_for_long_and_the_probe_goes_on(world) -> None:
    it = await world(CONNECT=[HANG])
    hasty = it.worker(poll=0.0)
    assert await it.verify(by=hasty) == (UNKNOWN, "Address verification in progress")
    await it.server.hanging.wait()
    assert await it.verify(by=hasty) == (UNKNOWN, "Address verification in progress")
    assert await it.verify(by=it.worker(poll=0.0)) == (UNKNOWN, "Address verification in progress")
    assert it.server.connections == 1


async def test_the_answer_is_there_when_the_client_comes_again(world) -> None:
    it = await world()
    hasty = it.worker(poll=0.0)
    assert (await it.verify(by=hasty)).why == "Address verification in progress"
    await it.settled()
    assert (await it.verify(by=hasty)).status is DELIVERABLE


async def test_a_client_that_goes_away_does_not_end_the_probe(world) -> None:
    it = await world(CONNECT=[HANG])
    waiting = asyncio.create_task(it.verify())
    await it.server.hanging.wait()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert len(it.prober._probing) == 1


@pytest.mark.jumps
async def test_a_host_that_holds_us_is_left_alone(world) -> None:
    it = await world(CONNECT=[HANG])
    assert await it.verify() == (UNKNOWN, "Address verification took too long")
    assert await it.verify("eve@example.net") == (UNKNOWN, "Address verification took too long")
    assert it.server.connections == 1
    it.now += probing.REST
    assert (await it.verify("joe@example.net")).status is DELIVERABLE


async def test_an_endless_greeting_ends(world) -> None:
    it = await world(CONNECT=["220-" + "x" * 400 + "\r\n" + ("220-" + "x" * 400 + "\r\n") * 5000])
    found = await it.verify()
    assert found.status is UNKNOWN
    assert len(found.why) <= 500


async def test_a_host_that_is_down_is_not_tried_for_each_address(world) -> None:
    it = await world()
    first = await it.verify("bob@dead.example")
    asked = len(it.dns.asked)
    for at in range(20):
        assert await it.verify(f"user{at}@dead.example") == first
    assert len(it.dns.asked) == asked
    words = [event.text for event in it.events if "status=unknown" in event.text]
    assert len(words) == 1


async def test_ten_thousand_addresses_of_one_domain_at_once(world) -> None:
    it = await world(CONNECT=[HANG] * 10)
    hasty = it.worker(poll=0.0)
    found = await asyncio.gather(
        *[it.verify(f"user{at}@example.net", by=hasty) for at in range(10_000)]
    )
    assert {each.status for each in found} == {UNKNOWN}
    assert len(hasty._probing) == places.MOST_AT_ONE
    assert (await it.verify("john@example.org", by=hasty)).status is DELIVERABLE
    assert (await it.verify("bob@null.example", by=it.prober)).status is UNDELIVERABLE
    words = {each.why for each in found}
    assert words == {
        "Address verification in progress",
        "Too many addresses are being verified",
    }
    assert it.server.connections <= 5


async def test_who_is_not_probed_for_want_of_a_place_is_the_next_time(
    world, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "MOST_AT_ONE", 0)
    it = await world()
    assert await it.verify() == (UNKNOWN, "Too many addresses are being verified")
    monkeypatch.setattr(places, "MOST_AT_ONE", 1)
    assert (await it.verify()).status is DELIVERABLE


async def test_a_worker_that_ends_leaves_no_claim(world) -> None:
    it = await world(CONNECT=[HANG])
    ending = it.worker(poll=0.0)
    await it.verify(by=ending)
    await it.server.hanging.wait()
    await ending.close()
    assert (await it.verify()).status is DELIVERABLE


async def test_other_settings_hold_at_once(world) -> None:
    it = await world("250 2.1.5 Ok", "550 5.1.1 Unknown")
    await it.verify()
    it.now += 61
    it.prober.configure(VerificationSettings(poll=math.inf, positive_expire=60, probes=1))
    assert (await it.verify()).status is UNDELIVERABLE
