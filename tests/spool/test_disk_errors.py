"""Every durable step fails in turn, as on a full disk, with another error, and after it was taken.

What failed is refused, by `SpoolError` here and by `4xx` at the door. A step that nobody waits for
may fail unnoticed; then the next start makes up for it. When the disk is well again the same shard
goes on. And what was refused because a sync failed is never trusted again: not one sync is repeated
to make good for another.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from postroad.model import Addressee
from postroad.model.durable import Operation
from postroad.spool import Shard, SpoolError
from spool_conformance import BOB, LARGE, NOON, SMALL, Clock
from spool_gates import FailingGate
from spool_scenarios import PLAIN, SCENARIOS, SETTINGS, Diary, Scenario, inspect, play, send

T = TypeVar("T")

MANY = 25

ERRORS = (errno.ENOSPC, errno.EIO, errno.EMFILE, errno.EDQUOT, errno.EROFS)
IN_SQLITE = {
    errno.ENOSPC: (sqlite3.SQLITE_FULL, "database or disk is full"),
    errno.EIO: (sqlite3.SQLITE_IOERR_FSYNC, "disk I/O error"),
    errno.EMFILE: (sqlite3.SQLITE_CANTOPEN, "unable to open database file"),
    errno.EDQUOT: (sqlite3.SQLITE_IOERR_WRITE, "disk I/O error"),
    errno.EROFS: (sqlite3.SQLITE_READONLY, "attempt to write a readonly database"),
}


def failure(operation: Operation, number: int) -> Exception:
    """The error as the step would raise it."""
    if operation not in (Operation.COMMIT, Operation.CHECKPOINT):
        return OSError(number, os.strerror(number))
    code, words = IN_SQLITE[number]
    error = sqlite3.OperationalError(words)
    error.sqlite_errorcode = code
    return error


class OneFailure:
    """Fails the n-th step; `late` after it was taken, else instead of it."""

    def __init__(self, step: int, number: int, *, late: bool = False) -> None:
        self.step = step
        self.number = number
        self.late = late
        self.armed = False
        self.taken: list[Operation] = []

    def arm(self) -> None:
        self.armed = True

    def perform(self, operation: Operation, path: Path, action: Callable[[], T]) -> T:
        if not self.armed:
            return action()
        self.taken.append(operation)
        if len(self.taken) != self.step:
            return action()
        if self.late:
            action()
        raise failure(operation, self.number)


async def live(scenario: Scenario, place: Path, gate: OneFailure) -> Diary:
    diary = Diary()
    await scenario.before(place, diary)
    with contextlib.suppress(SpoolError):
        await play(scenario, place, gate, diary)
    return diary


@pytest.mark.parametrize("name", SCENARIOS)
async def test_no_step_that_fails_loses_anything(tmp_path: Path, name: str) -> None:
    whole = OneFailure(0, errno.EIO)
    await live(SCENARIOS[name], tmp_path / "whole", whole)
    for step in range(1, len(whole.taken) + 1):
        kinds = (errno.ENOSPC, ERRORS[1 + step // 2 % 4] if step % 2 else None)
        # Where the steps are many and much alike, one kind for each has to do.
        for number in kinds if len(whole.taken) < MANY else kinds[step % 2 :][:1]:
            place = tmp_path / f"{step} {number}"
            # None: the step was taken, and yet an error came back.
            gate = OneFailure(step, number or errno.EIO, late=number is None)
            diary = await live(SCENARIOS[name], place, gate)
            left = tmp_path / f"{step} {number} left"
            if place.exists():  # not where its making failed
                shutil.copytree(place, left)
            try:
                await inspect(left, diary)  # as after a crash now
                await go_on(place, diary)  # and as it goes on
                await inspect(place, diary)
            except AssertionError as error:
                words = f"{gate.taken[step - 1]}, {errno.errorcode.get(number or 0, 'late')}"
                raise AssertionError(f"step {step}: {words}") from error


async def go_on(place: Path, diary: Diary) -> None:
    shard = await Shard.open(place, 0, SETTINGS, Clock())
    try:
        await send(shard, diary, SMALL)
        await send(shard, diary, LARGE)
    finally:
        await shard.close()


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("number", ERRORS, ids=errno.errorcode.get)
async def test_the_same_shard_goes_on_when_the_disk_is_well(
    tmp_path: Path, content: bytes, number: int
) -> None:
    gate = FailingGate()
    shard = await Shard.open(tmp_path / "shard", 0, SETTINGS, Clock(), gate)
    diary = Diary()
    try:
        await send(shard, diary, SMALL)
        for operation in Operation:
            gate.fail(failure(operation, number), operation)
            with contextlib.suppress(SpoolError):
                await send(shard, diary, content)
            gate.heal()
            await send(shard, diary, content)
    finally:
        await shard.close()
    assert len(diary.acknowledged) >= 1 + len(Operation)
    # What could not be removed while removing failed, is removed by the next start.
    await inspect(tmp_path / "shard", diary)


class Diarist:
    """Fails each first sync of a file, and writes down every step of it."""

    def __init__(self) -> None:
        self.armed = False
        self.steps: list[tuple[Operation, str]] = []

    def perform(self, operation: Operation, path: Path, action: Callable[[], T]) -> T:
        if self.armed:
            self.steps.append((operation, path.name))
            if operation is Operation.SYNC_FILE:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
        return action()


async def test_a_sync_that_failed_is_not_tried_again(tmp_path: Path) -> None:
    """The system forgets what it could not write, and says so once (fsyncgate)."""
    gate = Diarist()
    shard = await Shard.open(tmp_path, 0, SETTINGS, Clock(), gate)
    draft = shard.begin()
    if (written := draft.write(LARGE)) is not None:
        await written
    gate.armed = True
    with pytest.raises(SpoolError):
        await draft.commit(PLAIN, [Addressee(BOB, BOB)], NOON)
    await shard.close()
    syncs = [name for operation, name in gate.steps if operation is Operation.SYNC_FILE]
    assert syncs == [f"{draft.queue_id}.part"]
    # The file that may have holes was never given its name, and is gone.
    assert not [step for step in gate.steps if step[0] is Operation.RENAME]
    assert list((tmp_path / "bodies").iterdir()) == []


async def test_a_commit_whose_sync_failed_is_written_anew(tmp_path: Path) -> None:
    """What was in it is refused; what comes next overwrites its place in the log, synced or not."""
    gate = FailingGate()
    shard = await Shard.open(tmp_path / "shard", 0, SETTINGS, Clock(), gate)
    diary = Diary()
    log = tmp_path / "shard" / "spool.db-wal"
    try:
        await send(shard, diary, SMALL)
        before = log.stat().st_size
        gate.fail(failure(Operation.COMMIT, errno.EIO), Operation.COMMIT)
        results = await asyncio.gather(
            *(send(shard, diary, SMALL * 9) for _ in range(5)), return_exceptions=True
        )
        assert all(isinstance(each, SpoolError) for each in results)
        gate.heal()
        await send(shard, diary, SMALL * 9)
        written = log.stat().st_size
        assert written > before
        shutil.copytree(tmp_path / "shard", tmp_path / "left")
        await inspect(tmp_path / "left", diary)
    finally:
        await shard.close()
