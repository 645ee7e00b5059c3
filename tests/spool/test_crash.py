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

from disk_model import Crash, DiskModel, Fate
from postroad.model.durable import Operation
from postroad.spool import Inventory, Shard, SpoolError
from spool_conformance import Clock, read
from spool_scenarios import SCENARIOS, SETTINGS, Diary, Scenario, inspect, play

MANY = 25


async def run(scenario: Scenario, place: Path, gate: DiskModel, diary: Diary) -> None:
    before = set(asyncio.all_tasks())
    with contextlib.suppress(Crash, SpoolError):
        await play(scenario, place, gate, diary)
    await asyncio.gather(*(asyncio.all_tasks() - before), return_exceptions=True)


async def prepared(scenario: Scenario, place: Path, steps: int) -> tuple[DiskModel, Diary]:
    diary = Diary()
    await scenario.before(place, diary)
    return DiskModel(place, steps, armed=False), diary


@pytest.mark.parametrize("name", SCENARIOS)
async def test_every_step_can_be_the_last(tmp_path: Path, name: str) -> None:
    scenario = SCENARIOS[name]
    whole, diary = await prepared(scenario, tmp_path / "whole", 1_000_000)
    await play(scenario, whole.root, whole, diary)
    assert whole.taken, "the scenario passes the gate"
    for step in range(1, len(whole.taken) + 1):
        gate, diary = await prepared(scenario, tmp_path / str(step), step)
        await run(scenario, gate.root, gate, diary)
        if not gate.is_over:
            # Who shares a commit is a matter of the moment: this run needed fewer steps.
            assert step > len(whole.taken) // 2
            break
        # Where the steps are many and much alike, two fates for each have to do.
        fates = tuple(Fate) if len(whole.taken) < MANY else tuple(Fate)[step % 2 :: 2]
        for fate in fates:
            left = gate.left(fate, tmp_path / f"{step} {fate.value}")
            try:
                await inspect(left, diary)
            except AssertionError as error:
                raise AssertionError(f"{fate} after {gate.taken[-1]}, step {step}") from error


async def test_every_kind_of_step_is_tried(tmp_path: Path) -> None:
    """Putting a damaged file aside has a test of its own."""
    seen: set[Operation] = set()
    for name, scenario in SCENARIOS.items():
        gate, diary = await prepared(scenario, tmp_path / name, 1_000_000)
        await play(scenario, gate.root, gate, diary)
        seen |= {operation for operation, _ in gate.taken}
    assert seen == set(Operation)


KILLED = """
import asyncio, sys, time
from pathlib import Path
from postroad.model import Address, Addressee, Envelope
from postroad.spool import Done, Shard, SpoolSettings

async def send(shard, number):
    bob = Address("bob", "example.net")
    while True:
        draft = shard.begin()
        content = draft.queue_id.encode() * (1 + number * 60)
        draft.write(content)
        if number > 5:  # of those that are files, some are changed
            name = draft.queue_id.encode()
            await draft.replace(name * number, await draft.read(len(name)))
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
        filed = {one.message.queue_id for one in claim.messages if len(read(one)) > 4000}
        assert {path.name for path in (directory / "bodies").iterdir()} == filed
    finally:
        await shard.close()
