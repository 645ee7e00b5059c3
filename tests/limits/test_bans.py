"""The file of bans and the workers' view of it: changes are seen at once, and survive."""

from __future__ import annotations

import os
import signal
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from postroad.limits import bans as module
from postroad.limits.bans import Author, Ban, BanFile, Bans, InvalidSubject, subject_of
from postroad.limits.database import BansUnavailable, Writer, apply, open_bans
from postroad.limits.familiar import MOST_NETWORKS, Familiar

NOW = 1_800_000_000.0
WEEK = 604_800.0


def ban(subject: str, until: float | None = NOW + 60, **more) -> Ban:
    return Ban(subject, "10 failed logins", Author.AUTOMATIC, NOW, until, **more)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    open_bans(tmp_path / "bans.db").close()
    return tmp_path / "bans.db"


@pytest.fixture
def file(path: Path):
    with closing(open_bans(path)) as connection:
        yield BanFile(connection)


@pytest.fixture
def worker(path: Path):
    """Makes workers' views, whose changes are written at once."""
    opened = []

    def make() -> Bans:
        connection = open_bans(path, patience=0)
        writer = open_bans(path)
        bans = Bans(path, connection, lambda change: apply(writer, change))
        opened.append((connection, writer, bans))
        return bans

    yield make
    for connection, writer, bans in opened:
        connection.close()
        writer.close()
        bans.close()


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("192.0.2.7", "192.0.2.7"),
        (" 192.0.2.7/32\n", "192.0.2.7"),
        ("192.0.2.0/24", "192.0.2.0/24"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("2001:db8::/64", "2001:db8::/64"),
        ("John@Example.org", "john@example.org"),
        ("john", "john"),
    ],
)
def test_subjects(text: str, form: str) -> None:
    assert subject_of(text) == form


@pytest.mark.parametrize(
    "text", ["", "  ", "192.0.2.7/24", "192.0.2.300", "192.0.2", "2001:db8::x", "a/b", "a\nb"]
)
def test_what_is_no_subject(text: str) -> None:
    with pytest.raises(InvalidSubject):
        subject_of(text)


@pytest.mark.parametrize(
    ("subject", "address", "is_banned"),
    [
        ("192.0.2.7", "192.0.2.7", True),
        ("192.0.2.7", "192.0.2.8", False),
        ("192.0.2.0/24", "192.0.2.255", True),
        ("192.0.2.0/24", "192.0.3.0", False),
        ("0.0.0.0/0", "203.0.113.1", True),
        ("0.0.0.0/0", "2001:db8::1", False),
        ("::/0", "192.0.2.1", False),
        ("2001:db8::/64", "2001:db8::ffff", True),
        ("2001:db8::/64", "2001:db8:0:1::1", False),
        ("192.0.2.0/24", "local", False),
        ("192.0.2.0/24", "", False),
        ("local", "local", False),
    ],
)
def test_whom_a_ban_is_against(worker, subject: str, address: str, is_banned: bool) -> None:
    bans = worker()
    bans.put(ban(subject), WEEK)
    assert (bans.of_address(address, NOW) is not None) is is_banned


def test_a_ban_ends(worker) -> None:
    bans = worker()
    bans.put(ban("192.0.2.7"), WEEK)
    bans.put(ban("198.51.100.1", None), WEEK)
    assert bans.of_address("192.0.2.7", NOW + 59.9) is not None
    assert bans.of_address("192.0.2.7", NOW + 60) is None
    assert bans.of_address("198.51.100.1", NOW + 1e9) is not None


def test_the_wider_ban_holds_when_the_narrower_has_ended(worker) -> None:
    bans = worker()
    bans.put(ban("192.0.2.7", NOW + 1), WEEK)
    bans.put(ban("192.0.2.0/24", NOW + 60), WEEK)
    assert bans.of_address("192.0.2.7", NOW + 30) == ban("192.0.2.0/24", NOW + 60)


def test_every_worker_sees_every_change_at_once(worker, file: BanFile) -> None:
    first, second = worker(), worker()
    for each in (first, second):
        assert each.of_address("192.0.2.7", NOW) is None

    first.put(ban("192.0.2.7"), WEEK)
    assert second.of_address("192.0.2.7", NOW) == ban("192.0.2.7")

    operators = Ban("john@example.org", "left us", Author.OPERATOR, NOW, None, 0)
    file.put(operators, WEEK)
    for each in (first, second):
        assert each.of_subject("john@example.org", NOW) == operators

    assert file.remove("192.0.2.7", NOW + 1, WEEK)
    for each in (first, second):
        assert each.of_address("192.0.2.7", NOW + 1) is None
        assert each.of_subject("john@example.org", NOW) == operators
    assert not file.remove("192.0.2.7", NOW + 1, WEEK)
    assert not file.remove("192.0.2.99", NOW + 1, WEEK)


def test_bans_survive_a_restart(worker, file: BanFile) -> None:
    worker().put(ban("192.0.2.7"), WEEK)
    assert worker().of_address("192.0.2.7", NOW) == ban("192.0.2.7")
    assert file.holding(NOW) == [ban("192.0.2.7")]
    assert file.holding(NOW + 60) == []


def test_repetition_is_remembered_after_the_end(worker) -> None:
    bans = worker()
    bans.put(ban("192.0.2.7", times=3), WEEK)
    later = worker()
    assert later.of_address("192.0.2.7", NOW + 61) is None
    last = later.last("192.0.2.7")
    assert last is not None
    assert last.times == 3
    assert later.last("192.0.2.8") is None


def test_taking_a_ban_back_forgets_the_repetition(worker, file: BanFile) -> None:
    worker().put(ban("192.0.2.7", times=3), WEEK)
    file.remove("192.0.2.7", NOW + 1, WEEK)
    bans = worker()
    assert bans.of_address("192.0.2.7", NOW + 1) is None
    last = bans.last("192.0.2.7")
    assert last is not None
    assert last.times == 0


def test_what_ended_long_ago_is_swept(worker, path: Path) -> None:
    bans = worker()
    bans.put(ban("192.0.2.7"), WEEK)
    bans.put(replace(ban("192.0.2.8", None), since=NOW + 59 + WEEK), WEEK)
    assert subjects(path) == ["192.0.2.7", "192.0.2.8"]
    bans.put(replace(ban("192.0.2.9", None), since=NOW + 61 + WEEK), WEEK)
    assert subjects(path) == ["192.0.2.8", "192.0.2.9"]


def subjects(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [row[0] for row in connection.execute("SELECT subject FROM bans ORDER BY change")]


def test_their_number_is_bounded(worker, file: BanFile, path: Path, monkeypatch) -> None:
    monkeypatch.setattr(module, "MOST_BANS", 20)
    bans = worker()
    bans.put(Ban("john@example.org", "", Author.OPERATOR, NOW, NOW + 1, 0), WEEK)
    for host in range(50):
        bans.put(ban(f"192.0.2.{host}", NOW + 60 + host), WEEK)
    assert subjects(path) == ["john@example.org", *[f"192.0.2.{host}" for host in range(31, 50)]]
    assert len(bans._bans) <= 20
    assert bans.of_address("192.0.2.49", NOW) is not None
    assert bans.of_address("192.0.2.1", NOW) is None


def test_a_file_that_is_being_written_is_read_at_the_next_question(worker, path: Path) -> None:
    bans = worker()
    bans.put(ban("192.0.2.7"), WEEK)
    assert bans.of_address("192.0.2.7", NOW) is not None
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        other.execute("UPDATE bans SET change = change + 1, until = 0")
        assert bans.of_address("192.0.2.7", NOW) is not None
        other.execute("COMMIT")
    assert bans.of_address("192.0.2.7", NOW) is None


def test_a_row_that_nobody_of_us_wrote_bans_nobody_and_harms_nobody(worker, path: Path) -> None:
    bans = worker()
    bans.put(ban("192.0.2.7"), WEEK)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("INSERT INTO bans VALUES (NULL, '1.2.3.4/8', '', 'operator', 0, NULL, 0)")
    bans.put(ban("192.0.2.8"), WEEK)
    assert bans.of_address("1.2.3.4", NOW) is None
    assert bans.of_address("192.0.2.8", NOW) is not None


def test_the_writer_writes_in_order_and_says_what_it_cannot(path: Path) -> None:
    complaints: list[str] = []
    writer = Writer(path, complaints.append)
    writer(lambda connection: module.write(connection, ban("192.0.2.7"), WEEK))
    writer(lambda connection: connection.execute("no SQL at all"))
    writer(lambda connection: module.write(connection, ban("192.0.2.8"), WEEK))
    writer.close()
    assert subjects(path) == ["192.0.2.7", "192.0.2.8"]
    assert len(complaints) == 1
    assert str(path) in complaints[0]


def test_a_writer_that_is_killed_leaves_a_sound_file(path: Path, worker) -> None:
    readable, writable = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            with closing(open_bans(path)) as connection:
                connection.execute("PRAGMA cache_spill = 1")
                connection.execute("BEGIN IMMEDIATE")
                for host in range(200):
                    module.write(connection, ban(f"192.0.2.{host}"), WEEK)
                os.write(writable, b"R")
                signal.pause()
        finally:
            os._exit(1)
    os.read(readable, 1)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.close(readable)
    os.close(writable)

    bans = worker()
    assert bans.of_address("192.0.2.7", NOW) is None
    bans.put(ban("192.0.2.7"), WEEK)
    assert worker().of_address("192.0.2.7", NOW) is not None


@pytest.mark.parametrize("content", [b"no database at all" * 100, None])
def test_a_file_that_is_none(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "bans.db"
    if content is None:
        with closing(sqlite3.connect(path)) as other:
            other.execute("PRAGMA application_id = 77")
            other.execute("PRAGMA user_version = 1")
    else:
        path.write_bytes(content)
    with pytest.raises(BansUnavailable, match=str(path)):
        open_bans(path)


def test_a_file_of_a_later_release(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA user_version = 9")
    with pytest.raises(BansUnavailable, match="install the newer release"):
        open_bans(path)


def test_a_new_file_is_its_owners_alone(path: Path) -> None:
    assert path.stat().st_mode & 0o777 == 0o600


# Known logins ------------------------------------------------------------------------------------


@pytest.fixture
def familiar(path: Path):
    with closing(open_bans(path, patience=0)) as reading, closing(open_bans(path)) as writing:
        yield lambda: Familiar(reading, lambda change: apply(writing, change))


def test_a_login_makes_a_network_familiar_to_its_user_everywhere(familiar) -> None:
    first, second = familiar(), familiar()
    assert not second.knows("john@example.org", "192.0.2.7", 0)
    first.remember("John@Example.org", "192.0.2.7", NOW, WEEK)
    for each in (first, second, familiar()):
        assert each.knows("john@example.org", "192.0.2.200", NOW - 1)
        assert not each.knows("john@example.org", "192.0.2.7", NOW + 1)
        assert not each.knows("john@example.org", "198.51.100.1", 0)
        assert not each.knows("mary@example.org", "192.0.2.7", 0)
        assert each.has_seen("JOHN@example.org", NOW - 1)
        assert not each.has_seen("john@example.org", NOW + 1)
        assert not each.has_seen("mary@example.org", 0)


def test_a_later_login_in_another_worker_counts(familiar) -> None:
    first, second = familiar(), familiar()
    first.remember("john", "192.0.2.7", NOW, WEEK)
    assert second.knows("john", "192.0.2.7", NOW - 1)
    first.remember("john", "192.0.2.7", NOW + WEEK, WEEK)
    assert second.knows("john", "192.0.2.7", NOW + WEEK - 1)


def rows(path: Path) -> list[tuple[str, str, float]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT * FROM logins ORDER BY last").fetchall()


def test_it_is_written_once_a_day_and_forgotten_in_time(familiar, path: Path) -> None:
    it = familiar()
    for hour in range(30):
        it.remember("john", "192.0.2.7", NOW + hour * 3600, WEEK)
    assert rows(path) == [("john", "192.0.2.0/24", NOW + 24 * 3600)]
    it.remember("mary", "2001:db8::7", NOW + 24 * 3600 + WEEK + 1, WEEK)
    assert rows(path) == [("mary", "2001:db8::/64", NOW + 24 * 3600 + WEEK + 1)]


def test_the_networks_of_a_user_are_bounded(familiar, path: Path) -> None:
    it = familiar()
    for number in range(MOST_NETWORKS + 10):
        it.remember("john", f"192.0.{number}.7", NOW + number, WEEK)
    assert rows(path)[0][1] == "192.0.10.0/24"
    assert len(rows(path)) == MOST_NETWORKS


def test_names_that_no_database_takes(familiar) -> None:
    it = familiar()
    it.remember("\ud800\0x", "192.0.2.7", NOW, WEEK)
    assert it.knows("\ud800\0x", "192.0.2.7", NOW - 1)
    assert not it.has_seen("\udfff", 0)


def test_a_file_that_is_locked_locks_nobody_out(familiar, path: Path) -> None:
    it = familiar()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert it.knows("john", "192.0.2.7", 0)
        assert not it.has_seen("john", 0)


@pytest.mark.parametrize("until", [6e17, 1e300, float("inf")])
def test_a_row_that_never_ends_is_one_without_an_end(worker, file: BanFile, until: float) -> None:
    file.put(ban("192.0.2.7", until), WEEK)
    found = worker().of_address("192.0.2.7", NOW)
    assert found == ban("192.0.2.7", None)
