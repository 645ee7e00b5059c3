"""Freezes: one row, which one succeeds in writing, and which everybody sees at once."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from postroad.directory import (
    CHEAP,
    DirectoryEditor,
    DirectorySettings,
    DirectoryUnavailable,
    EmbeddedDirectory,
    Freeze,
    FreezeAuthor,
    Scope,
)
from postroad.directory.embedded.freezing import Freezes
from postroad.directory.embedded.memory import Memory
from postroad.directory.embedded.mistake import AlreadyFrozen, NotFrozen, UnknownUser
from postroad.directory.embedded.schema import open_for_reading
from postroad.directory.embedded.writer import DirectoryWriter

NOW = 1_800_000_000.5
JOHN = "john@example.org"
WORDS = "2501 recipients in 10 minutes, more than 2500 (burst)"
FROZEN = Freeze(JOHN, WORDS, NOW, FreezeAuthor.AUTOMATIC, worker=1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "directory.db"


@pytest.fixture
def editor(path: Path) -> Iterator[DirectoryEditor]:
    with DirectoryEditor.open(path, domains=["example.org"], profile=CHEAP) as editor:
        editor.add_user(JOHN, "summersun")
        yield editor


class Worker:
    """A worker's look at the freezes."""

    def __init__(self, path: Path) -> None:
        self.connection = open_for_reading(path)
        self.memory = Memory(path)
        self.writer = DirectoryWriter(path)
        self.pauses = 0
        self.freezes = Freezes(self.connection, self.memory.counter, self.writer, self.pause)

    async def pause(self, _: float) -> None:
        self.pauses += 1

    def close(self) -> None:
        self.writer.close()
        self.connection.close()
        self.memory.close()


@pytest.fixture
def workers(path: Path, editor: DirectoryEditor) -> Iterator[tuple[Worker, Worker]]:
    both = Worker(path), Worker(path)
    yield both
    for each in both:
        each.close()


async def test_a_freeze_is_seen_by_all_at_once(workers, editor: DirectoryEditor) -> None:
    first, second = (each.freezes for each in workers)
    assert second.of(JOHN) is None
    assert await first.begin(JOHN, WORDS, 1, NOW)
    assert first.of(JOHN) == second.of(JOHN) == FROZEN
    assert editor.freezes() == (FROZEN,)
    assert editor.freeze_of("John@EXAMPLE.org") == FROZEN
    assert editor.users()[0].frozen == FROZEN
    assert second.of("anna@example.org") is None


async def test_only_one_of_many_freezes(workers) -> None:
    begun = await asyncio.gather(
        *(workers[n % 2].freezes.begin(JOHN, f"{n}", n % 2, NOW + n) for n in range(20))
    )
    assert sorted(begun) == [False] * 19 + [True]


async def test_a_thaw_is_seen_by_all_and_counted(workers, editor: DirectoryEditor) -> None:
    first, second = (each.freezes for each in workers)
    assert (first.thaws(JOHN), second.thaws(JOHN)) == (0, 0)
    for times in (1, 2):
        assert await first.begin(JOHN, WORDS, 1, NOW)
        thawed = editor.thaw_user("JOHN@example.org")
        assert thawed == replace(FROZEN, thaws=times)
        assert first.of(JOHN) is second.of(JOHN) is None
        assert (first.thaws(JOHN), second.thaws(JOHN)) == (times, times)
    with pytest.raises(NotFrozen, match=r"^john@example\.org is not frozen$"):
        editor.thaw_user(JOHN)


async def test_a_freeze_by_hand(workers, editor: DirectoryEditor) -> None:
    freeze = editor.freeze_user("John@example.org", "he\ncalled \x07me", NOW)
    assert freeze == Freeze(JOHN, "he called  me", NOW, FreezeAuthor.OPERATOR)
    assert await workers[0].freezes.unfinished() == (freeze,)
    with pytest.raises(AlreadyFrozen, match=r"^john@example\.org is frozen already$"):
        editor.freeze_user(JOHN, "again", NOW)
    with pytest.raises(UnknownUser):
        editor.freeze_user("nobody@example.org", "", NOW)
    assert editor.freezes() == (freeze,)


async def test_what_was_done_is_remembered_of_this_freeze_only(workers, editor) -> None:
    first, second = (each.freezes for each in workers)
    await first.begin(JOHN, WORDS, 1, NOW)
    await first.mark_told(FROZEN)
    assert second.of(JOHN) == replace(FROZEN, told=True)
    await first.mark_finished(FROZEN)
    assert await second.unfinished() == ()
    editor.thaw_user(JOHN)
    await second.begin(JOHN, "again", 0, NOW + 1)
    await first.mark_told(FROZEN)  # late
    await first.mark_finished(FROZEN)
    (again,) = await first.unfinished()
    assert again == Freeze(JOHN, "again", NOW + 1, FreezeAuthor.AUTOMATIC, thaws=1)


async def test_one_warning_a_day_however_many_workers(workers, editor) -> None:
    first, second = (each.freezes for each in workers)
    day = 86_400.0
    assert await first.warn(JOHN, day, NOW)
    assert not await second.warn(JOHN, day, NOW + 1)
    assert not await second.warn(JOHN, day, NOW - 0.01), "its clock was read a moment earlier"
    assert not await first.warn(JOHN, day, NOW + day - 1)
    assert await second.warn(JOHN, day, NOW + day)
    assert first.of(JOHN) is None
    assert first.thaws(JOHN) == 0
    assert editor.users()[0].frozen is None
    assert await first.begin(JOHN, WORDS, 1, NOW)
    assert not await first.warn(JOHN, day, NOW + 9 * day)  # it is frozen


async def test_a_clock_that_was_set_back_does_not_silence_warnings(workers) -> None:
    freezes = workers[0].freezes
    assert await freezes.warn(JOHN, 86_400.0, NOW)
    assert await freezes.warn(JOHN, 86_400.0, NOW - 1_000_000)


async def test_an_account_that_is_removed_takes_its_freeze_along(workers, editor) -> None:
    freezes = workers[0].freezes
    await freezes.begin(JOHN, WORDS, 1, NOW)
    editor.remove_user(JOHN)
    assert freezes.of(JOHN) is None
    editor.add_user(JOHN, "wintermoon")
    assert freezes.of(JOHN) is None


async def test_a_frozen_account_logs_in_with_all_its_passwords(path, editor) -> None:
    new = editor.add_app_password(JOHN, "phone", Scope.SEND)
    editor.freeze_user(JOHN, "", NOW)
    directory = EmbeddedDirectory.open(
        path,
        domains=["example.org"],
        settings=DirectorySettings(),
        clock=lambda: 0.0,
        profile=CHEAP,
    )
    assert await directory.authenticate(JOHN, "summersun") == JOHN
    assert await directory.authenticate(JOHN, new.text) == JOHN
    frozen = directory.freezes.of(JOHN)
    assert frozen is not None
    assert frozen.author is FreezeAuthor.OPERATOR
    directory.close()


async def test_while_somebody_commits_the_last_look_counts(workers, editor, path) -> None:
    worker = workers[0]
    editor.freeze_user(JOHN, "", NOW)
    assert worker.freezes.of(JOHN) is not None
    editor.thaw_user(JOHN)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert worker.freezes.of(JOHN) is not None
        with pytest.raises(DirectoryUnavailable, match="stays locked"):
            await worker.freezes.look(JOHN)
        assert worker.pauses == 500
        other.execute("ROLLBACK")
    assert await worker.freezes.look(JOHN) is None
