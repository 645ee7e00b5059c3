"""A look that leaves everything as it is."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from postroad.limits.glance import Glance
from postroad.limits.greylist_file import GREYLIST, GreylistUnavailable, Met, passes_of, put_pass
from postroad.limits.state_file import open_file

NETWORK = "192.0.2.0/24"
MET = Met(3, 1000.0, 1000.0)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "greylist.db"
    with closing(open_file(path, GREYLIST)) as connection, connection:
        put_pass(connection, NETWORK, MET)
    return path


def test_it_sees_what_is_there_and_changes_nothing(file: Path) -> None:
    before = file.read_bytes()
    glance = Glance(file, GREYLIST)
    assert glance.look(lambda connection: passes_of(connection, NETWORK)) == MET
    glance.look(lambda connection: put_pass(connection, NETWORK, MET._replace(passes=9)))
    glance.close()
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == ["greylist.db"]


def test_a_file_that_is_absent_is_empty_and_stays_absent(tmp_path: Path) -> None:
    glance = Glance(tmp_path / "greylist.db", GREYLIST)
    assert glance.look(lambda connection: passes_of(connection, NETWORK)) is None
    glance.close()
    assert list(tmp_path.iterdir()) == []


def test_a_worker_that_writes_is_not_in_the_way(file: Path) -> None:
    with closing(open_file(file, GREYLIST)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        glance = Glance(file, GREYLIST)
        assert glance.look(lambda connection: passes_of(connection, NETWORK)) == MET
        put_pass(writer, NETWORK, MET._replace(passes=4))
        writer.execute("COMMIT")
        glance.close()


@pytest.mark.parametrize("content", [b"no database at all, and long enough to be none" * 20, b""])
def test_what_is_no_such_file_is_said_in_a_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "greylist.db"
    path.write_bytes(content)
    if not content:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA application_id = 1")
    glance = Glance(path, GREYLIST)
    with pytest.raises(GreylistUnavailable) as raised:
        glance.look(lambda connection: passes_of(connection, NETWORK))
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_just_being_made_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "greylist.db"
    path.touch()
    glance = Glance(path, GREYLIST)
    assert glance.look(lambda connection: passes_of(connection, NETWORK)) is None
    glance.close()
    assert path.stat().st_size == 0


async def test_who_waits_is_answered_too(file: Path) -> None:
    glance = Glance(file, GREYLIST)
    assert await glance.ask(lambda connection: passes_of(connection, NETWORK)) == MET
    glance.close()
