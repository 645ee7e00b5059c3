"""The conformance suite on the SQLite shard and on the fake."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fake_spool import MemoryShard, MemoryStore
from holding_conformance import *  # noqa: F403 - the tests themselves
from postroad.spool import Shard, SpoolSettings
from spool_conformance import *  # noqa: F403 - the tests themselves
from spool_conformance import INLINE_LIMIT, Clock, Place


class SqlitePlace:
    def __init__(self, directory: Path) -> None:
        self.clock = Clock()
        self.directory = directory
        self.shards: list[Shard] = []

    async def open(self) -> Shard:
        settings = SpoolSettings(inline_limit=INLINE_LIMIT)
        self.shards.append(await Shard.open(self.directory, 7, settings, self.clock))
        return self.shards[-1]

    async def crash(self) -> Shard:
        """What is on disk at this moment is all that the next start has."""
        left = self.directory.with_name(f"{self.directory.name}x")
        for path in [self.directory, *sorted(self.directory.rglob("*"))]:
            copy = left / path.relative_to(self.directory)
            if path.is_dir():
                copy.mkdir()
                continue
            with contextlib.suppress(FileNotFoundError):  # a file whose message is gone
                shutil.copy(path, copy)
        self.directory = left
        return await self.open()


class MemoryPlace:
    def __init__(self) -> None:
        self.clock = Clock()
        self.store = MemoryStore()

    async def open(self) -> MemoryShard:
        return MemoryShard(self.store, self.clock, 7)

    async def crash(self) -> MemoryShard:
        return await self.open()


@pytest.fixture(params=["sqlite", "memory"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    if request.param == "memory":
        yield MemoryPlace()
        return
    place = SqlitePlace(tmp_path / "shard")
    yield place
    for shard in place.shards:
        await shard.close()
