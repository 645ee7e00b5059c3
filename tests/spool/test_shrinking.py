"""A database that was large keeps its room for a while, and gives it back when it is opened."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from postroad.model import Address, Addressee, Envelope
from postroad.model.durable import DISK
from postroad.spool import Choice, Shard, SpoolSettings, shrinking
from postroad.spool.schema import connect_writer
from postroad.spool.shrinking import shrink
from spool_conformance import Clock

BOB = Address("bob", "x.example")
SETTINGS = SpoolSettings(inline_limit=0)
BODY = b"x" * 100_000


async def filled(directory: Path, count: int, *, kept: int) -> int:
    """A shard that held so many messages, and now holds some; the size of its database."""
    shard = await Shard.open(directory, 0, SETTINGS, Clock())
    for number in range(count):
        draft = shard.begin()
        draft.write(BODY)
        await draft.commit(Envelope(None), [Addressee(BOB, BOB)], float(number))
    await shard.remove(Choice(after=kept - 1))
    await shard.close()
    return (directory / "spool.db").stat().st_size


@pytest.mark.parametrize(
    ("kept", "bounds", "is_smaller"),
    [
        (1, (1_000_000, 10_000_000), True),
        (1, (10_000_000, 10_000_000), False),  # little is free
        (30, (100_000, 10_000_000), False),  # most of it is used
        (15, (1_000_000, 1_000_000), False),  # what is left is much
    ],
)
async def test_what_is_free_is_given_back(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    kept: int,
    bounds: tuple[int, int],
    is_smaller: bool,
) -> None:
    before = await filled(tmp_path, 40, kept=kept)
    monkeypatch.setattr(shrinking, "LEAST_FREE", bounds[0])
    monkeypatch.setattr(shrinking, "MOST_LEFT", bounds[1])
    shard = await Shard.open(tmp_path, 0, SETTINGS, Clock())
    claim = await shard.claim(1e12, 100)
    assert [len(b"".join(each.message.content.chunks())) for each in claim.messages] == [
        len(BODY)
    ] * kept
    await shard.close()
    after = (tmp_path / "spool.db").stat().st_size
    assert (after < before // 2) is is_smaller


async def test_room_that_is_free_is_used_again(tmp_path: Path) -> None:
    before = await filled(tmp_path, 20, kept=0)
    assert await filled(tmp_path, 20, kept=0) <= before + 65_536


async def test_whatever_is_in_the_way_leaves_it_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await filled(tmp_path, 20, kept=1)
    monkeypatch.setattr(shrinking, "LEAST_FREE", 1_000_000)
    connection = connect_writer(tmp_path / "spool.db")
    with closing(connection), closing(sqlite3.connect(tmp_path / "spool.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        assert not shrink(connection, tmp_path / "spool.db", DISK)
        other.rollback()
        assert (tmp_path / "spool.db").stat().st_size == before
        assert shrink(connection, tmp_path / "spool.db", DISK)
