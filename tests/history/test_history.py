"""A worker's history: what is put comes out again, and nothing ever waits or fails for it."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from history_records import Clock, Note, history, note
from peers.waiting import until
from postroad.history import Archive, HistorySettings
from postroad.history.database import Book, HistoryUnavailable, connect_reader
from postroad.history.history import LEAST_SHARE, MOST_WAITING, Place
from postroad.history.page import Line
from postroad.history.recorder import NO_HISTORY, Memory


def numbers(folder: Path) -> list[object]:
    return [record["number"] for record in Archive(folder).records()]


def test_ten_thousand_records_come_out_in_their_order(tmp_path: Path) -> None:
    folder = tmp_path / "history"
    kept = history(folder, HistorySettings(keep=1e6))
    for number in range(10_000):
        kept.put(note(number))
    kept.close()
    assert numbers(folder) == list(range(10_000))


def test_it_is_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "history"
    history(folder).close()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "0.db").stat().st_mode & 0o777 == 0o600


def test_two_workers_are_read_as_one(tmp_path: Path) -> None:
    first = history(tmp_path, HistorySettings(keep=1e6), worker=0, workers=2)
    second = history(tmp_path, HistorySettings(keep=1e6), worker=1, workers=2)
    for number in range(0, 1000, 2):
        first.put(note(number))
        second.put(note(number + 1))
    first.close()
    second.close()
    assert numbers(tmp_path) == list(range(1000))
    assert sorted(path.name for path in tmp_path.glob("*.db")) == ["0.db", "1.db"]


def test_what_was_put_is_found_while_more_is_written(tmp_path: Path) -> None:
    complaints: list[str] = []  # it may well be too much for the disk
    kept = history(tmp_path, HistorySettings(keep=1e6), complain=complaints.append)
    archive = Archive(tmp_path)
    stop = threading.Event()

    def put() -> None:
        for number in range(100_000):
            kept.put(note(number, session=f"S{number % 50}"))
            if stop.wait(0):
                return

    writer = threading.Thread(target=put)
    writer.start()
    try:
        until(lambda: len(archive.of_session("S7")) > 3, within=30, what="reading beside writing")
        seen = [record["number"] for record in archive.of_session("S7")]
        assert seen == sorted(seen, key=int)  # type: ignore[call-overload]
        assert {int(str(number)) % 50 for number in seen} == {7}
    finally:
        stop.set()
        writer.join()
        kept.close()


def test_old_records_go(tmp_path: Path) -> None:
    clock = Clock(1000.0)
    settings = HistorySettings(keep=100.0)
    kept = history(tmp_path, settings, clock=clock)
    kept.put(note(1, at=1000.0))
    kept.close()
    clock.now = 1050.0
    kept = history(tmp_path, settings, clock=clock)
    kept.put(note(2, at=1050.0))
    kept.close()
    assert numbers(tmp_path) == [1, 2]
    clock.now = 1120.0
    history(tmp_path, settings, clock=clock).close()
    assert numbers(tmp_path) == [2]
    assert Archive(tmp_path).reach() == 1050.0


def test_the_file_stays_within_its_size(tmp_path: Path) -> None:
    size = 2 * LEAST_SHARE
    settings = HistorySettings(keep=1e9, size=size)
    for begin in range(0, 2000, 250):
        kept = history(tmp_path, settings)
        for number in range(begin, begin + 250):
            kept.put(note(number, size=4000))
        kept.close()
    with closing(Book(tmp_path / "0.db")) as book:
        assert book.size <= size + 262_144
    left = numbers(tmp_path)
    assert left[-1] == 1999
    assert 0 < len(left) < 2000
    assert left == list(range(2000 - len(left), 2000))
    with closing(connect_reader(tmp_path / "0.db")) as connection:
        assert connection.execute(
            "SELECT count(*) FROM mention WHERE page NOT IN (SELECT id FROM page)"
        ).fetchone() == (0,)


def test_keep_0_remembers_nothing_and_forgets_what_there_was(tmp_path: Path) -> None:
    kept = history(tmp_path)
    kept.put(note(1))
    kept.close()
    assert numbers(tmp_path) == [1]
    kept = history(tmp_path, HistorySettings(keep=0))
    kept.put(note(2))
    assert len(kept.session_id()) == 10
    kept.close()
    assert numbers(tmp_path) == []


def test_keep_0_makes_no_file(tmp_path: Path) -> None:
    kept = history(tmp_path / "history", HistorySettings(keep=0))
    kept.put(note(1))
    kept.close()
    assert not (tmp_path / "history").exists()


def test_a_reload_switches_it_on_and_off(tmp_path: Path) -> None:
    kept = history(tmp_path, HistorySettings(keep=0))
    kept.put(note(1))
    kept.replace(HistorySettings(in_replies=True))
    assert kept.in_replies
    kept.put(note(2))
    until(lambda: numbers(tmp_path) == [2], within=30, what="the record")
    kept.replace(HistorySettings(keep=0))
    kept.put(note(3))
    until(lambda: numbers(tmp_path) == [], within=30, what="forgetting")
    kept.close()


class Slow(Note):
    """A record whose writing has to wait for the test."""

    begun = threading.Event()
    go_on = threading.Event()

    def line(self, memory: Memory) -> Line:
        self.begun.set()
        self.go_on.wait(30)
        return super().line(memory)


def test_when_the_writer_lags_the_oldest_are_dropped_and_counted(tmp_path: Path) -> None:
    complaints: list[str] = []
    kept = history(tmp_path, HistorySettings(keep=1e6), complain=complaints.append)
    kept.put(Slow({"number": -1, "at": 0.0}))
    assert Slow.begun.wait(30)
    for number in range(MOST_WAITING + 700):
        kept.put(note(number))
    Slow.go_on.set()
    kept.close()
    assert numbers(tmp_path) == [-1, *range(700, MOST_WAITING + 700)]
    assert complaints == ["the history could not be written fast enough; 700 records lost"]


def test_heavy_records_count_for_several(tmp_path: Path) -> None:
    complaints: list[str] = []
    kept = history(tmp_path, complain=complaints.append)
    Slow.begun.clear()
    Slow.go_on.clear()
    kept.put(Slow({"number": -1, "at": 0.0}))
    assert Slow.begun.wait(30)
    for number in range(4):
        kept.put(Note({"number": number, "at": 1.0}, at=1.0, weight=MOST_WAITING // 2))
    Slow.go_on.set()
    kept.close()
    assert numbers(tmp_path) == [-1, 2, 3]
    assert len(complaints) == 1


def test_a_full_disk_is_told_once_and_mail_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite is told that the file may not grow, which it takes for a full disk."""
    complaints: list[str] = []
    disk = {"full": False}

    class Full(Book):
        def write(self, lines: Sequence[Line], mark: int) -> None:
            if disk["full"]:
                pages = self._connection.execute("PRAGMA page_count").fetchone()[0]
                self._connection.execute(f"PRAGMA max_page_count = {pages}")
            super().write(lines, mark)

    monkeypatch.setattr("postroad.history.history.Book", Full)
    kept = history(tmp_path, complain=complaints.append)
    kept.put(note(1))
    until(lambda: numbers(tmp_path) == [1], within=30, what="the first record")
    disk["full"] = True
    for number in range(2, 5):
        kept.put(note(number, size=40_000))
        until(lambda: kept._gone >= number, within=30, what="the attempt")  # noqa: B023
    kept.close()
    assert numbers(tmp_path) == [1]
    assert len(complaints) == 1
    assert "database or disk is full" in complaints[0]


def test_a_folder_that_cannot_be_made_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "history").write_text("in the way")
    complaints: list[str] = []
    kept = history(tmp_path / "history", complain=complaints.append)
    assert len(kept.session_id()) == 10
    kept.put(note(1))
    kept.close()
    assert len(complaints) == 1
    assert complaints[0].startswith(f"the history cannot be opened: {tmp_path}/history/0.db: ")


def test_a_damaged_file_is_put_aside(tmp_path: Path) -> None:
    (tmp_path / "0.db").write_bytes(b"this is no database" * 500)
    complaints: list[str] = []
    kept = history(tmp_path, complain=complaints.append)
    kept.put(note(1))
    kept.close()
    assert numbers(tmp_path) == [1]
    assert (tmp_path / "0.db.damaged").read_bytes().startswith(b"this is no database")
    assert complaints[0].startswith("the history begins anew: ")


def test_a_file_of_a_newer_release_is_left_alone(tmp_path: Path) -> None:
    history(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "0.db")) as connection:
        connection.execute("PRAGMA user_version = 99")
    complaints: list[str] = []
    kept = history(tmp_path, complain=complaints.append)
    kept.put(note(1))
    kept.close()
    assert "install the newer release" in complaints[0]
    assert not (tmp_path / "0.db.damaged").exists()
    with pytest.raises(HistoryUnavailable):
        Book(tmp_path / "0.db")


def test_a_record_that_cannot_be_made_costs_no_other(tmp_path: Path) -> None:
    complaints: list[str] = []
    kept = history(tmp_path, complain=complaints.append)
    kept.put(Note({"number": object()}))
    kept.put(note(2))
    kept.close()
    assert numbers(tmp_path) == [2]
    assert complaints[0].startswith("a record could not be made: TypeError")


def test_files_of_workers_that_are_no_more_go_with_their_last_record(tmp_path: Path) -> None:
    clock = Clock(1000.0)
    settings = HistorySettings(keep=100.0)
    for worker in (0, 1, 2, 3):
        kept = history(tmp_path, settings, worker=worker, workers=4, clock=clock)
        kept.put(note(worker, at=1000.0))
        kept.close()
        os.utime(tmp_path / f"{worker}.db", (1000, 1000))
    clock.now = 1050.0
    for worker in (0, 1):
        history(tmp_path, settings, worker=worker, workers=2, clock=clock).close()
    assert numbers(tmp_path) == [0, 1, 2, 3]
    clock.now = 1150.0
    history(tmp_path, settings, worker=0, workers=2, clock=clock).close()
    assert sorted(path.name for path in tmp_path.glob("*.db")) == ["0.db", "1.db", "3.db"]


def test_the_files_of_workers_that_are_no_more_count(tmp_path: Path) -> None:
    place = Place(tmp_path, 0, 1)
    for number in (1, 2):
        with (tmp_path / f"{number}.db").open("wb") as file:
            file.truncate(3 * LEAST_SHARE)
    kept = history(tmp_path, HistorySettings(keep=1e12, size=5 * LEAST_SHARE))
    kept.close()
    assert [path.name for path in place.orphans] == ["1.db"]


def test_identifiers_go_on_after_a_restart_with_the_clock_set_back(tmp_path: Path) -> None:
    clock = Clock(5000.0)
    kept = history(tmp_path, clock=clock)
    before = {kept.session_id() for _ in range(100)}
    kept.put(note(1))
    kept.close()
    clock.now = 4000.0
    kept = history(tmp_path, clock=clock)
    assert before.isdisjoint(kept.session_id() for _ in range(100))
    kept.close()


CHILD = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from history_records import history, note
from postroad.history import HistorySettings
kept = history(Path(sys.argv[1]), HistorySettings(keep=1e9))
print(" ".join(kept.session_id() for _ in range(100)), flush=True)
number = 0
while True:
    kept.put(note(number, session=f"S{number}"))
    number += 1
    if number % 100 == 0:
        print(number, flush=True)
        sys.stdin.readline()
"""


def test_a_killed_process_leaves_a_file_that_is_read_and_written_on(tmp_path: Path) -> None:
    tests = str(Path(__file__).parents[1])
    argv = [sys.executable, "-c", CHILD, str(tmp_path), tests]
    given: set[str] = set()
    for _ in range(3):
        with subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        ) as child:
            assert child.stdin is not None
            assert child.stdout is not None
            own = set(child.stdout.readline().split())
            assert len(own) == 100
            assert given.isdisjoint(own)
            given |= own
            for _ in range(30):
                child.stdout.readline()
                child.stdin.write("\n")
            until(lambda: len(numbers(tmp_path)) > 100, within=30, what="some records")
            child.send_signal(signal.SIGKILL)
        archive = Archive(tmp_path)
        seen = [int(str(each)) for each in numbers(tmp_path)]
        assert seen
        assert archive.unreadable == []
        assert archive.of_session("S0")
        with closing(sqlite3.connect(tmp_path / "0.db")) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_no_history_remembers_nothing() -> None:
    NO_HISTORY.put(note(1))
    assert NO_HISTORY.session_id() == ""
    assert not NO_HISTORY.in_replies


class Buggy(Note):
    """A record with a bug in it."""

    def line(self, _memory: Memory) -> Line:
        raise KeyError("x")


def test_a_bug_in_a_record_does_not_end_the_writer(tmp_path: Path) -> None:
    complaints: list[str] = []
    kept = history(tmp_path, complain=complaints.append)
    kept.put(Buggy({}))
    kept.put(note(1))
    until(lambda: numbers(tmp_path) == [1], within=30, what="the record after it")
    kept.put(note(2))
    kept.close()
    assert numbers(tmp_path) == [1, 2]
    assert complaints == ["a record could not be made: KeyError: 'x'; 1 record lost"]


def test_a_bug_in_the_writer_does_not_end_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    complaints: list[str] = []
    kept = history(tmp_path, complain=complaints.append)
    with monkeypatch.context() as patch:
        patch.setattr(Book, "write", lambda *_: 1 // 0)
        kept.put(note(1))
        until(lambda: bool(complaints), within=30, what="the complaint")
    kept.put(note(2))
    kept.close()
    assert numbers(tmp_path) == [2]
    assert complaints[0].startswith("the history's writer failed: ZeroDivisionError")
