"""Which shards a worker has, when there are more or fewer workers, and what becomes of bad ones."""

from __future__ import annotations

import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from postroad.app.storage import ShardNameError, Storage, shards_of
from postroad.config import Configuration
from postroad.model.journal import Event, Level, Notice
from postroad.spool import Shard, SpoolError, SpoolSettings
from spool_conformance import Clock, put, read


@pytest.fixture
def configuration(tmp_path: Path) -> Configuration:
    return Configuration(
        hostname="mail.example.org", domains=("example.org",), state_directory=tmp_path / "state"
    )


@pytest.fixture
def log() -> list[Event]:
    return []


def make(configuration: Configuration, log: list[Event]) -> Storage:
    return Storage(configuration, log.append, lambda: None)


async def stock(spool: Path, number: int) -> str:
    """A shard with a message; its queue identifier."""
    shard = await Shard.open(spool / str(number), number, SpoolSettings(), Clock(time.time()))
    claimed = await put(shard)
    await shard.close()
    return claimed.message.queue_id


@pytest.mark.parametrize(
    ("workers", "expected"),
    [
        (1, [[0, 1, 2, 3, 7]]),
        (2, [[0, 2], [1, 3, 7]]),
        (4, [[0], [1], [2], [3, 7]]),
        (6, [[0], [1, 7], [2], [3], [4], [5]]),
        (8, [[0], [1], [2], [3], [4], [5], [6], [7]]),
    ],
)
def test_every_shard_has_one_worker(tmp_path: Path, workers: int, expected: list[object]) -> None:
    for name in ("0", "1", "2", "3", "7", "lost+found", "8.old"):
        (tmp_path / name).mkdir()
    (tmp_path / "9").touch()
    assert [shards_of(worker, workers, tmp_path) for worker in range(workers)] == expected


async def test_four_workers_become_one_and_four_again(
    configuration: Configuration, log: list[Event]
) -> None:
    spool = configuration.spool_directory
    names = [await stock(spool, number) for number in range(4)]
    names.append(await stock(spool, 9))  # copied in from a machine that had more
    storage = make(configuration, log)
    shards = await storage.open(shards_of(0, 1, spool))
    assert list(shards) == [0, 1, 2, 3, 9]
    found = []
    for shard in shards.values():
        for claimed in (await shard.claim(time.time() + 1, 10)).messages:
            assert read(claimed)
            found.append(claimed.message.queue_id)
    assert found == names
    new = [await put(shard) for shard in list(shards.values())[:1]]
    assert [claimed.message.queue_id[-2:] for claimed in new] == ["00"]
    await storage.close()
    # Nobody's mail is in two places, or in none, when they are four again.
    again = []
    for worker in range(4):
        storage = make(configuration, log)
        shards = await storage.open(shards_of(worker, 4, spool))
        assert list(shards) == ([1, 9] if worker == 1 else [worker])
        for shard in shards.values():
            again += [
                claimed.message.queue_id
                for claimed in (await shard.claim(time.time() + 1, 10)).messages
            ]
        await storage.close()
    assert sorted(again) == sorted([*names, new[0].message.queue_id])
    assert log == []


@pytest.mark.parametrize("name", ["01", "007"])
def test_two_directories_of_one_number_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / name).mkdir()
    with pytest.raises(ShardNameError, match=rf"{name}: the directory of shard .* only one; move"):
        shards_of(0, 2, tmp_path)


async def test_a_copy_under_another_number_is_left_alone(
    configuration: Configuration, log: list[Event]
) -> None:
    """Its mail would go out twice."""
    spool = configuration.spool_directory
    name = await stock(spool, 0)
    shutil.copytree(spool / "0", spool / "5")
    storage = make(configuration, log)
    shards = await storage.open(shards_of(0, 1, spool))
    assert list(shards) == [0]
    assert [each.message.queue_id for each in (await shards[0].claim(2e9, 9)).messages] == [name]
    (event,) = log
    assert isinstance(event, Notice)
    assert event.severity is Level.ERROR
    assert event.message == (
        "shard 5 is left alone, with all mail in it: this is the spool of shard 0, not of shard 5"
    )
    await storage.close()


async def test_its_own_shard_it_must_have(configuration: Configuration, log: list[Event]) -> None:
    spool = configuration.spool_directory
    await stock(spool, 0)
    (spool / "0" / "spool.db").unlink()
    (spool / "0" / "spool.db").mkdir()
    storage = make(configuration, log)
    with pytest.raises(SpoolError, match="is a directory"):
        await storage.open([0])
    await storage.close()


async def test_what_was_saved_is_an_error_of_the_log(
    configuration: Configuration, log: list[Event]
) -> None:
    spool = configuration.spool_directory
    name = await stock(spool, 0)
    with (spool / "0" / "spool.db").open("r+b") as database:
        database.write(b"\0" * 100)
    storage = make(configuration, log)
    shards = await storage.open([0])
    assert [each.message.queue_id for each in (await shards[0].claim(2e9, 9)).messages] == [name]
    await storage.close()
    (event,) = log
    assert isinstance(event, Notice)
    assert event.severity is Level.ERROR
    assert "the database was broken" in event.message
    with closing(sqlite3.connect(spool / "0" / "spool.db")) as database:
        assert database.execute("SELECT open FROM shard").fetchone() == (0,)


async def test_room_is_watched_where_spool_and_state_are(
    configuration: Configuration, log: list[Event]
) -> None:
    storage = make(configuration, log)
    await storage.open([0])
    assert storage.room().has(1000)
    await storage.close()
