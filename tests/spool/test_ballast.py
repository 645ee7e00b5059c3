"""On a full disk the queue can still shrink: what is kept for that goes overboard, once."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from postroad.model.durable import Operation
from postroad.spool import Ballast, Done, Room, Shard, Space, SpoolError, SpoolSettings
from postroad.spool import ballast as module
from spool_conformance import NOON, Clock, ids, put
from spool_scenarios import SETTINGS

T = TypeVar("T")

SIZE = 65_536


@pytest.fixture
def ballast(tmp_path: Path) -> Ballast:
    return Ballast(tmp_path / "ballast", 1_000_000, SIZE)


def test_it_takes_room_that_is_really_there(tmp_path: Path, ballast: Ballast) -> None:
    ballast.lay()
    ballast.lay()
    status = (tmp_path / "ballast").stat()
    assert status.st_size == SIZE
    assert status.st_blocks * 512 >= SIZE
    assert ballast.wanted == 0
    assert ballast.drop()
    assert not ballast.drop()
    assert ballast.wanted > SIZE


def test_it_is_not_laid_where_there_is_no_room(
    tmp_path: Path, ballast: Ballast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "look", lambda _: Space(1_000_000 + SIZE - 1, None))
    ballast.lay()
    assert not (tmp_path / "ballast").exists()
    monkeypatch.setattr(module, "look", lambda _: Space(1_000_000 + SIZE, None))
    ballast.lay()
    assert (tmp_path / "ballast").exists()


def test_no_mail_is_taken_while_it_is_overboard(tmp_path: Path, ballast: Ballast) -> None:
    """Even where no limit is set: what it left free is for what leaves."""
    said: list[str] = []
    free = [10 * SIZE]
    ballast.lay()
    room = Room(
        SpoolSettings(min_free=0, min_free_inodes=0),
        [tmp_path],
        lambda: 0.0,
        said.append,
        lambda _: Space(free[0], None),
        wanted=lambda: ballast.wanted,
        again=ballast.lay,
    )
    assert room.has(10 * SIZE + 1)
    free[0] = SIZE
    ballast.drop()
    assert room.has()  # as it was seen last
    room.doubt()
    assert not room.has()
    free[0] = 2 * SIZE
    room.doubt()
    assert room.has()
    assert (tmp_path / "ballast").exists()
    assert [line.split(":")[0] for line in said] == [
        "no more mail is taken",
        "there is room for mail again",
    ]


class FullDisk:
    """Has room for nothing until it is relieved."""

    def __init__(self) -> None:
        self.is_full = False
        self.relieved = 0

    def relieve(self) -> bool:
        self.relieved += 1
        self.is_full = False
        return True

    def perform(self, operation: Operation, _: Path, action: Callable[[], T]) -> T:
        if self.is_full and operation is Operation.COMMIT:
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error
        return action()


async def test_results_are_written_and_new_mail_is_not(tmp_path: Path) -> None:
    disk = FullDisk()
    shard = await Shard.open(tmp_path, 0, SETTINGS, Clock(), disk, relieve=disk.relieve)
    claimed = await put(shard)
    disk.is_full = True
    with pytest.raises(SpoolError, match="full"):
        await put(shard)
    assert disk.relieved == 0
    assert await shard.settle([Done(one) for one in ids(claimed)]) == [claimed.message.queue_id]
    assert disk.relieved == 1
    assert (await shard.claim(NOON + 1e6, 10)).messages == ()
    await shard.close()


async def test_without_anything_to_throw_overboard_it_fails(tmp_path: Path) -> None:
    disk = FullDisk()
    shard = await Shard.open(tmp_path, 0, SETTINGS, Clock(), disk)
    claimed = await put(shard)
    disk.is_full = True
    with pytest.raises(SpoolError, match="full"):
        await shard.settle([Done(one) for one in ids(claimed)])
    disk.is_full = False
    assert await shard.settle([Done(one) for one in ids(claimed)]) == [claimed.message.queue_id]
    await shard.close()
