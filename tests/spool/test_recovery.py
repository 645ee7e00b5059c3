"""Opening a shard: its lock, its version, its modes, and what a crash left."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sqlite3
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from postroad.spool import Claim, Done, Inventory, Shard, ShardBusy, SpoolError, SpoolSettings
from postroad.spool.schema import VERSION
from spool_conformance import INLINE_LIMIT, LARGE, NOON, Clock, ids, put, read, retries


@contextlib.asynccontextmanager
async def opened(
    directory: Path, number: int = 0, limit: int = INLINE_LIMIT
) -> AsyncIterator[Shard]:
    shard = await Shard.open(directory, number, SpoolSettings(inline_limit=limit), Clock())
    try:
        yield shard
    finally:
        await shard.close()


async def test_one_owner_at_a_time(tmp_path: Path) -> None:
    async with opened(tmp_path):
        with pytest.raises(ShardBusy, match="another process"):
            await Shard.open(tmp_path, 0, SpoolSettings(), Clock())
    async with opened(tmp_path):
        pass


async def test_a_cancelled_open_leaves_the_shard_free(tmp_path: Path) -> None:
    opening = asyncio.ensure_future(Shard.open(tmp_path, 0, SpoolSettings(), Clock()))
    await asyncio.sleep(0)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    while True:
        try:
            async with opened(tmp_path):
                return
        except ShardBusy:
            await asyncio.sleep(0)


async def test_a_directory_belongs_to_one_number(tmp_path: Path) -> None:
    async with opened(tmp_path, 3):
        pass
    with pytest.raises(SpoolError, match="shard 3, not of shard 4"):
        await Shard.open(tmp_path, 4, SpoolSettings(), Clock())
    async with opened(tmp_path, 3):
        pass


async def test_only_the_owner_may_look(tmp_path: Path) -> None:
    async with opened(tmp_path / "deep" / "shard") as shard:
        await put(shard, content=LARGE)
        root = tmp_path / "deep" / "shard"
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in root.iterdir()}
        assert modes == {
            "lock": 0o600,
            "spool.db": 0o600,
            "spool.db-wal": 0o600,
            "spool.db-shm": 0o600,
            "bodies": 0o700,
        }
        assert stat.S_IMODE(root.stat().st_mode) == 0o700
        (body,) = (root / "bodies").iterdir()
        assert stat.S_IMODE(body.stat().st_mode) == 0o600


async def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    async with opened(tmp_path):
        pass
    with contextlib.closing(sqlite3.connect(tmp_path / "spool.db")) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    words = rf"newer release \(schema {VERSION + 1}; this one knows {VERSION}\)"
    with pytest.raises(SpoolError, match=words):
        await Shard.open(tmp_path, 0, SpoolSettings(), Clock())
    with pytest.raises(SpoolError, match="newer release"):
        list(Inventory([tmp_path]).list())


async def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "spool.db").write_bytes(b"not a database, but long enough to look like one" * 99)
    with pytest.raises(SpoolError, match="not a database"):
        await Shard.open(tmp_path, 0, SpoolSettings(), Clock())


async def test_a_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SpoolError, match="file"):
        await Shard.open(tmp_path / "file" / "shard", 0, SpoolSettings(), Clock())


async def test_leftover_files_are_deleted(tmp_path: Path) -> None:
    async with opened(tmp_path) as shard:
        kept = await put(shard, content=LARGE)
        inline = await put(shard)
    for name in ("0000000000AB", "0000000000AB.part", f"{inline.message.queue_id}", "strange"):
        (tmp_path / "bodies" / name).write_bytes(b"x")
    async with opened(tmp_path) as shard:
        assert [path.name for path in (tmp_path / "bodies").iterdir()] == [kept.message.queue_id]
        assert shard.damaged == ()


@pytest.mark.parametrize("cut", [True, False], ids=["cut short", "missing"])
async def test_a_message_without_its_file_is_kept_and_reported(tmp_path: Path, cut: bool) -> None:
    async with opened(tmp_path) as shard:
        damaged = await put(shard, content=LARGE)
        whole = await put(shard)
    path = tmp_path / "bodies" / damaged.message.queue_id
    path.rename(tmp_path / "found")
    if cut:
        path.write_bytes(LARGE[:100])
    async with opened(tmp_path) as shard:
        assert shard.damaged == (damaged.message.queue_id,)
        claim = await shard.claim(NOON, 10)
        assert ids(*claim.messages) == ids(whole)
        assert len(list(Inventory([tmp_path]).list())) == 2
    shutil.copy(tmp_path / "found", path)
    async with opened(tmp_path) as shard:
        assert shard.damaged == ()
        claim = await shard.claim(NOON, 10)
        assert [read(one) for one in claim.messages] == [LARGE, read(whole)]
    path.unlink()
    async with opened(tmp_path) as shard:
        assert await shard.delete(shard.damaged) == 1
    async with opened(tmp_path) as shard:
        assert shard.damaged == ()


async def test_files_go_with_their_message(tmp_path: Path) -> None:
    async with opened(tmp_path) as shard:
        done, deleted = await put(shard, content=LARGE), await put(shard, content=LARGE)
        discarded = shard.begin()
        discarded.write(LARGE)
        await shard.settle([Done(one) for one in ids(done)])
        await shard.delete([deleted.message.queue_id])
        discarded.discard()
    with pytest.raises(SpoolError):
        read(deleted)
    assert list((tmp_path / "bodies").iterdir()) == []


async def test_without_a_limit_everything_is_a_row(tmp_path: Path) -> None:
    async with opened(tmp_path, limit=0) as shard:
        await put(shard, content=LARGE * 3)
        assert list((tmp_path / "bodies").iterdir()) == []
    async with opened(tmp_path, limit=0) as shard:
        (claimed,) = (await shard.claim(NOON, 10)).messages
        pieces = list(claimed.message.content.chunks())
        assert b"".join(pieces) == LARGE * 3
        assert max(map(len, pieces)) <= 65_536


async def test_a_claim_among_many_reads_the_index_only(tmp_path: Path) -> None:
    """Many thousand deferred recipients: claims go through them once, in order."""
    async with opened(tmp_path) as shard:
        await put(shard)
    with contextlib.closing(sqlite3.connect(tmp_path / "spool.db")) as connection, connection:
        (number,) = connection.execute("SELECT id FROM message").fetchone()
        rows = ((number, f"user{at}@example.net", NOON + at) for at in range(20_000))
        connection.executemany(
            "INSERT INTO recipient (message, address, attempts, next_attempt) VALUES (?, ?, 1, ?)",
            rows,
        )
    async with opened(tmp_path) as shard:
        seen: list[int] = []
        while (claim := await shard.claim(NOON + 5000, 500)).messages:
            seen += ids(*claim.messages)
        assert len(seen) == len(set(seen)) == 5002
        assert claim == Claim((), NOON + 5001)
        plan = shard._ledger.connection.execute(
            "EXPLAIN QUERY PLAN SELECT id FROM recipient WHERE next_attempt IS NOT NULL"
            " AND (next_attempt, id) > (1, 1) ORDER BY next_attempt, id LIMIT 5"
        ).fetchall()
        assert "recipient_due" in plan[0][3]
        assert len(plan) == 1


async def test_contents_evicted_from_memory_are_read_back(tmp_path: Path) -> None:
    async with opened(tmp_path) as shard:
        claimed = await put(shard)
        shard._recent.drop(claimed.recipients[0].id)
        for number in range(200):
            shard._recent.put(-1 - number, bytes(1_000_000))
        assert shard._recent._size <= 64 * 1024 * 1024
        assert read(claimed).startswith(b"Subject: small")
        await shard.settle(retries(claimed, NOON))
    with pytest.raises(SpoolError, match="closed"):
        read(claimed)
