"""Jobs that share a transaction with holds and releases: memory and disk say the same after it."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from postroad.model import Addressee, Envelope, Waybill
from postroad.spool import Choice, Done, Retry, Shard, SpoolSettings
from postroad.spool.opening import DATABASE
from spool_conformance import ANN, BOB, INLINE_LIMIT, NOON, Clock, ids
from spool_gates import HoldingGate

SETTINGS = SpoolSettings(inline_limit=INLINE_LIMIT)
ANNS, EVES = "ann@example.org", "eve@example.com"
CHOICES = (Choice(), Choice(login=ANNS), Choice(login=EVES))
ROWS = (
    "SELECT recipient.id, next_attempt, shelved, held IS NOT NULL, queue_id FROM recipient"
    " JOIN message ON message.id = recipient.message"
)


class World:
    """A shard with many users at once, and what each recipient's owner believes."""

    def __init__(self, directory: Path, seed: int) -> None:
        self.directory = directory
        self.random = random.Random(seed)
        self.clock = Clock()
        self.gate = HoldingGate()
        self.hands: dict[int, str] = {}  # recipients with the queue, and their messages

    async def open(self) -> None:
        self.hands.clear()
        self.shard = await Shard.open(self.directory, 0, SETTINGS, self.clock, self.gate)

    async def together(self, actions: list[Callable[[], Awaitable[None]]]) -> None:
        """Have some things asked for while a commit is out, so that they share the next one."""
        self.gate.open.clear()
        while self.gate.entered.acquire(blocking=False):
            pass
        busy = asyncio.ensure_future(self.shard.hold(Choice(frozenset()), "nothing"))
        await asyncio.to_thread(self.gate.entered.acquire)
        asked = [asyncio.ensure_future(action()) for action in actions]
        for _ in range(3):
            await asyncio.sleep(0)
        self.gate.open.set()
        await asyncio.gather(busy, *asked)

    async def bring(self) -> None:
        login, held = self.random.choice((ANNS, EVES)), self.random.choice(("", "", "why"))
        pairs = [Addressee(BOB, BOB)] * self.random.randint(1, 3)
        come = await self.shard.begin().commit(
            Envelope(ANN), pairs, NOON, Waybill(login, held=held)
        )
        self.hands |= dict.fromkeys(ids(come), come.message.queue_id)

    async def claim(self) -> None:
        claim = await self.shard.claim(self.clock.now, self.random.randint(1, 6))
        for each in claim.messages:
            assert not self.hands.keys() & ids(each), "claimed twice"
            self.hands |= dict.fromkeys(ids(each), each.message.queue_id)

    async def settle(self) -> None:
        await self.shard.settle(
            [
                Done(each)
                if self.random.random() < 0.3
                else Retry(each, self.clock.now + self.random.randint(0, 50), "451")
                for each in self.some()
            ]
        )

    async def release(self) -> None:
        await self.shard.release(self.some())

    async def hold(self) -> None:
        await self.shard.hold(self.random.choice(CHOICES), "because")

    async def free(self) -> None:
        await self.shard.free(self.random.choice(CHOICES))

    async def hasten(self) -> None:
        await self.shard.hasten(Choice())

    def some(self) -> list[int]:
        """About half of what the queue has, which it has no longer."""
        chosen = [each for each in self.hands if self.random.random() < 0.5]
        for each in chosen:
            del self.hands[each]
        return chosen

    def check(self) -> None:
        """Each recipient is in exactly one state, and what is held is what is held back."""
        place = f"file:{self.directory / DATABASE}?mode=ro"
        with contextlib.closing(sqlite3.connect(place, uri=True)) as connection:
            rows = connection.execute(ROWS).fetchall()
        assert set(self.hands) == set(self.shard._ledger.claimed)
        for recipient, due, shelved, is_held, _ in rows:
            is_with_queue = recipient in self.hands
            if is_held:
                assert due is None
            else:
                assert shelved is None
                assert due is not None or is_with_queue, "lost"
            if is_with_queue:
                assert bool(self.shard.withheld([recipient])) == is_held
        begun = {name for *_, is_held, name in rows if is_held} & set(self.hands.values())
        assert len(self.shard._ledger._withheld) == len(begun)

    async def drain(self) -> None:
        """When all is released and handed back, one claim brings everything there is."""
        await self.shard.free(Choice())
        await self.shard.release(list(self.hands))
        everything = await self.shard.claim(self.clock.now + 1e6, 10_000)
        with contextlib.closing(sqlite3.connect(self.directory / DATABASE)) as connection:
            rows = connection.execute("SELECT id FROM recipient ORDER BY id").fetchall()
        assert sorted(ids(*everything.messages)) == [each for (each,) in rows]


@pytest.mark.parametrize("seed", range(16))
async def test_what_is_held_is_what_is_held_back(tmp_path: Path, seed: int) -> None:
    world = World(tmp_path, seed)
    bring, claim, settle = world.bring, world.claim, world.settle
    actions = [bring, bring, claim, claim, settle, settle, world.hold, world.hold, world.free]
    actions += [world.release, world.hasten]
    await world.open()
    try:
        for _ in range(20):
            await world.together(world.random.choices(actions, k=world.random.randint(1, 6)))
            world.clock.now += world.random.randint(0, 20)
            world.check()
            if world.random.random() < 0.1:
                await world.shard.close()
                await world.open()
                world.check()
        await world.drain()
    finally:
        await world.shard.close()


@pytest.mark.parametrize("late", ["claim", "commit and claim"])
async def test_a_claim_sees_what_was_released_with_it(tmp_path: Path, late: str) -> None:
    """Whether it was asked for before the release or after: nobody has to ask again."""
    for is_first in (True, False):
        world = World(tmp_path / str(is_first), 0)
        await world.open()
        try:
            await world.shard.begin().commit(
                Envelope(ANN), [Addressee(BOB, BOB)], NOON, Waybill(ANNS, held="why")
            )
            while not world.hands:
                await world.bring()
            world.clock.now += 10
            await world.shard.settle([Retry(each, world.clock.now, "451") for each in world.hands])
            assert (await world.shard.claim(world.clock.now, 1)).messages  # and looks behind it
            found: list[int] = []

            async def claim(world: World = world, found: list[int] = found) -> None:
                found += ids(*(await world.shard.claim(world.clock.now, 10)).messages)

            async def free(world: World = world) -> None:
                await world.shard.free(Choice())

            both = [claim, free] if is_first else [free, claim]
            await world.together([world.bring, *both] if "commit" in late else both)
            assert 1 in found
        finally:
            await world.shard.close()


async def test_what_is_handed_back_as_it_is_given_up_is_due(tmp_path: Path) -> None:
    """It was held when it was handed back, and is not behind the same commit."""
    world = World(tmp_path, 0)
    await world.open()
    try:
        come = await world.shard.begin().commit(Envelope(ANN), [Addressee(BOB, BOB)], NOON)
        await world.shard.hold(Choice(), "because")

        async def release() -> None:
            await world.shard.release(ids(come))

        async def give_up() -> None:
            await world.shard.give_up(Choice(), "550 5.7.1 no")

        await world.together([release, give_up])
        assert ids(*(await world.shard.claim(world.clock.now, 10)).messages) == ids(come)
    finally:
        await world.shard.close()
