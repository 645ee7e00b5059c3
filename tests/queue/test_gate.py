"""Gates: windows, rates, rests, and what workers share. The commons are real counters."""

from __future__ import annotations

import pytest

from fake_counters import MemoryCounters
from postroad.app.commons import QueueCommons
from postroad.queue.allowance import Allowances
from postroad.queue.attempt import Destination
from postroad.queue.gate import POLL, YIELD, Gate
from postroad.queue.settings import DestinationSettings, QueueSettings
from postroad.queue.timetable import Timetable
from queue_mail import NOON

TO = Destination("smtp", "example.net")


class Worker:
    """A gate as one worker has it, and its timetable."""

    def __init__(self, commons: QueueCommons | None, **section: object) -> None:
        sections = {"example.net": DestinationSettings(**section)}
        group, allowance = Allowances(QueueSettings(), sections).of(TO)
        self.timetable: Timetable[Gate] = Timetable()
        self.gate = Gate(group, allowance, self.timetable, commons)

    def begins(self, now: float) -> int:
        """How many deliveries begin now."""
        for gate in self.timetable.due(now):
            gate.open(now)
        count = 0
        while self.gate.begin(now):
            count += 1
            assert count < 1000
        return count


@pytest.fixture
def commons() -> QueueCommons:
    return QueueCommons(MemoryCounters())


def test_a_rate_opens_once_for_each_step():
    worker = Worker(None, rate="30/min", concurrency=50)
    assert worker.begins(NOON) == 1
    assert worker.begins(NOON + 1) == 0
    assert worker.timetable.soonest == pytest.approx(NOON + 2, abs=0.2)
    assert worker.begins(NOON + 2) == 1


def test_places_are_shared_by_all_workers(commons):
    one, other = Worker(commons, concurrency=3), Worker(commons, concurrency=3)
    assert one.begins(NOON) == 3
    assert other.begins(NOON) == 0
    assert other.timetable.soonest == NOON + POLL


def test_who_waits_gets_the_next_place(commons):
    """The worker that ends a delivery leaves its place for longer than the other's next look."""
    one, other = Worker(commons, concurrency=1), Worker(commons, concurrency=1)
    assert (one.begins(NOON), other.begins(NOON)) == (1, 0)
    one.gate.end(NOON + 0.1)
    assert one.begins(NOON + 0.1) == 0
    assert other.begins(NOON + POLL) == 1
    assert one.begins(NOON + 0.1 + YIELD) == 0
    other.gate.end(NOON + 1)
    assert other.begins(NOON + 1) == 0
    assert one.begins(NOON + 1) == 1


def test_without_others_nobody_leaves_a_place(commons):
    worker = Worker(commons, concurrency=1)
    for step in range(5):
        assert worker.begins(NOON + step / 100) == 1
        worker.gate.end(NOON + step / 100)


def test_a_worker_that_needs_no_place_any_more_waits_for_none(commons):
    one, other = Worker(commons, concurrency=1), Worker(commons, concurrency=1)
    assert (one.begins(NOON), other.begins(NOON)) == (1, 0)
    other.gate.retire()
    one.gate.end(NOON + 1)
    assert one.begins(NOON + 1) == 1


@pytest.mark.parametrize(
    ("rate", "per_minute"), [("60/min", 60), ("10/min", 10), ("2/s", 120), ("3600/h", 60)]
)
@pytest.mark.parametrize("count", [1, 2, 4])
def test_a_rate_holds_over_all_workers(commons, rate, per_minute, count):
    workers = [Worker(commons, rate=rate) for _ in range(count)]
    begun: list[float] = []
    for tick in range(5 * 300):
        now = NOON + tick / 5
        for worker in workers:
            for _ in range(worker.begins(now)):
                worker.gate.end(now)
                begun.append(now)
    for minute in range(5):
        start = NOON + 60 * minute
        found = sum(start <= each < start + 60 for each in begun)
        assert 0.7 * per_minute <= found <= per_minute + 11
    assert len(begun) <= 5 * per_minute + 11


def test_a_reload_gives_over_what_runs(commons):
    one = Worker(None, concurrency=3)
    worker = Worker(commons, retry=(60.0,))
    assert worker.begins(NOON) == 5
    worker.gate.take(one.gate.allowance)
    other = Worker(commons, concurrency=3)
    assert other.begins(NOON) == 0
    for _ in range(5):
        worker.gate.end(NOON)
    assert other.begins(NOON + 1) == 3


def test_it_rests_where_one_at_a_time_is_too_much():
    worker = Worker(None, concurrency=1)
    rests = []
    now = NOON
    for number in range(9):
        assert worker.begins(now) == 1
        worker.gate.end(now)
        worker.gate.strained(began=number, ordered=number + 1, now=now)
        assert worker.timetable.soonest is not None
        rests.append(worker.timetable.soonest - now)
        now = worker.timetable.soonest
    assert rests == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert worker.begins(now) == 1
    worker.gate.eased()
    worker.gate.end(now)
    worker.gate.strained(began=20, ordered=21, now=now)
    assert worker.timetable.soonest == now + 1
