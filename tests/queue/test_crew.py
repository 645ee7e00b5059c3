"""Workers come when they are roused, sleep without work, and end in time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from postroad.queue.crew import Crew
from queue_fakes import FakeClock, turn
from queue_mail import NOON


class Shop:
    """Pieces of work, each of which ends when the test says so."""

    def __init__(self, most: int = 2) -> None:
        self.clock = FakeClock()
        self.crew = Crew(self._work, self.clock)
        self.crew.most = most
        self.pieces = 0
        self.came = 0
        self.under_way: list[asyncio.Future[None]] = []

    async def _work(self) -> None:
        self.came += 1
        while not self.crew.stopping:
            if not self.pieces:
                await self.crew.roused()
                continue
            self.pieces -= 1
            self.under_way.append(asyncio.get_running_loop().create_future())
            await self.under_way[-1]

    async def bring(self, pieces: int) -> None:
        self.pieces += pieces
        for _ in range(pieces):
            self.crew.rouse()
        await turn()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            self.crew.begin(group)
            yield
            for each in self.under_way:
                if not each.done():
                    each.set_result(None)
            await self.crew.stop(5.0)
            self.crew.close()


async def test_nobody_comes_before_the_beginning() -> None:
    shop = Shop()
    await shop.bring(1)
    assert shop.came == 0


async def test_no_more_than_so_many_come() -> None:
    shop = Shop(most=2)
    async with shop.open():
        await shop.bring(5)
        assert (shop.came, len(shop.under_way)) == (2, 2)


async def test_whoever_sleeps_is_roused_first() -> None:
    shop = Shop(most=3)
    async with shop.open():
        for _ in range(4):
            await shop.bring(1)
            shop.under_way[-1].set_result(None)
            await turn()
        assert (shop.came, len(shop.under_way)) == (1, 4)


@pytest.mark.parametrize(("first", "then", "at"), [(9, 5, 5), (5, 9, 5), (5, 5, 5)])
async def test_the_bell_rings_at_the_earliest_time(first: int, then: int, at: int) -> None:
    shop = Shop()
    async with shop.open():
        shop.crew.rouse_at(NOON + first)
        shop.crew.rouse_at(NOON + then)
        assert shop.crew._bell_at == NOON + at


async def test_a_time_that_is_over_rouses_at_once_and_the_next_bell_can_be_hung() -> None:
    shop = Shop()
    async with shop.open():
        shop.pieces = 1
        shop.crew.rouse_at(NOON - 5)
        await turn()
        assert len(shop.under_way) == 1
        shop.crew.rouse_at(NOON + 5)
        assert shop.crew._bell_at == NOON + 5


@pytest.mark.parametrize("patience", [0.0, 5.0])
async def test_who_works_is_waited_for_and_then_cut_off(patience: float) -> None:
    shop = Shop()
    async with asyncio.TaskGroup() as group:
        shop.crew.begin(group)
        await shop.bring(1)
        work = shop.under_way[0]
        asyncio.get_running_loop().call_soon(lambda: patience and work.set_result(None))
        await shop.crew.stop(patience)
        assert work.cancelled() is (not patience)
        await shop.bring(1)
        assert len(shop.under_way) == 1  # nothing is begun any more
        shop.crew.close()
