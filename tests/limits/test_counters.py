"""The conformance suite, on the fake and on shared memory; and what only that one promises."""

from __future__ import annotations

import os
import signal
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counters_conformance import MINUTE, NOW, CountersConformance
from fake_counters import MemoryCounters
from postroad.limits.counters import (
    ENTRIES,
    TABLE_SIZE,
    WAYS,
    CounterMemory,
    SharedCounters,
    Shelf,
    Window,
)

HOUR = Window("failures", 3600)


@pytest.fixture
def memory():
    memory = CounterMemory(3)
    yield memory
    memory.close()


class TestMemory(CountersConformance):
    @pytest.fixture
    def counters(self):
        return MemoryCounters()


class TestSharedAlone(CountersConformance):
    @pytest.fixture(params=Shelf)
    def counters(self, memory, request):
        return SharedCounters(memory, 0, request.param)


class TestSharedInTurns(CountersConformance):
    """Each call is made by another worker."""

    @pytest.fixture
    def counters(self, memory):
        return InTurns([SharedCounters(memory, worker) for worker in range(3)])


def test_shelves_do_not_meet(memory):
    shelves = [SharedCounters(memory, worker, shelf) for shelf in Shelf for worker in range(3)]
    for number, counters in enumerate(shelves):
        assert counters.add(HOUR, "a", NOW) == number % 3 + 1


class InTurns:
    def __init__(self, workers):
        self.workers = workers
        self.calls = 0
        self.entered = []

    @property
    def next(self):
        self.calls += 1
        return self.workers[self.calls % len(self.workers)]

    def add(self, *arguments, since=None):
        return self.next.add(*arguments, since=since)

    def count(self, *arguments):
        return self.next.count(*arguments)

    def enter(self, *arguments):
        worker = self.next
        self.entered.append(worker)
        return worker.enter(*arguments)

    def leave(self, *arguments):
        """A session ends in the worker that it began in."""
        (self.entered.pop(0) if self.entered else self.next).leave(*arguments)


def test_its_memory_is_as_documented() -> None:
    assert ENTRIES == 65_536
    assert TABLE_SIZE == 1_572_864


def test_a_flood_of_keys_takes_the_place_of_what_expires_first(memory) -> None:
    counters = SharedCounters(memory, 0)
    for number in range(30):
        counters.add(HOUR, f"guesser {number}", NOW, 5)
        counters.enter("sessions", f"guesser {number}")
    flood = 2 * ENTRIES
    for number in range(flood):
        counters.add(MINUTE, f"{number}", NOW)
    known = sum(counters.count(MINUTE, f"{number}", NOW) for number in range(flood))

    assert ENTRIES * 0.9 < known <= ENTRIES
    # What lasts longer than the flood's own counts was not washed away by it.
    assert [counters.count(HOUR, f"guesser {n}", NOW) for n in range(30)] == [5] * 30
    assert [counters.enter("sessions", f"guesser {n}") for n in range(30)] == [2] * 30


def test_a_set_full_of_holders_counts_no_more_and_breaks_nothing(memory, monkeypatch) -> None:
    counters = SharedCounters(memory, 0)
    monkeypatch.setattr(
        SharedCounters, "_place", lambda self, kind, key: (0, int.from_bytes(key.encode()) or 1)
    )
    keys = [chr(ord("a") + number) for number in range(WAYS)]
    assert [counters.enter("sessions", key) for key in keys] == [1] * WAYS
    assert counters.enter("sessions", "z") == 0
    assert counters.add(MINUTE, "z", NOW) == 0
    counters.leave("sessions", "z")
    counters.leave("sessions", "a")
    assert counters.enter("sessions", "z") == 1
    assert counters.enter("sessions", "b") == 2


def test_counts_stop_at_what_an_entry_holds(memory) -> None:
    counters = SharedCounters(memory, 0)
    for _ in range(3):
        count = counters.add(MINUTE, "a", NOW, 2**31 - 2)
    assert count == 2**31 - 1


def test_the_clock_is_set_back(memory) -> None:
    counters = SharedCounters(memory, 0)
    counters.add(MINUTE, "a", NOW + 600, 7)
    assert counters.count(MINUTE, "a", NOW) == 7
    assert counters.add(MINUTE, "a", NOW) == 8


def test_what_a_worker_held_is_given_back_and_its_counts_stay(memory) -> None:
    first, second = (SharedCounters(memory, worker) for worker in range(2))
    for worker in (first, second):
        worker.enter("sessions", "a")
        worker.add(MINUTE, "a", NOW)

    memory.give_back(0)
    assert second.enter("sessions", "a") == 2
    assert second.count(MINUTE, "a", NOW) == 2

    assert SharedCounters(memory, 1).enter("sessions", "a") == 1


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["add", "count", "enter", "leave"]),
            st.integers(0, 2),  # the worker
            st.sampled_from("abc"),
            st.integers(0, 50),  # seconds later
            st.integers(1, 5),
        ),
        max_size=60,
    )
)
def test_all_workers_together_count_as_one_would(calls) -> None:
    memory = CounterMemory(3)
    workers, model = [SharedCounters(memory, worker) for worker in range(3)], MemoryCounters()
    held: Counter[tuple[int, str]] = Counter()
    now = NOW
    for call, worker, key, later, amount in calls:
        now += later
        ours = workers[worker]
        if call == "add":
            assert ours.add(MINUTE, key, now, amount) == model.add(MINUTE, key, now, amount)
        elif call == "count":
            assert ours.count(MINUTE, key, now) == model.count(MINUTE, key, now)
        elif call == "enter":
            held[worker, key] += 1
            assert ours.enter("sessions", key) == model.enter("sessions", key)
        elif held[worker, key]:
            held[worker, key] -= 1
            ours.leave("sessions", key)
            model.leave("sessions", key)
    memory.close()


def in_a_child(work) -> int:
    """Run in a process of its own; returns its id."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(1)
    return pid


def test_processes_count_together(memory) -> None:
    def work(worker: int) -> None:
        counters = SharedCounters(memory, worker)
        for number in range(1000):
            counters.add(MINUTE, f"{number % 10}", NOW)
        counters.enter("sessions", "a")
        os._exit(0)

    for worker in (1, 2):
        pid = in_a_child(lambda worker=worker: work(worker))
        assert os.waitpid(pid, 0) == (pid, 0)

    ours = SharedCounters(memory, 0)
    assert [ours.count(MINUTE, f"{key}", NOW) for key in range(10)] == [200] * 10
    assert ours.enter("sessions", "a") == 3


def test_a_worker_that_is_killed_holds_nothing_up(memory) -> None:
    """SIGKILL in the middle of its work, again and again: others go on, counts stay sane."""
    ours = SharedCounters(memory, 0)
    for _ in range(20):
        readable, writable = os.pipe()

        def work(writable: int = writable) -> None:
            counters = SharedCounters(memory, 1)
            counters.enter("sessions", "a")
            os.write(writable, b"R")
            while True:
                counters.add(MINUTE, "a", NOW)
                counters.enter("sessions", "b")

        pid = in_a_child(work)
        os.read(readable, 1)
        before = [ours.count(MINUTE, "a", NOW) for _ in range(50)]
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(readable)
        os.close(writable)

        assert before == sorted(before)
        assert ours.enter("sessions", "a") == 2
        ours.leave("sessions", "a")
        memory.give_back(1)
        assert [ours.enter("sessions", key) for key in "ab"] == [1, 1]
        for key in "ab":
            ours.leave("sessions", key)
        assert ours.count(MINUTE, "a", NOW) >= before[-1]
