"""The world ends after every durable step in turn; the next start finds what was acknowledged."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from postroad.model import Addressee, ByMode, DeliverBy, Envelope, Notify
from postroad.spool import Done, Durable, Inventory, Shard, SpoolError, SpoolSettings
from spool_conformance import ANN, BOB, EVE, INLINE_LIMIT, LARGE, NOON, SMALL, Clock, read
from spool_gates import Crash, CrashingGate

SETTINGS = SpoolSettings(inline_limit=INLINE_LIMIT)


class Diary:
    """What the shard told its caller, and what the caller asked for."""

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}  # of every draft
        self.recipients: dict[str, int] = {}
        self.envelopes: dict[str, Envelope] = {}
        self.acknowledged: set[str] = set()
        self.maybe_gone: set[str] = set()
        self.gone: set[str] = set()


PLAIN = Envelope(ANN)
ASKING = Envelope(ANN, envid="QQ314", priority=2, deliver_by=DeliverBy(NOON + 9, ByMode.RETURN))
HELD = Envelope(ANN, hold_until=NOON + 50)


async def commit(
    shard: Shard,
    diary: Diary,
    content: bytes,
    *,
    both: bool = False,
    envelope: Envelope = PLAIN,
) -> list[int]:
    draft = shard.begin()
    diary.contents[draft.queue_id] = content
    diary.recipients[draft.queue_id] = 1 + both
    diary.envelopes[draft.queue_id] = envelope
    draft.write(content[:600])
    draft.write(content[600:])
    one = Addressee(BOB, BOB) if envelope is PLAIN else Addressee(BOB, BOB, Notify.DELAY, "x;y")
    pairs = [one, Addressee(EVE, EVE)] if both else [one]
    claimed = await draft.commit(envelope, pairs, NOON)
    diary.acknowledged.add(draft.queue_id)
    return [one.id for one in claimed.recipients]


async def finish(shard: Shard, diary: Diary, ids: list[int], queue_id: str) -> None:
    diary.maybe_gone.add(queue_id)
    diary.gone.update(await shard.settle([Done(one) for one in ids]))


async def scenario(shard: Shard, diary: Diary) -> None:
    """Small and large messages, alone and together, kept, deferred, settled and deleted."""
    small = await commit(shard, diary, SMALL)
    large = await commit(shard, diary, LARGE)
    both = await commit(shard, diary, LARGE + SMALL, both=True)
    names = sorted(diary.contents)
    await asyncio.gather(
        commit(shard, diary, SMALL),
        commit(shard, diary, LARGE, envelope=ASKING),
        commit(shard, diary, SMALL, envelope=HELD, both=True),
    )
    await finish(shard, diary, small, names[0])
    await shard.settle([Done(both[0])])
    await finish(shard, diary, large, names[1])
    discarded = shard.begin()
    discarded.write(LARGE)
    discarded.discard()
    diary.maybe_gone.add(names[2])
    assert await shard.delete([names[2]]) == 1
    diary.gone.add(names[2])
    await commit(shard, diary, LARGE)


async def live(directory: Path, gate: Durable, diary: Diary) -> None:
    shard = await Shard.open(directory, 0, SETTINGS, Clock(), gate)
    try:
        await scenario(shard, diary)
    finally:
        await shard.close()


async def count_steps(directory: Path) -> int:
    gate, diary = CrashingGate(10_000), Diary()
    await live(directory, gate, diary)
    assert len(diary.acknowledged) == 7
    assert len(diary.gone) == 3
    return len(gate.taken)


@pytest.mark.parametrize("power_cut", [False, True], ids=["killed", "power cut"])
async def test_every_step_can_be_the_last(tmp_path: Path, power_cut: bool) -> None:
    steps = await count_steps(tmp_path / "whole")
    assert steps > 30
    for step in range(1, steps + 1):
        place = tmp_path / str(step)
        gate, diary = CrashingGate(step), Diary()
        before = set(asyncio.all_tasks())
        with contextlib.suppress(Crash, SpoolError):
            await live(place, gate, diary)
        rest = asyncio.all_tasks() - before
        await asyncio.gather(*rest, return_exceptions=True)
        assert gate.is_over
        left = tmp_path / f"{step}-left"
        gate.copy(place, left, power_cut=power_cut)
        await inspect(left, diary)


async def inspect(directory: Path, diary: Diary) -> None:
    shard = await Shard.open(directory, 0, SETTINGS, Clock())
    try:
        assert shard.damaged == ()
        claim = await shard.claim(NOON + 1e6, 100)
        found = {one.message.queue_id: one for one in claim.messages}
        # Nothing acknowledged is missing; what was settled may still be there.
        assert diary.acknowledged - diary.maybe_gone <= found.keys()
        assert not diary.gone & found.keys()
        # What is there is whole, acknowledged or not.
        for queue_id, claimed in found.items():
            assert read(claimed) == diary.contents[queue_id]
            assert claimed.message.envelope == diary.envelopes[queue_id]
            first = claimed.recipients[0]
            asks = claimed.message.envelope != PLAIN
            assert (first.notify, first.orcpt) == ((Notify.DELAY, "x;y") if asks else (None, ""))
            expected = diary.recipients[queue_id]
            assert expected - (queue_id in diary.maybe_gone or expected > 1) <= len(
                claimed.recipients
            )
            assert len(claimed.recipients) <= expected
        # And nothing else lies around.
        filed = {name for name in found if len(diary.contents[name]) > INLINE_LIMIT}
        assert {path.name for path in (directory / "bodies").iterdir()} == filed
        rows = shard._ledger.connection.execute("SELECT count(*) FROM content").fetchone()
        assert rows == (len(found) - len(filed),)
        # Identifiers go on above all that were ever given.
        draft = shard.begin()
        assert all(draft.queue_id > given for given in diary.contents)
    finally:
        await shard.close()


KILLED = """
import asyncio, sys, time
from pathlib import Path
from postroad.model import Address, Envelope
from postroad.spool import Done, Shard, SpoolSettings

async def send(shard, number):
    bob = Address("bob", "example.net")
    while True:
        draft = shard.begin()
        content = draft.queue_id.encode() * (1 + number * 60)
        draft.write(content)
        claimed = await draft.commit(Envelope(None), [Addressee(bob, bob)], 1.0)
        print(draft.queue_id, flush=True)
        if number % 2:
            print("-" + draft.queue_id, flush=True)
            await shard.settle([Done(claimed.recipients[0].id)])

async def main():
    shard = await Shard.open(Path(sys.argv[1]), 0, SpoolSettings(inline_limit=4000), time.time)
    await asyncio.gather(*(send(shard, number) for number in range(8)))

asyncio.run(main())
"""


@pytest.mark.parametrize("enough", [1, 40, 300])
def test_kill_minus_nine(tmp_path: Path, enough: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().strip() for _ in range(enough)]
        os.kill(process.pid, signal.SIGKILL)
        lines += process.stdout.read().splitlines()
    settling = {line[1:] for line in lines if line.startswith("-")}
    acknowledged = {line for line in lines if len(line) == 12}
    asyncio.run(check_killed(tmp_path, acknowledged, settling))


async def check_killed(directory: Path, acknowledged: set[str], settling: set[str]) -> None:
    # An operator may look before the next start.
    listed = {entry.queue_id for entry in Inventory([directory]).list()}
    assert acknowledged - settling <= listed
    shard = await Shard.open(directory, 0, SETTINGS, Clock(2e9))
    try:
        assert shard.damaged == ()
        claim = await shard.claim(2e9, 100_000)
        assert {one.message.queue_id for one in claim.messages} == listed
        for claimed in claim.messages:
            content = read(claimed)
            assert len(content) == claimed.message.content.size > 0
            assert content.startswith(claimed.message.queue_id.encode())
            assert set(content.split(claimed.message.queue_id.encode())) == {b""}
    finally:
        await shard.close()
