"""What sessions and the queue tell becomes a freeze, or a warning, or nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from fake_counters import MemoryCounters
from fake_freezes import FakeFreezes
from postroad.app.consequences import SERVICE
from postroad.app.containment import Containment, Rules
from postroad.app.freeze_letter import Letter
from postroad.directory import Freeze
from postroad.limits.conduct import Act, LoggedIn, Offered
from postroad.limits.conduct_settings import ContainmentSettings
from postroad.limits.habits import DAY, HabitsUnavailable, Usual
from postroad.model import Address, Login, Reply
from postroad.model.journal import Event, Level, Notice

NOW = 1_800_000_000.0
JOHN = Login("john@example.org", "PLAIN")
ADMIN_AS_JOHN = Login("john@example.org", "PLAIN", "admin@example.org")
HOME, HOTEL, WEBMAIL = "192.0.2.7", "198.51.100.1", "127.0.0.1"
SUSPENDED = Reply.of(
    450,
    "4.7.13",
    "Error: sending from john@example.org is suspended; ask postmaster@example.org",
)
GONE = Reply.of(550, "5.1.1", "no such user")
TOO_MUCH = Offered(2501)


class FakeHabits:
    def __init__(self) -> None:
        self.usually = Usual(0, None, None)
        self.asked = 0
        self.logins: list[tuple[str, str]] = []
        self.bursts: list[tuple[str, int, int]] = []
        self.unavailable = False

    def logged_in(self, user: str, address: str, now: float) -> None:
        self.logins.append((user, address))

    def sent(self, user: str, thaws: int, recipients: int, now: float) -> None:
        self.bursts.append((user, thaws, recipients))

    async def usual(self, user: str, thaws: int, address: str, now: float) -> Usual:
        self.asked += 1
        await asyncio.sleep(0)
        if self.unavailable:
            raise HabitsUnavailable("the fake was told to fail")
        return self.usually


class Following:
    def __init__(self) -> None:
        self.freezes: list[Freeze] = []
        self.letters: list[Letter] = []

    def follow(self, freeze: Freeze) -> None:
        self.freezes.append(freeze)

    async def tell(self, letter: Letter) -> bool:
        self.letters.append(letter)
        return True


class World:
    """Two workers over common counters and freezes."""

    def __init__(self) -> None:
        self.now = NOW
        self.counters = MemoryCounters()
        self.freezes = FakeFreezes()
        self.habits = FakeHabits()
        self.following = Following()
        self.events: list[Event] = []
        self.pauses = 0
        self.workers = [self.worker(number) for number in range(2)]

    def worker(self, number: int) -> Containment:
        return Containment(
            rules(),
            worker=number,
            counters=self.counters,
            habits=self.habits,  # type: ignore[arg-type]
            freezes=self.freezes,  # type: ignore[arg-type]
            following=self.following,
            journal=self.events.append,
            clock=lambda: self.now,
            pause=self.pause,
        )

    def replace(self, **settings: object) -> None:
        for worker in self.workers:
            worker.replace(rules(**settings))

    async def pause(self, _: float) -> None:
        self.pauses += 1
        if self.pauses == 3:
            self.freezes.unavailable = False

    def saw(self, act: Act, *, login: Login = JOHN, client: str = HOME, worker: int = 0) -> None:
        self.workers[worker].saw(login, client, act, self.now)

    async def settled(self) -> None:
        while tasks := [task for worker in self.workers for task in worker._tasks]:
            await asyncio.gather(*tasks)

    def suspension(self, login: Login = JOHN, worker: int = 0) -> Reply | None:
        return self.workers[worker].suspension(login)


def rules(**settings: object) -> Rules:
    return Rules(
        settings=replace(ContainmentSettings(), **settings),  # type: ignore[arg-type]
        recipients=(Address("postmaster", "example.org"),),
        postmaster="postmaster@example.org",
        hostname="mail.example.org",
        says_nothing=lambda address: address == WEBMAIL,
    )


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    for worker in world.workers:
        await worker.close()


async def test_a_finding_suspends_at_once_and_freezes(world: World) -> None:
    assert world.suspension() is None
    world.saw(TOO_MUCH)
    assert world.suspension() == SUSPENDED  # before anything is written
    assert world.suspension(worker=1) is None
    await world.settled()
    assert world.suspension(worker=1) == SUSPENDED
    (freeze,) = world.following.freezes
    assert (freeze.user, freeze.worker) == ("john@example.org", 0)
    assert freeze.reason == "2501 recipients in 10 minutes, more than 2500 (burst)"
    (event,) = world.events
    assert isinstance(event, Notice)
    assert (event.service, event.severity) == (SERVICE, Level.WARNING)
    assert event.text == f"warning: froze john@example.org: {freeze.reason}"


async def test_two_workers_that_notice_at_once_freeze_once(world: World) -> None:
    world.saw(TOO_MUCH, worker=0)
    world.saw(TOO_MUCH, worker=1)
    world.saw(TOO_MUCH, worker=0)
    await world.settled()
    assert len(world.following.freezes) == 1
    assert world.suspension() == world.suspension(worker=1) == SUSPENDED


async def test_a_thaw_begins_with_clean_counts_in_all_workers(world: World) -> None:
    world.saw(TOO_MUCH, worker=0)
    await world.settled()
    world.freezes.thaw(JOHN.user)
    for worker in range(2):
        assert world.suspension(worker=worker) is None
        world.saw(Offered(1250), worker=worker)
    await world.settled()
    assert world.suspension() is None
    world.saw(Offered(1), worker=1)
    await world.settled()
    assert world.suspension() == SUSPENDED
    assert [freeze.thaws for freeze in world.following.freezes] == [0, 1]


async def test_what_a_frozen_account_does_is_not_counted(world: World) -> None:
    world.saw(TOO_MUCH)
    await world.settled()
    counted = dict(world.counters._buckets)
    for _ in range(100):
        world.saw(TOO_MUCH, worker=1)
        world.workers[0].bounced(JOHN.user, "", Address("a", "example.net"), GONE)
    assert world.counters._buckets == counted


async def test_a_freeze_that_cannot_be_written_suspends_here_and_is_tried_again(
    world: World,
) -> None:
    world.freezes.unavailable = True
    world.saw(TOO_MUCH)
    await asyncio.sleep(0)
    assert world.suspension() == SUSPENDED
    await world.settled()
    assert world.pauses == 3
    assert len(world.following.freezes) == 1
    assert sum("could not be written" in event.text for event in world.events) == 3


async def test_a_freeze_that_is_thawed_before_anybody_looked_has_no_consequences(
    world: World,
) -> None:
    begin = world.freezes.begin

    async def begin_and_thaw(user: str, reason: str, worker: int, now: float) -> bool:
        done = await begin(user, reason, worker, now)
        world.freezes.thaw(user)
        return done

    world.freezes.begin = begin_and_thaw  # type: ignore[method-assign]
    world.saw(TOO_MUCH)
    await world.settled()
    assert world.following.freezes == []
    assert world.suspension() is None


# Whose act it is ---------------------------------------------------------------------------------


async def test_who_acts_as_another_is_who_is_found_out(world: World) -> None:
    world.saw(TOO_MUCH, login=ADMIN_AS_JOHN)
    await world.settled()
    assert [freeze.user for freeze in world.following.freezes] == ["admin@example.org"]
    assert world.suspension(JOHN) is None
    refusal = world.suspension(ADMIN_AS_JOHN)
    assert refusal is not None
    assert "admin@example.org is suspended" in refusal.text


async def test_nobody_sends_as_a_frozen_account(world: World) -> None:
    world.saw(TOO_MUCH)
    await world.settled()
    assert world.suspension(ADMIN_AS_JOHN) == SUSPENDED


async def test_bounces_are_those_of_who_submitted_the_mail(world: World) -> None:
    world.saw(Offered(300))
    for _ in range(101):
        world.workers[1].bounced(JOHN.user, "", Address("a", "example.net"), GONE)
    await world.settled()
    (freeze,) = world.following.freezes
    assert freeze.reason.endswith("(bounces)")


@pytest.mark.parametrize("exempt", ["John@Example.org", "*@EXAMPLE.org"])
async def test_an_exempt_account_is_not_counted(world: World, exempt: str) -> None:
    world.replace(exempt=(exempt,))
    world.saw(TOO_MUCH)
    await world.settled()
    assert world.suspension() is None
    assert not world.counters._buckets


async def test_an_exempt_account_can_be_frozen_by_hand(world: World) -> None:
    world.replace(exempt=("john@example.org",), action="none")
    await world.freezes.begin(JOHN.user, "", 0, NOW)
    assert world.suspension() == SUSPENDED


async def test_nothing_is_counted_where_nothing_is_done(world: World) -> None:
    world.replace(action="none")
    world.saw(TOO_MUCH)
    assert not world.counters._buckets
    assert world.suspension() is None


async def test_where_a_web_mailer_logs_in_from_says_nothing(world: World) -> None:
    for _ in range(100):
        world.saw(LoggedIn(WEBMAIL), client=WEBMAIL)
    assert world.habits.logins == []
    assert not world.counters._buckets
    for number in range(21):
        address = f"10.{number}.0.1"
        world.saw(LoggedIn(address), client=address)
    await world.settled()
    assert len(world.habits.logins) == 21
    assert world.suspension() == SUSPENDED


# Unusual bursts ----------------------------------------------------------------------------------

KNOWN = NOW - 30 * DAY


@pytest.mark.parametrize(
    ("usual", "suspect"),
    [
        (Usual(0, KNOWN, NOW), True),
        (Usual(0, KNOWN, None), True),
        (Usual(50, KNOWN, NOW), True),
        (Usual(51, KNOWN, NOW), False),  # it has sent so much before
        (Usual(0, KNOWN, NOW - 2 * DAY), False),  # it is at home there
        (Usual(0, NOW - 6 * DAY, NOW), False),  # it is new
        (Usual(0, None, None), False),  # nothing is known of it
    ],
)
async def test_a_burst_is_unusual_for_who_never_sent_so_much_from_there(
    world: World, usual: Usual, suspect: bool
) -> None:
    world.habits.usually = usual
    world.saw(Offered(501), client=HOTEL)
    await world.settled()
    assert (world.suspension() is not None) is suspect
    assert world.habits.bursts == [("john@example.org", 0, 501)]


async def test_habits_are_asked_only_of_who_sends_very_much_and_not_each_time(
    world: World,
) -> None:
    for _ in range(50):
        world.saw(Offered(1))
    assert world.habits.bursts == []
    world.saw(Offered(1))
    assert world.habits.bursts == [("john@example.org", 0, 51)]
    world.saw(Offered(449))
    await world.settled()
    assert world.habits.asked == 0
    for _ in range(100):
        world.saw(Offered(1))
    await world.settled()
    assert world.habits.asked == 1
    world.now += 11
    world.saw(Offered(1))
    await world.settled()
    assert world.habits.asked == 2


async def test_a_look_at_one_network_does_not_stand_for_another(world: World) -> None:
    world.saw(Offered(501), client=HOME)
    world.saw(Offered(1), client=HOTEL)
    await world.settled()
    assert world.habits.asked == 2


async def test_through_a_web_mailer_no_burst_is_unusual(world: World) -> None:
    world.habits.usually = Usual(0, KNOWN, None)
    world.saw(Offered(600), client=WEBMAIL)
    await world.settled()
    assert world.suspension() is None


async def test_where_habits_are_not_known_nothing_is_unusual(world: World) -> None:
    world.habits.unavailable = True
    world.saw(Offered(600))
    await world.settled()
    assert world.suspension() is None
    assert "is not known" in world.events[0].text


# Warnings ----------------------------------------------------------------------------------------


async def test_where_only_a_warning_is_wanted_there_is_one_a_day(world: World) -> None:
    world.replace(action="warn")
    for _ in range(10):
        for worker in range(2):
            world.saw(TOO_MUCH, worker=worker)
    await world.settled()
    assert world.suspension() is None
    assert world.following.freezes == []
    (letter,) = world.following.letters
    assert b"Subject: The account john@example.org behaves strangely" in letter.message
    assert b"2501 recipients in 10 minutes" in letter.message
    assert len([event for event in world.events if "as if it were stolen" in event.text]) == 1
    world.now += DAY
    world.saw(TOO_MUCH, worker=1)
    await world.settled()
    assert len(world.following.letters) == 2


async def test_a_warning_that_cannot_be_written_down_is_told(world: World) -> None:
    world.replace(action="warn")
    world.freezes.unavailable = True
    world.saw(TOO_MUCH)
    await world.settled()
    assert len(world.following.letters) == 1


async def test_a_clock_that_was_set_back_switches_no_rule_off(world: World) -> None:
    world.saw(Offered(501))
    await world.settled()
    world.replace(action="warn")
    world.saw(TOO_MUCH)
    await world.settled()
    assert (world.habits.asked, len(world.following.letters)) == (1, 1)
    world.now -= 30 * DAY
    world.freezes.warned.clear()
    world.saw(Offered(501))
    world.saw(TOO_MUCH)
    await world.settled()
    assert (world.habits.asked, len(world.following.letters)) == (2, 2)
