"""Who makes a commit: the loop while the disk is quick, else the shard's thread."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from postroad.spool import Shard, SpoolError, SpoolSettings, group_commit
from spool_conformance import INLINE_LIMIT, Clock, put


@pytest.fixture
async def shard(tmp_path: Path) -> AsyncIterator[Shard]:
    opened = await Shard.open(
        tmp_path / "shard", 0, SpoolSettings(inline_limit=INLINE_LIMIT), Clock()
    )
    yield opened
    await opened.close()


@pytest.fixture
def threads(shard: Shard, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The threads that commits were made in."""
    found: list[int] = []
    commit = shard._commits._commit

    def watched() -> None:
        found.append(threading.get_ident())
        commit()

    monkeypatch.setattr(shard._commits, "_commit", watched)
    return found


async def test_a_quick_disk_is_waited_for(
    shard: Shard, threads: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "SLOW", 60.0)
    shard._commits._elsewhere = 0

    for _ in range(3):
        await put(shard)

    assert threads == [threading.get_ident()] * 3


async def test_after_a_slow_commit_the_next_ones_are_the_threads(
    shard: Shard, threads: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "SLOW", -1.0)
    monkeypatch.setattr(group_commit, "ELSEWHERE", 2)
    shard._commits._elsewhere = 0

    for _ in range(5):
        await put(shard)

    here = threading.get_ident()
    assert [thread == here for thread in threads] == [True, False, False, True, False]


async def test_a_commit_that_fails_on_the_loop_is_told(
    shard: Shard, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full() -> None:
        raise OSError(28, "No space left on device")

    commit = shard._commits._commit
    shard._commits._elsewhere = 0
    monkeypatch.setattr(shard._commits, "_commit", full)
    with pytest.raises(SpoolError, match="No space left"):
        await put(shard)

    monkeypatch.setattr(shard._commits, "_commit", commit)
    assert (await put(shard)).recipients


async def test_patience_may_be_over_when_it_is_asked_for(shard: Shard) -> None:
    """What is due at once is no timer in uvloop, and does not know when it is due."""
    shard._commits._wait_until(0.0)
    shard._commits._wait_until(shard._commits._loop.time() + 1.0)

    assert (await put(shard)).recipients
