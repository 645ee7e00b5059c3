from __future__ import annotations

import os
import sqlite3

import pytest

from postroad.directory import (
    CHEAP,
    DirectoryEditor,
    DirectorySettings,
    DirectoryUnavailable,
    EmbeddedDirectory,
)
from postroad.directory.embedded import logins, schema
from postroad.directory.embedded.lookups import Lookups
from postroad.directory.embedded.quota import NO_QUOTA
from postroad.directory.passwords.password import hash_password

JOHN = "john@example.org"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "directory.db"


def test_two_editors_that_make_the_tables_at_once_both_go_on(path):
    path.touch()
    first, second = (sqlite3.connect(path, isolation_level=None) for _ in range(2))
    schema._bring_up_to_date(first)
    schema._bring_up_to_date(second)
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


FIRST = """
CREATE TABLE domains (name TEXT NOT NULL PRIMARY KEY) STRICT, WITHOUT ROWID;
CREATE TABLE users (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    domain TEXT NOT NULL,
    password TEXT NOT NULL,
    enabled INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1))
) STRICT;
CREATE INDEX users_by_domain ON users (domain, enabled);
CREATE TABLE aliases (
    id INTEGER PRIMARY KEY,
    source TEXT NOT NULL,
    domain TEXT NOT NULL,
    target TEXT NOT NULL,
    target_key TEXT NOT NULL,
    UNIQUE (source, target_key)
) STRICT;
CREATE INDEX aliases_by_domain ON aliases (domain);
CREATE INDEX aliases_by_target ON aliases (target_key);
PRAGMA application_id = 1347580740;
PRAGMA user_version = 1;
"""
"""What the first release made."""

HASH = hash_password("summersun", CHEAP)


@pytest.fixture
def first(path):
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript(FIRST)
    connection.execute(
        "INSERT INTO users (name, domain, password) VALUES (?, 'example.org', ?)", (JOHN, HASH)
    )
    connection.execute(
        "INSERT INTO users (name, domain, password, enabled)"
        " VALUES ('ann@example.org', 'example.org', '{PLAIN}winter', 0)"
    )
    connection.execute("INSERT INTO domains VALUES ('example.net')")
    connection.execute(
        "INSERT INTO aliases (source, domain, target, target_key)"
        " VALUES ('@example.net', 'example.net', ?, ?)",
        (JOHN, JOHN),
    )
    connection.close()
    return path


def dump(path, name):
    connection = sqlite3.connect(path)
    rows = connection.execute(f"SELECT * FROM {name}").fetchall()
    connection.close()
    return rows


def structure(path):
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name")
    found = [(kind, name, table, " ".join((sql or "").split())) for kind, name, table, sql in rows]
    version = connection.execute("PRAGMA user_version").fetchone()
    connection.close()
    return found, version


def test_a_file_of_the_first_release_is_brought_up_to_date_with_everything_in_it(first):
    with DirectoryEditor.open(first, domains=["example.org"]) as editor:
        assert [(user.name, user.enabled) for user in editor.users()] == [
            ("ann@example.org", False),
            (JOHN, True),
        ]
        assert editor.domains()[1].name == "example.net"
        assert editor.aliases()[0].targets == (JOHN,)
    by_name = {row[1]: row for row in dump(first, "users")}
    assert by_name[JOHN][2:7] == ("example.org", HASH, 1, "", "")
    assert len({row[7] for row in by_name.values()} - {0}) == 2


@pytest.mark.parametrize("version", [1, 2, 3])
async def test_a_file_of_each_release_keeps_all_it_has(path, version):
    """Made by the steps of that time; what came later says nothing of the old rows."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript(
        f"{''.join(schema.STEPS[:version])} PRAGMA application_id = {schema.APPLICATION_ID};"
        f"PRAGMA user_version = {version};"
    )
    connection.execute("INSERT INTO domains VALUES ('example.net')")
    connection.execute(
        "INSERT INTO users (name, domain, password) VALUES (?, 'example.org', ?)", (JOHN, HASH)
    )
    connection.execute(
        "INSERT INTO aliases (source, domain, target, target_key)"
        " VALUES ('@example.net', 'example.net', ?, ?)",
        (JOHN, JOHN),
    )
    if version == 3:
        connection.execute(
            "INSERT INTO freezes (user, reason, since) VALUES (?, 'x', 5.0)", (JOHN,)
        )
    connection.close()

    with DirectoryEditor.open(path, domains=["example.org"], profile=CHEAP) as editor:
        (john,) = editor.users()
        assert (john.enabled, john.quota, john.forward, john.send_as) == (True, NO_QUOTA, (), ())
        assert (john.frozen is not None) is (version == 3)
        assert [each.source for each in editor.aliases()] == ["@example.net"]
        assert editor.groups() == editor.patterns() == ()
        (_, domain) = editor.domains()
        assert (domain.name, domain.alias_of, domain.recipients) == ("example.net", "", "")
        editor.add_group("staff@example.net", [JOHN])
    assert structure(path)[1] == (schema.SCHEMA_VERSION,)


def test_what_is_brought_up_to_date_is_what_is_made_anew(first, tmp_path):
    schema.open_for_change(first).close()
    fresh = tmp_path / "fresh.db"
    schema.open_for_change(fresh).close()

    def plain(shape):
        return [(kind, name, table) for kind, name, table, _ in shape[0]], shape[1]

    assert plain(structure(first)) == plain(structure(fresh))
    columns = [[row[1:] for row in _table_info(each, "users")] for each in (first, fresh)]
    assert columns[0] == columns[1]


def _table_info(path, table):
    connection = sqlite3.connect(path)
    rows = connection.execute(f"PRAGMA table_info({table})").fetchall()
    connection.close()
    return rows


def test_a_reader_does_not_write_by_itself(first):
    with pytest.raises(schema.SchemaTooOld, match=r"directory\.db: .* earlier release; `postroad"):
        schema.open_for_reading(first)
    assert structure(first)[1] == (1,)


async def test_a_server_that_is_given_an_old_file_goes_on_with_it(first):
    """As when a backup is put in place; at its start it has made the change already."""
    directory = EmbeddedDirectory.open(
        first,
        domains=["example.org"],
        settings=DirectorySettings(rehash=False),
        clock=lambda: 0.0,
        profile=CHEAP,
    )
    assert await directory.authenticate(JOHN, "summersun") == JOHN
    assert not await directory.all_have_verifiers()
    assert len(await directory.key_for("anything")) == 32
    directory.close()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
def test_an_old_file_that_cannot_be_written_is_refused_in_one_line(first):
    first.chmod(0o400)
    with pytest.raises(DirectoryUnavailable, match="readonly"):
        schema.open_for_change(first)


def test_a_change_that_breaks_off_changes_nothing(first, monkeypatch):
    monkeypatch.setattr(
        schema, "STEPS", (schema.STEPS[0], schema.STEPS[1] + "CREATE TABLE users (x);")
    )
    before = structure(first)
    with pytest.raises(DirectoryUnavailable, match="users already exists"):
        schema.open_for_change(first)
    assert structure(first) == before


def test_two_that_bring_it_up_to_date_at_once_both_go_on(first, monkeypatch):
    one, other = (sqlite3.connect(first, isolation_level=None) for _ in range(2))
    real, seen = schema._version, [1]  # what the second saw before the first was done
    schema._bring_up_to_date(one)
    monkeypatch.setattr(schema, "_version", lambda file: seen.pop() if seen else real(file))
    schema._bring_up_to_date(other)
    assert other.execute("SELECT count(*) FROM app_passwords").fetchone() == (0,)
    one.close()
    other.close()


def test_the_conditions_of_indexes_are_those_that_are_asked_for(path):
    """Else each of these questions would read all accounts, on the event loop."""
    connection = schema.open_for_change(path)
    plan = connection.execute(f"EXPLAIN QUERY PLAN {logins._LACKING}").fetchall()
    assert "INDEX users_without_scram_sha_256" in plan[0][3], plan
    plan = connection.execute(f"EXPLAIN QUERY PLAN {logins._IMITATED}", (0,)).fetchall()
    assert "users_by_lot" in plan[0][3]
    indexes = connection.execute("SELECT name FROM sqlite_schema WHERE name LIKE 'users_without_%'")
    assert indexes.fetchall() == [("users_without_scram_sha_256",)], "the others serve nobody"
    connection.close()


async def test_a_name_without_an_account_imitates_the_same_one_whoever_asks(path):
    with DirectoryEditor.open(path, domains=["example.org"], profile=CHEAP) as editor:
        for number in range(50):
            editor.add_user_with_hash(f"u{number}@example.org", f"{{PLAIN}}{number}")
    names = [f"nobody{number}@example.org" for number in range(200)]
    choices = []
    for _ in range(2):
        connection = schema.open_for_reading(path)
        asked = logins.Logins(connection, Lookups(connection, ["example.org"], "+"))
        choices.append([asked.find(name)[1].password for name in names])
        assert asked.find("NOBODY1@example.org") == asked.find("nobody1@example.org")
        assert asked.find("no address")[1].password.startswith("{PLAIN}")
        connection.close()
    assert choices[0] == choices[1]
    assert len(set(choices[0])) > 10  # a mixture, as that of the accounts

    with DirectoryEditor.open(path, domains=["example.org"], profile=CHEAP) as editor:
        gone = editor.users()[0].name
        editor.remove_user(gone)
    connection = schema.open_for_reading(path)
    asked = logins.Logins(connection, Lookups(connection, ["example.org"], "+"))
    hash_of_gone = f"{{PLAIN}}{gone.partition('@')[0][1:]}"
    for name, before in zip(names, choices[0], strict=True):
        now = asked.find(name)[1].password
        assert before in (now, hash_of_gone)
    connection.close()
