"""Files that workers share: questions and their answers, damage, and files that are none."""

# ruff: noqa: ASYNC240 - short looks at files of the test's own

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from postroad.limits import state_file
from postroad.limits.state_file import Keeper, Shape, StateUnavailable, open_file


class NotesUnavailable(StateUnavailable):
    pass


NOTES = Shape("notes", 77, 2, "CREATE TABLE notes (text TEXT) STRICT;", NotesUnavailable)


def write(text: str) -> Callable[[sqlite3.Connection], int]:
    def question(connection: sqlite3.Connection) -> int:
        connection.execute("INSERT INTO notes VALUES (?)", (text,))
        return int(connection.execute("SELECT count(*) FROM notes").fetchone()[0])

    return question


def texts(connection: sqlite3.Connection) -> list[str]:
    return [text for (text,) in connection.execute("SELECT text FROM notes")]


def kept(path: Path) -> list[str]:
    with closing(open_file(path, NOTES)) as connection:
        return texts(connection)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "notes.db"


@pytest.fixture
def complaints() -> list[str]:
    return []


@pytest.fixture
def keeper(path: Path, complaints: list[str]) -> Iterator[Keeper]:
    made = Keeper(path, NOTES, complaints.append)
    yield made
    made.close()


async def test_nothing_is_made_before_the_first_question(path: Path, keeper: Keeper) -> None:
    assert not path.exists()
    assert await keeper.ask(write("a")) == 1
    assert path.stat().st_mode & 0o777 == 0o600
    assert kept(path) == ["a"]


async def test_questions_are_answered_in_their_order(path: Path, keeper: Keeper) -> None:
    asked = [keeper.ask(write(str(at))) for at in range(1200)]
    assert await asyncio.gather(*asked) == list(range(1, 1201))
    assert kept(path) == [str(at) for at in range(1200)]


async def test_one_who_gave_up_waiting_is_no_trouble(path: Path, keeper: Keeper) -> None:
    task = asyncio.create_task(keeper.ask(write("a")))
    await asyncio.sleep(0)
    task.cancel()
    assert await keeper.ask(write("b")) == 2
    assert kept(path) == ["a", "b"]


async def test_a_question_that_fails_writes_nothing(path: Path, keeper: Keeper) -> None:
    def ask(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO notes VALUES ('a')")
        connection.execute("INSERT INTO elsewhere VALUES ('a')")

    with pytest.raises(NotesUnavailable, match=r"notes\.db: no such table: elsewhere"):
        await keeper.ask(ask)
    assert await keeper.ask(write("b")) == 1


async def test_a_mistake_of_ours_reaches_who_asked(keeper: Keeper) -> None:
    with pytest.raises(ZeroDivisionError):
        await keeper.ask(lambda _: 1 // 0)
    assert await keeper.ask(write("a")) == 1


async def test_no_more_wait_than_there_is_room_for(
    keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_file, "MOST_WAITING", 0)
    with pytest.raises(NotesUnavailable, match="0 questions wait already"):
        await keeper.ask(write("a"))


async def test_a_file_that_was_removed_is_made_anew(
    path: Path, keeper: Keeper, complaints: list[str]
) -> None:
    await keeper.ask(write("a"))
    path.unlink()
    assert await keeper.ask(write("b")) == 1
    assert kept(path) == ["b"]
    assert complaints == []


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"\0" * 4096])
async def test_a_damaged_file_is_put_aside(
    path: Path, keeper: Keeper, complaints: list[str], content: bytes
) -> None:
    path.write_bytes(content)
    path.with_name("notes.db-journal").write_bytes(b"of the damaged one")
    assert await keeper.ask(write("a")) == 1
    assert kept(path) == ["a"]
    (aside,) = path.parent.glob("notes.db.damaged-*")
    assert aside.read_bytes() == content
    assert complaints == [f"{path} was damaged: it is {aside.name} now, and a new one begins"]


async def test_damage_while_it_is_open(path: Path, keeper: Keeper, complaints: list[str]) -> None:
    other = Keeper(path, NOTES, complaints.append)
    for each in (keeper, other):
        await each.ask(write("x" * 3000))
        await each.ask(write("x" * 3000))
    damaged = bytearray(path.read_bytes())
    damaged[16:] = b"\xff" * (len(damaged) - 16)
    path.write_bytes(damaged)
    assert await keeper.ask(write("a")) == 1
    assert await other.ask(write("b")) == 2
    other.close()
    assert len(complaints) == 1


async def test_a_file_of_another_kind_is_left_alone(path: Path, keeper: Keeper) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA application_id = 78")
        other.execute("PRAGMA user_version = 1")
    before = path.read_bytes()
    with pytest.raises(NotesUnavailable, match="is not a database of notes"):
        await keeper.ask(write("a"))
    assert path.read_bytes() == before


async def test_a_file_of_a_later_release_is_left_alone(path: Path, keeper: Keeper) -> None:
    open_file(path, NOTES).close()
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA user_version = 3")
    with pytest.raises(NotesUnavailable, match="install the newer release"):
        await keeper.ask(write("a"))


async def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path / "absent" / "notes.db", NOTES, print)
    with pytest.raises(NotesUnavailable, match="no such file or directory"):
        await keeper.ask(write("a"))
    keeper.close()


async def test_a_full_disk(path: Path, keeper: Keeper) -> None:
    await keeper.ask(write("a"))

    def fill(connection: sqlite3.Connection) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")
        connection.execute("INSERT INTO notes VALUES (?)", ("x" * 100_000,))

    with pytest.raises(NotesUnavailable, match="database or disk is full"):
        await keeper.ask(fill)
    assert await keeper.ask(texts) == ["a"]


async def test_keepers_take_turns(path: Path) -> None:
    keepers = [Keeper(path, NOTES, print) for _ in range(4)]
    asked = [each.ask(write(str(at))) for at in range(100) for each in keepers]
    assert sorted(await asyncio.gather(*asked)) == list(range(1, 401))
    for each in keepers:
        each.close()


async def test_a_question_that_fails_takes_no_other_with_it(path: Path, keeper: Keeper) -> None:
    def fail(connection: sqlite3.Connection) -> int:
        write("half")(connection)
        return 1 // 0

    questions = [*map(write, "abc"), fail, write("\ud800"), *map(write, "de"), fail]
    answers = await asyncio.gather(*map(keeper.ask, questions), return_exceptions=True)
    assert answers[:3] + answers[5:7] == [1, 2, 3, 4, 5]
    assert [type(answers[at]) for at in (3, 4, 7)] == [
        ZeroDivisionError,
        NotesUnavailable,  # no text, and so nothing that a session would end of
        ZeroDivisionError,
    ]
    assert kept(path) == list("abcde")


async def test_a_file_that_is_to_blame_is_tried_once(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Path] = []

    def refuse(file: Path, shape: Shape) -> sqlite3.Connection:
        opened.append(file)
        raise shape.error(f"{file}: no")

    monkeypatch.setattr(state_file, "open_file", refuse)
    keeper = Keeper(path, NOTES, print)
    asked = [keeper.ask(write(str(at))) for at in range(100)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert {type(each) for each in answers} == {NotesUnavailable}
    assert len(opened) <= 2  # the first question may have gone alone
    keeper.close()
