"""Answers that are remembered for a short while: what there is longer than what there is not."""

from __future__ import annotations

import asyncio

import pytest

from postroad.directory import DirectoryUnavailable
from postroad.directory.backend import Account
from postroad.directory.interface import Alias
from postroad.directory.recalled import MOST_ANSWERS, REMIND, RecalledBackend
from postroad.model import Address

JOHN = Account("john@example.org")


class Counted:
    """Counts what it is asked."""

    def __init__(self) -> None:
        self.there = True
        self.away = False
        self.count = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def has_domain(self, domain: str) -> bool:
        return await self._answer(self.there)

    async def account(self, name: str) -> Account | None:
        return await self._answer(JOHN if self.there else None)

    async def alias(self, source: str) -> Alias | None:
        return await self._answer(Alias((Address("a", "b.test"),)) if self.there else None)

    async def check(self, name: str, password: str, address: str = "") -> bool | None:
        return await self._answer(True)

    async def close(self) -> None:
        pass

    async def _answer(self, answer):
        self.count += 1
        await self.gate.wait()
        if self.away:
            raise DirectoryUnavailable("away")
        return answer


class World:
    def __init__(self) -> None:
        self.now = 0.0
        self.inner = Counted()
        self.lines: list[str] = []
        self.backend = RecalledBackend(
            self.inner,
            seconds=10,
            negative=2,
            clock=lambda: self.now,
            report=self.lines.append,
        )


@pytest.mark.parametrize(
    ("there", "at", "asked"),
    [(True, 9.9, 1), (True, 10, 2), (False, 1.9, 1), (False, 2, 2)],
)
@pytest.mark.parametrize("kind", ["has_domain", "account", "alias"])
async def test_how_long(kind: str, there: bool, at: float, asked: int) -> None:
    world = World()
    world.inner.there = there
    ask = getattr(world.backend, kind)
    first = await ask("x")
    world.now = at
    assert await ask("x") == first
    assert world.inner.count == asked


async def test_errors_and_passwords_are_not_remembered() -> None:
    world = World()
    world.inner.away = True
    for _ in range(2):
        with pytest.raises(DirectoryUnavailable):
            await world.backend.account("x")
    world.inner.away = False
    assert await world.backend.account("x") == JOHN
    for _ in range(2):
        assert await world.backend.check("x", "secret")
    assert world.inner.count == 5


async def test_who_is_away_is_told_of_once_a_minute() -> None:
    world = World()
    world.inner.away = True
    for now in (0, 1, REMIND - 1, REMIND):
        world.now = now
        with pytest.raises(DirectoryUnavailable):
            await world.backend.alias("x")
    assert world.lines == ["away; mail that asks for it waits"] * 2


async def test_those_who_ask_at_once_share_an_answer() -> None:
    world = World()
    world.inner.gate.clear()
    asking = [asyncio.ensure_future(world.backend.account("x")) for _ in range(5)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    asking[0].cancel()
    world.inner.gate.set()
    assert await asyncio.gather(*asking[1:]) == [JOHN] * 4
    assert world.inner.count == 1


async def test_a_flood_of_names_does_not_fill_the_memory() -> None:
    world = World()
    for number in range(MOST_ANSWERS + 1):
        await world.backend.account(str(number))
    before = world.inner.count
    await world.backend.account(str(MOST_ANSWERS))
    assert world.inner.count == before
    await world.backend.account("0")
    assert world.inner.count == before + 1


async def test_closing_breaks_off_what_is_asked() -> None:
    world = World()
    world.inner.gate.clear()
    asking = asyncio.ensure_future(world.backend.account("x"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await world.backend.close()
    with pytest.raises(asyncio.CancelledError):
        await asking
