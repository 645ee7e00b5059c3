"""Checks that go on at the same moment: who has to wait for them, and who never does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fake_counters import MemoryCounters
from fake_limits import FakeFamiliar
from postroad.limits.attempts import UNPROVED_PER_FAILURE, Attempts
from postroad.limits.settings import GuessingSettings

NOW = 1_800_000_000.0
GUESSER, NEIGHBOUR, HOME, TRUSTED = "192.0.2.7", "192.0.2.8", "198.51.100.1", "10.0.0.1"
JOHN, MARY = "john@example.org", "mary@example.org"


class World:
    def __init__(self, **settings: float) -> None:
        self.counters = MemoryCounters()
        self.familiar = FakeFamiliar()
        self.attempts = Attempts(
            replace(GuessingSettings(), **settings),
            self.counters,
            self.familiar,  # type: ignore[arg-type]
            lambda address: address == TRUSTED,
        )

    def begin(self, count: int, address: str = GUESSER, user: str = JOHN) -> None:
        for _ in range(count):
            self.attempts.begin(address, user)

    def waits(self, address: str = GUESSER, user: str = MARY) -> bool:
        return self.attempts.must_wait(address, user, NOW)


def test_a_login_waits_while_others_could_end_in_a_ban() -> None:
    world = World()
    world.begin(9)
    assert not world.waits()
    world.begin(1)
    assert world.waits()
    assert not world.waits(NEIGHBOUR)
    world.attempts.end(GUESSER, JOHN)
    assert not world.waits()


def test_failures_and_what_is_under_way_count_together() -> None:
    world = World()
    world.counters.add(world.attempts.address, GUESSER, NOW, 8)
    world.begin(1)
    assert not world.waits()
    world.begin(1)
    assert world.waits()


def test_nobody_waits_for_what_is_decided() -> None:
    world = World()
    world.counters.add(world.attempts.address, GUESSER, NOW, 10)
    assert not world.waits()
    world.begin(1)
    assert not world.waits()


def test_a_network_counts_together() -> None:
    world = World(failures_per_user=0)
    for host in range(50):
        world.begin(1, f"192.0.2.{host}")
    assert world.waits("192.0.2.200")
    assert not world.waits(HOME)


def test_strangers_to_a_name_wait_for_each_other_and_its_user_for_none_of_them() -> None:
    world = World()
    world.familiar.remember(JOHN, HOME, NOW, 0)
    for host in range(30):
        world.begin(1, f"203.0.{host}.1")
    assert world.waits(GUESSER, JOHN.upper())
    assert not world.waits(HOME, JOHN)
    assert not world.waits(GUESSER, MARY)


@pytest.mark.parametrize(
    ("address", "off"),
    [(TRUSTED, {}), (GUESSER, {"window": 0}), (GUESSER, {"ban": 0})],
)
def test_where_nobody_is_banned_nobody_waits(address: str, off: dict[str, float]) -> None:
    world = World(**off)
    world.begin(99, address)
    assert not world.waits(address)
    for _ in range(99):
        world.attempts.end(address, JOHN)


def test_exchanges_without_a_proof_are_failures_in_the_end() -> None:
    world = World()
    most = 10 * UNPROVED_PER_FAILURE
    assert [world.attempts.asked(GUESSER, NOW) for _ in range(most + 1)] == [False] * most + [True]
    assert not world.attempts.asked(NEIGHBOUR, NOW)


def test_those_that_ended_with_one_do_not_count() -> None:
    world = World()
    for _ in range(200):
        assert not world.attempts.asked(GUESSER, NOW)
        world.attempts.asked(GUESSER, NOW, -1)


@pytest.mark.parametrize(
    ("address", "off"),
    [(TRUSTED, {}), (GUESSER, {"window": 0}), (GUESSER, {"failures_per_address": 0})],
)
def test_where_failures_are_not_counted_exchanges_are_not(
    address: str, off: dict[str, float]
) -> None:
    world = World(**off)
    assert not any(world.attempts.asked(address, NOW) for _ in range(200))
