"""Places for work at next hops: how many there are, and how long the lines may be."""

from __future__ import annotations

import asyncio

import pytest

from postroad.delivery import places as module
from postroad.delivery.places import Places


class Work:
    """Tasks that hold a place until they are let go."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self.running: list[str] = []
        self.refused: list[str] = []
        self.go_on = asyncio.Event()
        self.tasks: list[asyncio.Task[None]] = []

    async def begin(self, *nexthops: str) -> None:
        self.tasks += [asyncio.create_task(self._one(each)) for each in nexthops]
        for _ in range(5):
            await asyncio.sleep(0)

    async def end(self) -> None:
        self.go_on.set()
        await asyncio.gather(*self.tasks)

    async def _one(self, nexthop: str) -> None:
        place = self.places.line_up(nexthop)
        if place is None:
            self.refused.append(nexthop)
            return
        async with place:
            self.running.append(nexthop)
            await self.go_on.wait()


async def test_a_next_hop_has_a_quarter_of_the_places() -> None:
    work = Work(Places(8))
    await work.begin(*["a"] * 10, *["b"] * 10)
    assert sorted(work.running) == ["a", "a", "b", "b"]
    await work.begin("c", "d", "e", "f", "g")
    assert sorted(work.running) == ["a", "a", "b", "b", "c", "d", "e", "f"]
    await work.end()
    assert len(work.running) == 25


@pytest.mark.parametrize("at_once", [0, 1, 8])
async def test_a_line_has_a_bound(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_AT_ONE", 5)
    monkeypatch.setattr(module, "MOST_WAITING", 12)
    work = Work(Places(at_once))
    await work.begin(*["a"] * 6, *["b"] * 5, *["c"] * 3)
    assert work.refused == ["a", "c"]
    assert work.places.line_up("a") is None
    assert work.places.line_up("z") is None
    await work.end()
    assert work.places.line_up("a") is not None
    assert sorted(work.running) == ["a"] * 5 + ["b"] * 5 + ["c"] * 2


async def test_a_place_counts_from_the_moment_it_is_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOST_AT_ONE", 2)
    places = Places(1)
    first, second = places.line_up("a"), places.line_up("a")
    assert first is not None
    assert second is not None
    assert places.line_up("a") is None
    first.give_back()
    first.give_back()
    assert places.line_up("a") is not None
    assert places.line_up("a") is None


async def test_who_is_sent_away_gives_the_place_back() -> None:
    work = Work(Places(1))
    await work.begin("a", "a")
    for task in work.tasks:
        task.cancel()
    await asyncio.gather(*work.tasks, return_exceptions=True)
    again = Work(work.places)
    await again.begin("a")
    assert again.running == ["a"]
    await again.end()
