"""Who is suppressed, after what, for how long, for whom, and what the sender is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from postroad.delivery.suppression import Suppression, is_hard
from postroad.delivery.suppression_file import (
    SUPPRESSION,
    SuppressionUnavailable,
    clear,
    listed,
    put_by_hand,
    remove,
)
from postroad.delivery.suppression_settings import SuppressionSettings
from postroad.limits.state_file import Keeper
from postroad.model import Address, Reply
from postroad.model.journal import Notice
from queue_fakes import FakeClock, FakeJournal
from queue_mail import NOON

BOB = Address.parse("Bob@Example.net")
ALICE = Address.parse("alice@example.org")
CAROL = Address.parse("carol@example.com")
NOBODY = Reply.of(550, "5.1.1", "<bob@example.net>: User unknown")
DAY = 86_400.0
RELAY = "mx.example.net[192.0.2.1]:25"


class World:
    def __init__(self, path: Path, **settings) -> None:
        self.file = Keeper(path, SUPPRESSION, lambda words: None)
        self.clock = FakeClock()
        self.journal = FakeJournal()
        given = SuppressionSettings(enabled=True, **settings)
        self.list = Suppression(given, self.file, self.journal, self.clock)

    async def refuse(self, times: int = 1, reply: Reply = NOBODY, sender=ALICE, to=BOB) -> None:
        for _ in range(times):
            self.list.refused(to, sender, reply, RELAY)
            await self.list.close()

    async def of(self, to: Address = BOB, sender: Address | None = ALICE) -> str:
        found = await self.list.of(to, sender)
        return "" if found is None else str(found)


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Callable[..., World]]:
    made: list[World] = []

    def build(**settings) -> World:
        made.append(World(tmp_path / "suppression.db", **settings))
        return made[-1]

    yield build
    for world in made:
        await asyncio.to_thread(world.file.close)


@pytest.mark.parametrize(
    ("code", "enhanced", "words", "hard"),
    [
        (550, "5.1.1", "User unknown", True),
        (550, "5.1.1", "Our system has no such thing", True),
        (550, "5.1.2", "Bad destination", True),
        (553, "5.1.3", "Bad syntax", True),
        (551, "5.1.6", "moved", True),
        (556, "5.1.10", "null MX", True),
        (550, "5.2.1", "disabled", True),
        (550, None, "No such user here", True),
        (550, "5.0.0", "Unknown user", True),
        (550, "5.4.1", "Recipient address rejected: Access denied. AS(201806281)", True),
        (450, "4.1.1", "User unknown for now", False),
        (552, "5.2.2", "Mailbox full", False),
        (550, "5.7.1", "User unknown or blocked", False),
        (554, "5.7.1", "blocked using zen.spamhaus.org", False),
        (550, "5.1.1", "blocked using zen.spamhaus.org", False),
        (550, "5.7.26", "sender is unauthenticated", False),
        (550, None, "spam detected", False),
        (552, "5.3.4", "Message size exceeds fixed limit", False),
        (550, "5.0.0", "No.", False),
        (250, "2.1.5", "Ok", False),
        (550, "5.1.1", "sender <x@example.net> does not exist", False),
        (550, "5.1.1", "<x@example.org>: Sender address rejected: User unknown", False),
        (553, "5.1.2", "sender domain unknown", False),
        (550, "5.1.7", "No such user here", False),
        (550, "5.1.8", "User unknown", False),
        (550, "5.0.0", "Mailbox unavailable. Reject due to policy restrictions", False),
        (550, "5.0.0", "relay not permitted: mailbox unavailable", False),
        (550, "5.2.1", "The user is receiving mail at a rate that is too high", False),
        (550, "5.1.1", "User unknown; see our policy", True),
        (550, "5.1.1", "<sender@example.net>: User unknown", True),
    ],
)
def test_what_counts(code: int, enhanced: str | None, words: str, hard: bool) -> None:
    assert is_hard(Reply.of(code, enhanced, words), RELAY) is hard


@pytest.mark.parametrize("local", ["hm12", "spam", "rp-001", "spam+DKIM", '"blocked using"'])
@pytest.mark.parametrize("form", ["<{}@spamcop.example>: User unknown", "No such user {}@ptr.test"])
def test_what_the_address_is_called_changes_nothing(local: str, form: str) -> None:
    assert is_hard(Reply.of(550, "5.1.1", form.format(local)), RELAY)


def test_what_a_code_means_is_the_hosts_own() -> None:
    refusal = Reply.of(550, "5.1.1", "SC-001")
    assert is_hard(refusal, RELAY)
    assert not is_hard(refusal, "eur.olc.protection.outlook.com[104.47.11.33]:25")


async def test_after_enough_refusals(make) -> None:
    world = make(bounces=2)
    await world.refuse()
    assert await world.of() == ""
    await world.refuse()
    assert await world.of() == (
        "550 5.1.1 mail to this address is suppressed since 2027-01-15 after: "
        "550 5.1.1 <bob@example.net>: User unknown"
    )
    (notice,) = world.journal.of(Notice)
    assert notice.text.startswith("<Bob@Example.net> is suppressed from now on, after: 550 5.1.1")


async def test_the_spelling_does_not_matter(make) -> None:
    world = make(bounces=1)
    await world.refuse()
    assert await world.of(Address.parse("bOB@EXAMPLE.NET"))
    assert not await world.of(Address.parse("bobby@example.net"))


async def test_old_refusals_do_not_count(make) -> None:
    world = make(bounces=2, within=7 * DAY)
    await world.refuse()
    world.clock.now += 8 * DAY
    await world.refuse()
    assert not await world.of()
    world.clock.now += DAY
    await world.refuse()
    assert await world.of()


async def test_it_ends(make) -> None:
    world = make(bounces=1, duration=30 * DAY)
    await world.refuse()
    world.clock.now += 30 * DAY - 1
    assert await world.of()
    world.clock.now += 1
    assert not await world.of()
    await world.refuse()
    assert await world.of()


async def test_without_an_end(make) -> None:
    world = make(bounces=1, duration=0.0)
    await world.refuse()
    world.clock.now += 10_000 * DAY
    assert await world.of()


async def test_what_was_under_way_does_not_lengthen_it(make) -> None:
    world = make(bounces=1)
    await world.refuse()
    first = await world.file.ask(lambda it: next(listed(it)))
    world.clock.now += DAY
    await world.refuse(3)
    assert await world.file.ask(lambda it: next(listed(it))) == first
    assert len(world.journal.events) == 1


async def test_for_senders_of_one_domain(make) -> None:
    world = make(bounces=1, scope="sender_domain")
    await world.refuse()
    assert await world.of(sender=Address.parse("dave@EXAMPLE.org"))
    assert not await world.of(sender=CAROL)
    assert not await world.of(sender=None)
    assert "for senders of example.org" in world.journal.events[0].text


async def test_the_null_sender_is_of_no_domain(make) -> None:
    world = make(bounces=1, scope="sender_domain")
    await world.refuse(sender=None)
    assert not await world.of()
    assert not await world.of(sender=None)


async def test_an_entry_by_hand_has_no_end_and_is_for_all(make) -> None:
    world = make(bounces=1, scope="sender_domain")
    await world.file.ask(lambda it: put_by_hand(it, BOB.key, "", "he asked for it", NOON))
    world.clock.now += 10_000 * DAY
    for sender in (ALICE, CAROL, None):
        words = "mail to this address is suppressed since 2027-01-15: he asked for it"
        assert await world.of(sender=sender) == f"550 5.1.1 {words}"
    await world.refuse()
    rows = await world.file.ask(lambda it: [(each.author, each.scope) for each in listed(it)])
    assert sorted(rows) == [("automatic", "example.org"), ("operator", "")]


async def test_a_refusal_does_not_take_an_entry_by_hand_away(make) -> None:
    world = make(bounces=1)
    await world.file.ask(lambda it: put_by_hand(it, BOB.key, "", "why", NOON))
    await world.refuse()
    assert [each.author for each in await world.file.ask(lambda it: list(listed(it)))] == [
        "operator"
    ]


async def test_it_is_remembered_and_shared(make) -> None:
    world = make(bounces=2)
    await world.refuse()
    other = make(bounces=2)
    await other.refuse()
    assert await world.of()
    assert await other.of()


@pytest.mark.parametrize(
    ("forget", "left"),
    [
        (lambda it: remove(it, "bob@example.net"), ["eve@example.net"]),
        (lambda it: remove(it, "@example.net"), []),
        (lambda it: remove(it, "@net"), ["bob@example.net", "eve@example.net"]),
        (lambda it: clear(it, by_hand=False), ["eve@example.net"]),
        (lambda it: clear(it, by_hand=True), []),
    ],
)
async def test_forgetting(make, forget, left: list[str]) -> None:
    world = make(bounces=1)
    await world.refuse()
    await world.file.ask(lambda it: put_by_hand(it, "eve@example.net", "", "", NOON))
    assert await world.file.ask(forget) == 2 - len(left)
    assert [each.address for each in await world.file.ask(lambda it: list(listed(it)))] == left


async def test_there_are_no_more_than_so_many(make) -> None:
    world = make(bounces=1, entries=3)
    await world.file.ask(lambda it: put_by_hand(it, "first@example.net", "", "", NOON - DAY))
    for number in range(5):
        world.clock.now += 1
        world.list._left = 0
        await world.refuse(to=Address.parse(f"a{number}@example.net"))
    rows = await world.file.ask(lambda it: [each.address for each in listed(it)])
    assert rows == ["a3@example.net", "a4@example.net", "first@example.net"]


async def test_switched_off(make) -> None:
    world = make(bounces=1)
    await world.refuse()
    world.list.settings = SuppressionSettings(enabled=False, bounces=1)
    assert not await world.of()
    await world.refuse(to=CAROL)
    world.list.settings = SuppressionSettings(enabled=True, bounces=1)
    assert await world.of()
    assert not await world.of(to=CAROL)


async def test_without_its_file_mail_goes_out(make) -> None:
    world = make(bounces=1)

    class Gone:
        async def ask(self, question):
            raise SuppressionUnavailable("the disk is gone")

    world.list._file = Gone()
    for _ in range(3):
        assert not await world.of()
        await world.refuse()
    assert len(world.journal.events) == 1
    assert "the disk is gone" in world.journal.events[0].text


@pytest.mark.parametrize(
    "mistake", [{"bounces": 0}, {"within": -1.0}, {"duration": -1.0}, {"entries": -1}]
)
def test_settings(mistake) -> None:
    with pytest.raises(ValueError, match="cannot be"):
        SuppressionSettings(**mistake)
