"""Mail on hold in the SQLite shard: crashes, many messages, and any order of events."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from disk_model import Crash, DiskModel, Fate
from fake_spool import MemoryShard, MemoryStore
from postroad.model import Address, Addressee, Envelope, Waybill
from postroad.spool import (
    Altered,
    Choice,
    Done,
    Durable,
    Inventory,
    Retry,
    Shard,
    Sifted,
    SpoolError,
    SpoolSettings,
)
from postroad.spool.removing import Remove
from postroad.spool.window import Window
from spool_conformance import ANN, BOB, INLINE_LIMIT, LARGE, NOON, SMALL, Clock, ids

SETTINGS = SpoolSettings(inline_limit=INLINE_LIMIT)
ANNS, EVES = Waybill("ann@example.org"), Waybill("eve@example.com")


# The world ends after every durable step ----------------------------------------------------------


class Diary:
    """What the shard acknowledged: which messages were held and released, and which were sent."""

    def __init__(self) -> None:
        self.held: set[str] = set()
        self.maybe: set[str] = set()  # asked for, not acknowledged
        self.all: list[str] = []


async def scenario(shard: Shard, diary: Diary) -> None:
    """Fresh, deferred and large messages, held as they come and afterwards, and released."""

    async def bring(content: bytes, waybill: Waybill, *, defer: bool = False) -> str:
        draft = shard.begin()
        draft.write(content)
        diary.maybe.add(draft.queue_id)
        claimed = await draft.commit(Envelope(ANN), [Addressee(BOB, BOB)], NOON, waybill)
        diary.all.append(draft.queue_id)
        if waybill.held:
            diary.held.add(draft.queue_id)
        diary.maybe.discard(draft.queue_id)
        if defer:
            await shard.settle([Retry(each, NOON + 60, "451") for each in ids(claimed)])
        return draft.queue_id

    async def change(*names: str, hold: bool) -> None:
        diary.maybe.update(names)
        if hold:
            await shard.hold(Choice(frozenset(names)), "because")
            diary.held.update(names)
        else:
            await shard.free(Choice(frozenset(names)))
            diary.held.difference_update(names)
        diary.maybe.difference_update(names)

    first = await bring(SMALL, ANNS)
    await bring(LARGE, ANNS._replace(held="as it came"))
    third = await bring(LARGE, EVES, defer=True)
    await change(first, third, hold=True)
    fourth = await bring(SMALL, EVES, defer=True)
    await change(third, hold=False)
    await asyncio.gather(change(first, hold=False), change(fourth, hold=True))


async def live(directory: Path, gate: Durable, diary: Diary) -> None:
    shard = await Shard.open(directory, 0, SETTINGS, Clock(), gate)
    try:
        await scenario(shard, diary)
    finally:
        await shard.close()


@pytest.mark.parametrize("power_cut", [False, True], ids=["killed", "power cut"])
async def test_every_step_can_be_the_last(tmp_path: Path, power_cut: bool) -> None:
    whole = DiskModel(tmp_path / "whole")
    await live(tmp_path / "whole", whole, Diary())
    assert len(whole.taken) > 15
    for step in range(1, len(whole.taken) + 1):
        place = tmp_path / str(step)
        gate, diary = DiskModel(place, step), Diary()
        before = set(asyncio.all_tasks())
        with contextlib.suppress(Crash, SpoolError):
            await live(place, gate, diary)
        await asyncio.gather(*(asyncio.all_tasks() - before), return_exceptions=True)
        fate = Fate.POWER_CUT if power_cut else Fate.KILLED
        await inspect(gate.left(fate, tmp_path / f"{step}-left"), diary)


async def inspect(directory: Path, diary: Diary) -> None:
    """What was acknowledged as held is nobody's, what was not is due; nothing is lost."""
    shard = await Shard.open(directory, 0, SETTINGS, Clock())
    try:
        due = {each.message.queue_id for each in (await shard.claim(NOON + 60, 100)).messages}
        listed = {each.queue_id: each.waybill.held for each in Inventory([directory]).list()}
        assert set(diary.all) <= set(listed)
        held = {name for name, reason in listed.items() if reason}
        assert held - diary.maybe == diary.held - diary.maybe
        assert due == set(listed) - held
        assert (await shard.free(Choice())).count == len(held)
        released = await shard.claim(NOON + 60, 100)
        assert {each.message.queue_id for each in released.messages} == held
    finally:
        await shard.close()


# Many messages ------------------------------------------------------------------------------------


async def test_more_messages_than_one_look(tmp_path: Path) -> None:
    """Whatever comes in meanwhile is met in the last window."""
    shard = await Shard.open(tmp_path, 0, SETTINGS, Clock())
    try:
        count = 2 * Window.SIZE + 7

        async def bring(number: int) -> None:
            waybill = ANNS if number % 2 else EVES
            await shard.begin().commit(Envelope(ANN), [Addressee(BOB, BOB)], NOON, waybill)

        await asyncio.gather(*(bring(number) for number in range(count)))
        holding = asyncio.ensure_future(shard.hold(Choice(login="ann@example.org"), "because"))
        await asyncio.gather(holding, *(bring(number) for number in range(20)))
        assert holding.result().count == count // 2 + 10
        again = await shard.hold(Choice(login="ann@example.org"), "because")
        assert (again.count, again.passed) == (0, count // 2 + 10)
        assert (await shard.free(Choice(reason="because"))).count == count // 2 + 10
        assert (await shard.free(Choice(reason="another reason"))).count == 0
    finally:
        await shard.close()


async def test_mail_that_began_before_the_look_is_met_by_it(tmp_path: Path) -> None:
    """It has its number since it began, and a window behind that is looked at when it is stored."""
    shard = await Shard.open(tmp_path, 0, SETTINGS, Clock())
    try:
        pairs = [Addressee(BOB, BOB)]
        early = shard.begin()
        await asyncio.gather(
            *(
                shard.begin().commit(Envelope(ANN), pairs, NOON, ANNS)
                for _ in range(2 * Window.SIZE)
            )
        )
        holding = asyncio.ensure_future(shard.hold(Choice(login=ANNS.login), "because"))
        await shard.hold(Choice(frozenset()), "nothing")  # ends with the first window
        come = await early.commit(Envelope(ANN), pairs, NOON, ANNS)
        assert (await holding).count == 2 * Window.SIZE + 1
        assert shard.withheld(ids(come)) == set(ids(come))
        assert (await shard.hold(Choice(login=ANNS.login), "because")).count == 0
    finally:
        await shard.close()


async def test_a_message_across_two_windows_is_counted_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Window, "SIZE", 2)
    monkeypatch.setattr(Remove, "SIZE", 2)
    shard = await Shard.open(tmp_path, 0, SETTINGS, Clock())
    try:
        pairs = [Addressee(BOB, BOB)] * 3
        for _ in range(3):
            await shard.begin().commit(Envelope(ANN), pairs, NOON, ANNS)
        assert await shard.hold(Choice(), "because") == Sifted(3, 0, None)
        assert await shard.hold(Choice(), "because") == Sifted(0, 3, None)
        assert await shard.free(Choice()) == Sifted(3, 0, None)
        assert await shard.requeue(Choice()) == Altered(3, 9, 9)
        assert await shard.give_up(Choice(), "550 5.7.1 no") == Altered(3, 9, 9)
        assert await shard.remove(Choice(domain=BOB.domain)) == Altered(3, 9)
    finally:
        await shard.close()


async def test_held_mail_is_not_looked_at(tmp_path: Path) -> None:
    """A claim takes as many steps of the database with a thousand held messages as with none."""
    steps = {}
    for count in (0, 1000):
        shard = await Shard.open(tmp_path / str(count), 0, SETTINGS, Clock())

        async def bring(shard: Shard = shard) -> None:
            waybill = ANNS._replace(held="x")
            await shard.begin().commit(Envelope(ANN), [Addressee(BOB, BOB)], NOON, waybill)

        await asyncio.gather(*(bring() for _ in range(count)))
        taken: list[int] = []
        shard._ledger.connection.set_progress_handler(lambda taken=taken: taken.append(1), 10)
        assert (await shard.claim(NOON + 1e6, 100)).messages == ()
        shard._ledger.connection.set_progress_handler(None, 10)
        steps[count] = len(taken)
        assert not shard._ledger.claimed
        await shard.close()
    assert steps[1000] <= steps[0] + 2


async def test_only_messages_that_the_queue_has_are_remembered(tmp_path: Path) -> None:
    shard = await Shard.open(tmp_path, 0, SETTINGS, Clock())
    try:
        made = [
            await shard.begin().commit(Envelope(ANN), [Addressee(BOB, BOB)], NOON) for _ in range(4)
        ]
        await shard.release(ids(made[0]))
        await shard.hold(Choice(), "because")
        assert len(shard._ledger._withheld) == 3
        await shard.release(ids(made[1]))
        await shard.settle([Done(each) for each in ids(made[2])])
        await shard.delete([made[3].message.queue_id])
        assert not shard._ledger._withheld
    finally:
        await shard.close()


# Any order of events ------------------------------------------------------------------------------

Step = tuple[str, int, int]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "bring",
                "bring held",
                "claim",
                "send",
                "defer",
                "give back",
                "hold",
                "free",
                "requeue",
                "remove",
                "give up",
                "crash",
            ]
        ),
        st.integers(0, 5),
        st.integers(0, 3),
    ),
    min_size=4,
    max_size=25,
)
CHOICES = (
    Choice(),
    Choice(login="ann@example.org"),
    Choice(sender="eve@example.com"),
    Choice(login="eve@example.com", sender="ann@example.org"),
)


class Side:
    """One of the two shards that have to agree, and what the queue has from it."""

    def __init__(self, shard: Shard | MemoryShard, clock: Clock) -> None:
        self.shard = shard
        self.clock = clock
        self.hands: dict[int, str] = {}

    async def take(self, step: Step) -> object:
        """Do one thing; what it brought, in words that both sides share."""
        what, which, how = step
        self.clock.now += which
        shard, some = self.shard, sorted(self.hands)[: which + 1]
        if what.startswith("bring"):
            login = ("ann@example.org", "eve@example.com")[how % 2]
            sender = Address(*("ann@example.org", "eve@example.com")[how // 2].split("@"))
            held = "x" if what.endswith("held") else ""
            pairs = [Addressee(BOB, BOB)] * (which + 1)
            claimed = await shard.begin().commit(
                Envelope(sender), pairs, NOON, Waybill(login, held=held)
            )
            self.hands |= dict.fromkeys(ids(claimed), claimed.message.queue_id)
            return ids(claimed)
        if what == "claim":
            claim = await shard.claim(self.clock.now, 1 + which)
            for each in claim.messages:
                self.hands |= dict.fromkeys(ids(each), each.message.queue_id)
            return sorted(ids(*claim.messages)), claim.next_due
        if what == "send":
            return len(await shard.settle([Done(self.drop(each)) for each in some]))
        if what == "defer":
            at = self.clock.now + how
            return await shard.settle([Retry(self.drop(each), at, "451") for each in some])
        if what == "give back":
            return await shard.release([self.drop(each) for each in some])
        if what == "hold":
            return await shard.hold(CHOICES[how], "x")
        if what == "requeue":
            return await shard.requeue(CHOICES[how])
        if what == "give up":
            return await shard.give_up(CHOICES[how], "550 5.7.1 no")
        if what == "remove":
            return await shard.remove(CHOICES[how])
        assert what == "free"
        return await shard.free(CHOICES[how])

    def drop(self, recipient: int) -> int:
        del self.hands[recipient]
        return recipient

    def forget_removed(self, memory: MemoryShard) -> None:
        """The queue may have what an operator removed; its results are passed over."""
        self.hands = {each: of for each, of in self.hands.items() if each in memory.claimed}

    def withheld(self) -> list[int]:
        return sorted(self.shard.withheld(list(self.hands)))


@settings(max_examples=40, deadline=None)
@given(STEPS)
def test_any_order_of_events(steps: list[Step]) -> None:
    """The shard says at every step what the one in memory says, over crashes as well."""
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(both(Path(directory), steps))


async def both(directory: Path, steps: list[Step]) -> None:
    clocks, store, number = (Clock(), Clock()), MemoryStore(), 0
    memory = Side(MemoryShard(store, clocks[0]), clocks[0])
    real = Side(await Shard.open(directory / "0", 0, SETTINGS, clocks[1]), clocks[1])
    opened = [real.shard]
    try:
        for step in steps:
            if step[0] == "crash":
                shutil.copytree(directory / str(number), directory / str(number + 1))
                number += 1
                memory = Side(MemoryShard(store, clocks[0]), clocks[0])
                again = await Shard.open(directory / str(number), 0, SETTINGS, clocks[1])
                opened.append(again)
                real = Side(again, clocks[1])
                continue
            assert await real.take(step) == await memory.take(step), step
            assert isinstance(memory.shard, MemoryShard)
            for side in (real, memory):
                side.forget_removed(memory.shard)
            assert real.withheld() == memory.withheld(), step
        for side in (real, memory):
            await side.shard.release(sorted(side.hands))
            side.clock.now += 1000
        claims = [(await side.shard.claim(side.clock.now, 1000)) for side in (real, memory)]
        assert sorted(ids(*claims[0].messages)) == sorted(ids(*claims[1].messages))
    finally:
        for shard in opened:
            await shard.close()
