from __future__ import annotations

import os
import sqlite3

import pytest

from postroad.directory import schema


@pytest.fixture
def path(tmp_path):
    return tmp_path / "directory.db"


def test_two_editors_that_make_the_tables_at_once_both_go_on(path):
    path.touch()
    first, second = (sqlite3.connect(path, isolation_level=None) for _ in range(2))
    schema._create_tables(first)
    schema._create_tables(second)
    assert second.execute("SELECT count(*) FROM users").fetchone() == (0,)
    first.close()
    second.close()


def test_a_file_that_was_made_but_not_filled_is_filled_by_the_next_editor(path):
    path.touch()
    schema.open_for_change(path).close()
    schema.open_for_reading(path).close()


def test_a_file_in_write_ahead_mode_is_never_made(path):
    connection = schema.open_for_change(path)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (3,)
    connection.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_made_by_root_belongs_to_the_owner_of_its_folder(tmp_path, path):
    os.chown(tmp_path, 65_534, 65_533)
    schema.open_for_change(path).close()
    assert (path.stat().st_uid, path.stat().st_gid) == (65_534, 65_533)
    os.chown(tmp_path, 0, 0)
