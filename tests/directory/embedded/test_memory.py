"""What is remembered, and that no change goes unseen."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from postroad.directory import (
    CHEAP,
    Alias,
    DirectoryEditor,
    DirectorySettings,
    EmbeddedDirectory,
    Mailbox,
    Unknown,
)
from postroad.directory.embedded.memory import Memory
from postroad.model import Address

JOHN = Address("john", "example.org")
DOMAINS = ("example.org",)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "directory.db"


@pytest.fixture
def editor(path: Path) -> Iterator[DirectoryEditor]:
    with DirectoryEditor.open(path, domains=DOMAINS, profile=CHEAP) as opened:
        yield opened


@pytest.fixture
def directory(path: Path, editor: DirectoryEditor) -> Iterator[EmbeddedDirectory]:
    opened = EmbeddedDirectory.open(
        path, domains=DOMAINS, settings=DirectorySettings(), clock=time.monotonic, profile=CHEAP
    )
    yield opened
    opened.close()


async def test_every_change_is_seen_by_the_next_question(
    directory: EmbeddedDirectory, editor: DirectoryEditor
) -> None:
    for _ in range(2):
        assert await directory.resolve(JOHN) == Unknown()
        editor.add_user("john@example.org", "summersun")
        assert await directory.resolve(JOHN) == Mailbox("john@example.org")
        editor.remove_user("john@example.org")
        editor.add_alias("john@example.org", ["lisa@example.com"])
        assert await directory.resolve(JOHN) == Alias((Address("lisa", "example.com"),))
        editor.remove_alias("john@example.org")

        assert not await directory.is_local("example.net")
        editor.add_domain("example.net")
        assert await directory.is_local("example.net")
        editor.remove_domain("example.net")


async def test_an_answer_is_found_once(
    directory: EmbeddedDirectory, editor: DirectoryEditor
) -> None:
    statements: list[str] = []
    directory._connection.set_trace_callback(statements.append)

    for _ in range(3):
        await directory.is_local("example.net")
        await directory.resolve(JOHN)

    assert len(statements) == 2


def test_an_answer_found_across_a_commit_is_not_kept(path: Path, editor: DirectoryEditor) -> None:
    memory = Memory(path)
    before = memory.counter()
    memory.recall("question", before)
    editor.add_domain("example.net")

    memory.keep("question", "old answer", before)

    assert memory.recall("question", memory.counter()) is None
    memory.close()


def test_a_change_rolled_back_is_no_change(path: Path, editor: DirectoryEditor) -> None:
    memory = Memory(path)
    counter = memory.counter()
    memory.recall("question", counter)
    memory.keep("question", "answer", counter)

    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("DELETE FROM domains")
    connection.execute("ROLLBACK")
    connection.close()

    assert memory.recall("question", memory.counter()) == "answer"
    memory.close()


def test_the_file_is_looked_at_once_in_a_turn(path: Path, editor: DirectoryEditor) -> None:
    turn = 1.0
    memory = Memory(path, lambda: turn)
    before = memory.counter()
    editor.add_domain("example.net")

    assert memory.counter() == before
    turn = 2.0
    assert memory.counter() != before
    memory.close()
