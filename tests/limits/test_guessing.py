"""Guessers: how long they wait, when they are banned, and whom they cannot harm."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fake_counters import MemoryCounters
from fake_limits import FakeBans, FakeFamiliar
from postroad.limits.bans import Author, Ban
from postroad.limits.guessing import Guard
from postroad.limits.settings import GuessingSettings

NOW = 1_800_000_000.0
HOUR, DAY = 3600.0, 86_400.0
GUESSER, NEIGHBOUR = "192.0.2.7", "192.0.2.8"
HOME, CAFE = "198.51.100.1", "203.0.113.5"
TRUSTED = "10.0.0.1"
JOHN, NOBODY = "john@example.org", "nobody@example.org"


class World:
    def __init__(self, **settings: float) -> None:
        self.bans = FakeBans()
        self.familiar = FakeFamiliar()
        self.events: list = []
        self.guard = Guard(
            settings=replace(GuessingSettings(), **settings),
            counters=MemoryCounters(),
            bans=self.bans,
            familiar=self.familiar,
            is_trusted=lambda address: address == TRUSTED,
            journal=self.events.append,
        )

    def fail(self, times: int, address: str = GUESSER, user: str = JOHN, now: float = NOW):
        names = (user,) if user else ()
        return [self.guard.failed(address, names, now) for _ in range(times)]


def test_each_answer_is_later_up_to_a_bound() -> None:
    world, delays = World(), []
    for _ in range(8):
        world.fail(1)
        delays.append(world.guard.delay(GUESSER, (JOHN,), NOW))
    assert delays == [1, 2, 4, 8, 16, 16, 16, 16]
    assert world.guard.delay(HOME, (NOBODY,), NOW) == 1


def test_an_ipv6_network_waits_as_one_address() -> None:
    world = World(failures_per_user=0)
    for host in range(1, 5):
        world.fail(1, f"2001:db8::{host}", f"user {host}")
    assert world.guard.delay("2001:db8::99", ("user 99",), NOW) == 8


@pytest.mark.parametrize("user", [JOHN, NOBODY, "", "\ud800"])
def test_the_tenth_failure_of_an_address_bans_it(user: str) -> None:
    world = World()
    world.familiar.remember(JOHN, HOME, NOW, DAY)
    *before, ban = world.fail(10, user=user)
    assert before == [None] * 9
    assert ban == Ban(GUESSER, "10 failed logins", Author.AUTOMATIC, NOW, NOW + HOUR, 1)
    assert world.bans.bans == {GUESSER: ban}
    assert [event.text.partition(" until ")[0] for event in world.events] == [f"banned {GUESSER}"]
    assert [event.text.rpartition(": ")[2] for event in world.events] == ["10 failed logins"]


def test_a_network_is_banned_when_its_addresses_take_turns() -> None:
    world = World()
    addresses = [f"192.0.2.{host}" for host in range(1, 26)]
    for address in [*addresses, *addresses]:
        world.fail(1, address)
    assert list(world.bans.bans) == ["192.0.2.0/24"]

    six = World()
    for host in range(50):
        six.fail(1, f"2001:db8::{host:x}")
    assert list(six.bans.bans) == ["2001:db8::/64"]


def test_who_is_banned_is_not_banned_again_by_the_sessions_that_were_open() -> None:
    world = World()
    ban = world.fail(10)[-1]
    assert world.fail(20) == [ban] * 20
    assert len(world.events) == 1


def test_a_ban_is_twice_as_long_each_time_up_to_a_bound() -> None:
    world, now, lengths = World(longest_ban=5 * HOUR), NOW, []
    for _ in range(5):
        ban = world.fail(10, now=now)[-1]
        lengths.append((ban.until - ban.since) / HOUR)
        now = ban.until + 1
    assert lengths == [1, 2, 4, 5, 5]

    quiet = now + 6 * HOUR
    assert world.fail(10, now=quiet)[-1].times == 1


def test_after_a_ban_counting_begins_anew() -> None:
    world = World()
    ban = world.fail(10)[-1]
    assert world.fail(9, now=ban.until + 1) == [None] * 9


def test_failures_are_forgotten_with_time() -> None:
    world = World()
    world.fail(9)
    assert world.fail(9, now=NOW + 3 * HOUR) == [None] * 9


def test_trusted_networks_are_not_banned_and_do_not_wait_for_each_other() -> None:
    world = World(failures_per_user=0)
    assert world.fail(200, TRUSTED, "") == [None] * 200
    assert world.guard.delay(TRUSTED, (), NOW) == 1
    assert world.bans.bans == {}


def attack(world: World, user: str = JOHN, *, now: float = NOW) -> None:
    """From many networks, a few times each."""
    for number in range(40):
        world.fail(2, f"203.0.{number}.1", user, now)


def test_no_attack_locks_a_user_out() -> None:
    world = World()
    world.guard.succeeded(HOME, (JOHN,), NOW - 20 * DAY)
    attack(world, JOHN.upper())

    assert world.guard.is_locked(CAFE, JOHN, NOW)
    assert not world.guard.is_locked(HOME, JOHN, NOW)
    assert not world.guard.is_locked("198.51.100.77", JOHN, NOW)  # its network
    assert not world.guard.is_locked(CAFE, "mary@example.org", NOW)
    assert world.bans.bans == {}

    assert not world.guard.is_locked(CAFE, JOHN, NOW + 3 * HOUR)


def test_a_user_who_never_logged_in_is_not_locked() -> None:
    world = World()
    attack(world)
    assert not world.guard.is_locked(HOME, JOHN, NOW)


def test_a_login_long_ago_makes_no_friend() -> None:
    world = World()
    world.guard.succeeded(HOME, (JOHN,), NOW - 31 * DAY)
    world.guard.succeeded(CAFE, (JOHN,), NOW - 1 * DAY)
    attack(world)
    assert world.guard.is_locked(HOME, JOHN, NOW)
    assert not world.guard.is_locked(CAFE, JOHN, NOW)


def test_a_phone_with_an_old_password_does_not_lock_its_user() -> None:
    world = World(failures_per_address=0, failures_per_network=0)
    world.guard.succeeded(HOME, (JOHN,), NOW - DAY)
    world.fail(500, HOME)
    assert not world.guard.is_locked(CAFE, JOHN, NOW)


def test_a_login_forgives_what_was_mistyped() -> None:
    world = World()
    world.fail(9)
    world.guard.succeeded(GUESSER, (JOHN,), NOW)
    world.fail(1)
    assert world.guard.delay(GUESSER, (JOHN,), NOW) == 1
    assert world.fail(8) == [None] * 8


def test_a_login_does_not_forgive_what_was_guessed_at_others() -> None:
    world = World()
    for number in range(9):
        world.fail(1, user=f"user {number}")
        world.guard.succeeded(GUESSER, (JOHN,), NOW)
    assert world.fail(1, user="user 9")[-1] is not None


def test_an_operator_bans_a_user() -> None:
    world = World()
    world.guard.succeeded(HOME, (JOHN,), NOW)
    world.bans.put(Ban(JOHN, "left us", Author.OPERATOR, NOW, None), 0)
    assert world.guard.is_locked(HOME, JOHN.upper(), NOW)


@pytest.mark.parametrize(
    "off",
    [
        {"window": 0},
        {"failures_per_address": 0, "failures_per_network": 0, "failures_per_user": 0},
        {"ban": 0, "failures_per_user": 0},
        {"failures_per_address": 0, "failures_per_network": 0, "remember": 0},
    ],
)
def test_everything_can_be_switched_off(off: dict[str, float]) -> None:
    world = World(**off)
    world.guard.succeeded(HOME, (JOHN,), NOW)
    assert world.fail(200) == [None] * 200
    attack(world)
    assert not world.guard.is_locked(CAFE, JOHN, NOW)
    assert world.bans.bans == {}


def test_without_bans_the_delay_grows_all_the_same() -> None:
    world = World(ban=0)
    world.fail(11)
    assert world.guard.delay(GUESSER, (JOHN,), NOW) == 16


def test_without_a_delay_there_is_none() -> None:
    world = World(delay=0)
    world.fail(9)
    assert world.guard.delay(GUESSER, (JOHN,), NOW) == 0


def test_what_does_not_grow() -> None:
    world = World(longest_delay=0, longest_ban=0, failures_per_user=0)
    ban = world.fail(10)[-1]
    assert ban.until == NOW + HOUR
    assert world.fail(10, now=ban.until + 1)[-1].until == ban.until + 1 + HOUR
    assert world.guard.delay(GUESSER, (JOHN,), ban.until + 2) == 1


def test_without_a_window_the_delay_does_not_grow() -> None:
    world = World(window=0)
    world.fail(9)
    assert world.guard.delay(GUESSER, (JOHN,), NOW) == 1


def test_a_login_forgives_nothing_that_a_ban_has_ended() -> None:
    world = World()
    world.fail(10, user=NOBODY)
    world.bans.bans[GUESSER] = replace(world.bans.bans[GUESSER], until=NOW + 1, times=0)
    later = NOW + 2

    assert world.fail(5, now=later) == [None] * 5
    world.guard.succeeded(GUESSER, (NOBODY,), later)
    assert [ban is not None for ban in world.fail(5, now=later)] == [False] * 4 + [True]


def test_what_is_forgiven_late_is_no_credit() -> None:
    world = World()
    world.fail(9, user=NOBODY, now=NOW + HOUR - 1)
    world.guard.succeeded(GUESSER, (NOBODY,), NOW + HOUR)
    later = NOW + 2 * HOUR - 1
    assert [ban is not None for ban in world.fail(10, now=later)] == [False] * 9 + [True]


def two_workers() -> tuple[World, World]:
    """They count together; the second cannot read yet what the first has banned."""
    first, second = World(), World()
    second.guard._counters = second.guard.attempts._counters = first.guard._counters
    return first, second


def test_a_ban_that_another_worker_is_still_writing_holds() -> None:
    first, second = two_workers()
    first.fail(10)
    assert second.guard.is_locked(GUESSER, "mary@example.org", NOW)
    assert second.fail(1)[0] is not None
    assert second.guard.delay(GUESSER, (JOHN,), NOW) == 16
    assert not second.guard.is_locked(HOME, "mary@example.org", NOW)
    assert not second.guard.is_locked(GUESSER, "mary@example.org", NOW + 20)

    second.bans.put(replace(first.bans.bans[GUESSER], until=NOW), 0)  # taken back
    assert not second.guard.is_locked(GUESSER, "mary@example.org", NOW)


def test_the_ban_of_a_network_holds_before_it_is_written() -> None:
    first, second = two_workers()
    for host in range(50):
        first.fail(1, f"192.0.2.{host}")
    assert second.guard.is_locked(NEIGHBOUR, "mary@example.org", NOW)


def test_who_is_banned_is_not_let_in_with_the_right_password() -> None:
    world = World()
    world.fail(10)
    assert world.guard.is_locked(GUESSER, "mary@example.org", NOW)
    assert not world.guard.is_locked(NEIGHBOUR, "mary@example.org", NOW)
    world.bans.put(Ban(TRUSTED, "", Author.AUTOMATIC, NOW, None), 0)
    assert not world.guard.is_locked(TRUSTED, JOHN, NOW)


def test_spellings_of_a_name_share_their_delay_and_a_lock_goes_by_the_account() -> None:
    world = World()
    for number in range(4):
        host = f"203.0.113.{number}"
        world.guard.failed(host, (JOHN, f"john@domain{number}.example"), NOW)
        world.guard.failed(host, (f"nobody@domain{number}.example", NOBODY), NOW)
    for names in ((JOHN,), (NOBODY,), ("nobody@another.example", NOBODY)):
        assert world.guard.delay(HOME, names, NOW) == 8
    assert world.guard.delay(HOME, ("john@domain1.example",), NOW) == 1


def test_a_login_by_a_name_like_it_does_not_let_an_account_be_locked() -> None:
    world = World()
    world.guard.succeeded(HOME, (NOBODY, JOHN), NOW - DAY)
    for number in range(40):
        world.guard.failed(f"203.0.{number}.1", (NOBODY, JOHN), NOW)
    assert world.guard.is_locked(CAFE, NOBODY, NOW)
    assert not world.guard.is_locked(HOME, NOBODY, NOW)
    assert not world.guard.is_locked(CAFE, JOHN, NOW)  # whose user has not logged in lately
