"""Reading: by session, by message, by time, by address; and what cannot be read is named."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from history_records import Note, history
from postroad.history import Archive, HistorySettings
from postroad.history.page import line_of
from postroad.history.record import decisions_of


def put(folder: Path, *records: dict[str, object], worker: int = 0) -> None:
    kept = history(folder, HistorySettings(keep=1e9), worker=worker, workers=9)
    for record in records:
        line = line_of(record)
        kept.put(Note(record, line.names, line.at))
    kept.close()


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    put(
        tmp_path,
        {"kind": "decisions", "session": "S1", "transaction": 1, "at": 10.0, "ended": 12.0},
        {"kind": "decisions", "session": "S1", "queue_id": "Q1", "at": 13.0, "ended": 14.0},
        {"kind": "notification", "queue_id": "Q1", "notification": "Q2", "at": 30.0},
    )
    put(tmp_path, {"kind": "event", "session": "S2", "at": 11.0, "text": "S1 Q1"}, worker=1)
    return Archive(tmp_path)


def test_by_session(archive: Archive) -> None:
    assert [record["at"] for record in archive.of_session("S1")] == [10.0, 13.0]
    assert [record["at"] for record in archive.of_session("S2")] == [11.0]
    assert archive.of_session("S3") == []


def test_by_message_of_which_it_tells_or_which_it_is(archive: Archive) -> None:
    assert [record["at"] for record in archive.of_message("Q1")] == [13.0, 30.0]
    assert [record["at"] for record in archive.of_message("Q2")] == [30.0]


def test_by_time_over_all_workers(archive: Archive) -> None:
    assert [record["at"] for record in archive.records()] == [11.0, 10.0, 13.0, 30.0]
    assert [record["at"] for record in archive.records(since=12.5)] == [13.0, 30.0]
    assert [record["at"] for record in archive.records(until=12.5)] == [11.0, 10.0]
    assert archive.reach() == 11.0


def test_the_last_of_a_kind(archive: Archive) -> None:
    found = archive.latest("s1", lambda record: record.get("session") == "S1", 1)
    assert [record["at"] for record in found] == [13.0]
    found = archive.latest("", lambda _: True, 3)
    assert [record["at"] for record in found] == [10.0, 13.0, 30.0]


def test_no_folder_is_an_empty_archive(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "nothing")
    assert archive.reach() is None
    assert list(archive.records()) == []
    assert archive.unreadable == []


def test_a_folder_that_cannot_be_read_is_no_empty_one(tmp_path: Path) -> None:
    (tmp_path / "history").write_text("")
    with pytest.raises(NotADirectoryError):
        Archive(tmp_path / "history").reach()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("garbage", "file is not a database"),
        ("empty", "nothing is recorded in it yet"),
        ("foreign", "this SQLite file is not a history"),
        ("page", "Error -3 while decompressing data"),
    ],
)
def test_a_file_that_cannot_be_read_does_not_hide_the_others(
    archive: Archive, tmp_path: Path, damage: str, words: str
) -> None:
    put(tmp_path, {"session": "S9", "at": 99.0}, worker=5)
    file = tmp_path / "5.db"
    if damage == "page":
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute("UPDATE page SET content = x'00112233'")
    else:
        file.write_bytes(b"garbage" * 300 if damage == "garbage" else b"")
        for beside in tmp_path.glob("5.db-*"):
            beside.unlink()
        if damage == "foreign":
            with closing(sqlite3.connect(file)) as connection:
                connection.execute("CREATE TABLE t (x)")
                connection.execute("PRAGMA user_version = 1")
    assert len(list(archive.records())) == 4
    assert len(archive.of_session("S1")) == 2
    assert archive.of_session("S9") == []
    assert archive.unreadable
    assert all(each.startswith(str(file)) and words in each for each in archive.unreadable)


def test_other_files_are_passed_over(archive: Archive, tmp_path: Path) -> None:
    (tmp_path / "0.db.damaged").write_text("x")
    (tmp_path / "notes.db").write_text("x")
    assert len(list(archive.records())) == 4
    assert archive.unreadable == []


def test_decisions_come_one_by_one_with_all_that_they_are_about() -> None:
    record = {
        "kind": "decisions",
        "session": "S1",
        "listener": "mx",
        "sender": "a@b.example",
        "ended": 9.0,
        "outcome": "250 2.0.0 Ok",
        "size": 4000,
        "at": 1.0,
        "decisions": [
            {"stage": "RCPT", "recipient": "x@y.example", "steps": [], "at": 2.0},
            {"stage": "DATA", "recipient": None, "steps": [], "size": 7, "at": 3.0},
        ],
    }
    other = {"kind": "event", "session": "S1", "at": 5.0}
    found = list(decisions_of(iter([record, other, {"kind": "decisions", "decisions": 5}])))
    about = {"session": "S1", "listener": "mx", "sender": "a@b.example"}
    assert json.loads(json.dumps(found)) == [
        {**about, "stage": "RCPT", "recipient": "x@y.example", "steps": [], "at": 2.0},
        {**about, "stage": "DATA", "recipient": None, "steps": [], "size": 7, "at": 3.0},
    ]
