"""Each transport has deliveries and turns of its own; transports take turns."""

from __future__ import annotations

import pytest

from postroad.queue.allowance import UNLIMITED, Allowances
from postroad.queue.attempt import Admission, Destination
from postroad.queue.line import Batch
from postroad.queue.lines import Lines
from postroad.queue.settings import DestinationSettings, QueueSettings
from postroad.queue.shares import Shares
from queue_mail import NOON, crowd, message


def allowances(smtp: int, others: int = 3) -> Allowances:
    section = DestinationSettings(total_concurrency=smtp)
    return Allowances(QueueSettings(concurrency=others), {"transport:smtp": section})


class World:
    """Shares, and mail of different senders for different hosts."""

    def __init__(self, smtp: int = 2) -> None:
        self.allowances = allowances(smtp)
        self.shares = Shares(self.allowances)
        self.lines = Lines(self.allowances, None)

    def put(self, transport: str, count: int) -> None:
        for number in range(count):
            line = self.lines.of(Destination(transport, f"{transport}{number}.test"))
            admission = Admission(message(), crowd(1), NOON, True, f"{number}@example.org")
            self.shares.of(transport).rotation.put(line, Batch(admission, admission.recipients))

    def take(self) -> list[str]:
        """The transports of all deliveries that begin now, in order."""
        begun = []
        while (taken := self.shares.take(NOON)) is not None:
            begun.append(taken[0].destination.transport)
        assert not self.shares.ready
        return begun


def test_nothing_to_do() -> None:
    world = World()
    assert (world.shares.ready, world.take()) == (False, [])


def test_a_stuck_transport_holds_only_its_own_deliveries() -> None:
    world = World()
    world.put("smtp", 5)
    assert world.take() == ["smtp"] * 2
    world.put("local", 5)
    assert world.shares.ready
    assert world.take() == ["local"] * 3


def test_transports_take_turns() -> None:
    world = World()
    world.put("smtp", 5)
    world.put("local", 5)
    assert world.take() == ["smtp", "local", "smtp", "local", "local"]


def test_what_ended_makes_room_for_the_next() -> None:
    world = World()
    world.put("smtp", 3)
    world.take()
    share = world.shares.of("smtp")
    share.running -= 1
    assert world.shares.ready
    assert world.take() == ["smtp"]


@pytest.mark.parametrize(("limit", "more"), [(1, 0), (2, 0), (4, 2), (0, 3)])
def test_other_allowances_hold_from_then_on(limit: int, more: int) -> None:
    world = World()
    world.put("smtp", 5)
    world.take()
    world.shares.replace(allowances(limit, others=9))
    assert world.take() == ["smtp"] * more
    assert world.shares.of("smtp").limit == (limit or UNLIMITED)
    assert world.shares.of("local").limit == 9
