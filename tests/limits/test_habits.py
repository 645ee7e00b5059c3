"""What is usual for an account, over days and over workers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from postroad.limits.habits import (
    DAY,
    HABITS,
    KEPT,
    MOST_REGIONS,
    WRITING,
    Habits,
    HabitsUnavailable,
    Usual,
)
from postroad.limits.state_file import Keeper

NOW = 1_800_000_000.0
JOHN, HOME, HOTEL = "john@example.org", "192.0.2.7", "198.51.100.1"


class Worker:
    """A worker's habits, and its file."""

    def __init__(self, path: Path) -> None:
        self.complaints: list[str] = []
        self.pauses: list[float] = []
        self.go_on = asyncio.Event()
        self.keeper = Keeper(path, HABITS, self.complaints.append)
        self.habits = Habits(self.keeper, self.complaints.append, self.pause)

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        await self.go_on.wait()
        self.go_on.clear()

    async def usual(self, address: str, now: float, thaws: int = 0) -> Usual:
        return await self.habits.usual(JOHN, thaws, address, now)

    async def close(self) -> None:
        await self.habits.close()
        self.keeper.close()


@pytest.fixture
async def worker(tmp_path: Path) -> AsyncIterator[Worker]:
    worker = Worker(tmp_path / "habits.db")
    yield worker
    await worker.close()


async def written(worker: Worker) -> None:
    """Everything that was begun is done, but for what waits its minute."""
    await worker.usual(HOME, NOW)


async def test_nothing_is_usual_for_who_was_never_here(worker: Worker) -> None:
    assert await worker.usual(HOME, NOW) == Usual(0, None, None)


async def test_a_region_is_known_from_its_first_login_on(worker: Worker) -> None:
    worker.habits.logged_in(JOHN, HOME, NOW - 9 * DAY)
    await written(worker)
    worker.habits.logged_in(JOHN, "192.0.200.1", NOW - 2 * DAY)  # the same region
    await written(worker)
    worker.habits.logged_in(JOHN, HOTEL, NOW)
    await written(worker)
    assert await worker.usual(HOME, NOW) == Usual(0, NOW - 9 * DAY, NOW - 9 * DAY)
    assert await worker.usual(HOTEL, NOW) == Usual(0, NOW - 9 * DAY, NOW)
    assert await worker.usual("203.0.113.1", NOW) == Usual(0, NOW - 9 * DAY, None)


async def test_a_region_is_forgotten_after_two_months(worker: Worker) -> None:
    worker.habits.logged_in(JOHN, HOME, NOW - KEPT - DAY)
    await written(worker)
    worker.habits.logged_in(JOHN, HOTEL, NOW)
    await written(worker)
    assert await worker.usual(HOME, NOW) == Usual(0, NOW, None)


async def test_regions_of_one_account_are_bounded(worker: Worker) -> None:
    for number in range(2 * MOST_REGIONS):
        worker.habits.logged_in(JOHN, f"10.{number}.0.1", NOW + number)
    await written(worker)
    assert (await worker.usual("10.0.0.1", NOW)).here_since is None
    assert (await worker.usual("10.99.0.1", NOW)).here_since == NOW + 99


async def test_the_greatest_burst_before_today_is_usual(worker: Worker) -> None:
    for day, counts in ((-61, [9000]), (-3, [100, 300, 200]), (-1, [120]), (0, [800])):
        for count in counts:
            worker.habits.sent(JOHN, 0, count, NOW + day * DAY)
    worker.go_on.set()
    await worker.habits._writing
    assert worker.pauses == [WRITING]
    assert (await worker.usual(HOME, NOW)).burst == 300
    assert (await worker.usual(HOME, NOW + DAY)).burst == 800


async def test_what_an_account_was_thawed_after_is_usual_on_the_same_day(worker: Worker) -> None:
    worker.habits.sent(JOHN, 0, 800, NOW)
    await worker.habits.close()
    assert (await worker.usual(HOME, NOW)).burst == 0
    assert (await worker.usual(HOME, NOW, thaws=1)).burst == 800


async def test_what_waits_its_minute_is_written_at_the_end(worker: Worker, tmp_path: Path) -> None:
    worker.habits.sent(JOHN, 0, 800, NOW)
    await worker.habits.close()
    other = Worker(tmp_path / "habits.db")
    assert (await other.usual(HOME, NOW + DAY)).burst == 800
    await other.close()


async def test_workers_learn_together(worker: Worker, tmp_path: Path) -> None:
    other = Worker(tmp_path / "habits.db")
    for count, each in ((700, worker), (500, other)):
        each.habits.sent(JOHN, 0, count, NOW)
        each.habits.logged_in(JOHN, HOME, NOW)
        await each.habits.close()
    assert await other.usual(HOME, NOW + DAY) == Usual(700, NOW, NOW)
    await other.close()


async def test_a_file_that_cannot_be_written_is_complained_of(tmp_path: Path) -> None:
    worker = Worker(tmp_path / "missing" / "habits.db")
    worker.habits.logged_in(JOHN, HOME, NOW)
    with pytest.raises(HabitsUnavailable):
        await worker.usual(HOME, NOW)
    await worker.close()
    assert len(worker.complaints) == 1


class Broken:
    """A file with a bug behind it."""

    def __init__(self) -> None:
        self.asked = 0

    async def ask(self, _: object) -> None:
        self.asked += 1
        await asyncio.sleep(0)
        raise ZeroDivisionError


async def test_a_login_that_cannot_be_written_does_not_keep_bursts_from_it() -> None:
    file = Broken()
    habits = Habits(file, print)  # type: ignore[arg-type]
    habits.logged_in(JOHN, HOME, NOW)
    habits.sent(JOHN, 0, 800, NOW)
    with pytest.raises(ZeroDivisionError):
        await habits.close()
    assert file.asked == 2


async def test_a_clock_that_was_set_back_is_no_reason_to_forget(worker: Worker) -> None:
    worker.habits.logged_in(JOHN, HOME, NOW)
    worker.habits.logged_in(JOHN, HOME, NOW - 30 * DAY)
    worker.habits.logged_in(JOHN, HOME, NOW - 30 * DAY + 1)
    assert len(worker.habits._tasks) == 2
