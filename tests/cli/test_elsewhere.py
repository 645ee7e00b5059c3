"""Accounts of other directories: what is kept here for them is changed by the same commands."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from command_line import CommandLine

FAR = "far@example.org"


@pytest.fixture
def users(server: Path) -> Path:
    """A server with a passwd-file beside its own directory."""
    users = server / "users"
    users.write_text("far@example.org:{PLAIN}secret::::::\n")
    section = f'\n[directories.old]\nkind = "files"\npasswd = "{users}"\n'
    configuration = server / "postroad.toml"
    configuration.write_text(configuration.read_text() + section)
    return users


@pytest.mark.usefixtures("users")
def test_freezing(command_line: CommandLine) -> None:
    assert command_line("user", "freeze", "FAR@Example.org").out.startswith(f"froze {FAR}\n")
    assert "frozen already" in command_line("user", "freeze", FAR).err
    assert command_line("user", "unfreeze", FAR).out.startswith(f"{FAR} may send again\n")


@pytest.mark.usefixtures("users")
def test_app_passwords(command_line: CommandLine) -> None:
    added = command_line("app-password", "add", FAR, "--label", "phone").out
    assert f"of {FAR}\n" in added
    (entry,) = json.loads(command_line("app-password", "list", FAR, "--json").out)
    assert (entry["user"], entry["label"]) == (FAR, "phone")
    assert command_line("app-password", "remove", FAR, "phone").status == 0


@pytest.mark.usefixtures("users")
def test_rights(command_line: CommandLine) -> None:
    ran = command_line("user", "send-as", FAR, "boss@elsewhere.test")
    assert ran.out == f"{FAR} may send as boss@elsewhere.test\n"
    ran = command_line("user", "send-as", FAR, "boss@elsewhere.test", "--remove")
    assert ran.out == f"{FAR} may send as itself only\n"


COMMANDS = [
    ("user", "freeze", "{}"),
    ("app-password", "add", "{}", "--label", "x"),
    ("user", "send-as", "{}", "boss@elsewhere.test"),
]


@pytest.mark.usefixtures("users")
@pytest.mark.parametrize("words", COMMANDS)
def test_who_is_nowhere(command_line: CommandLine, words: tuple[str, ...]) -> None:
    ran = command_line(*(word.format("nobody@example.org") for word in words))
    assert "there is no account nobody@example.org" in ran.err
    assert ran.status == 65


@pytest.mark.parametrize("words", COMMANDS)
def test_a_directory_that_is_away(
    command_line: CommandLine, users: Path, words: tuple[str, ...]
) -> None:
    users.unlink()
    said = [word.format(FAR) for word in words]
    ran = command_line(*said)
    assert ran.status == 69
    assert "--force" in ran.err
    assert command_line(*said, "--force").status == 0
    john = [word.format("john@example.org") for word in words]
    assert command_line(*john).status == 0  # of whom the others need not be asked


ALIAS_DOMAIN = '\n[domain."al.example"]\nkind = "alias"\nalias_of = "example.org"\n'


@pytest.mark.parametrize("away", [True, False])
@pytest.mark.parametrize("words", COMMANDS)
def test_a_name_in_an_alias_domain(
    command_line: CommandLine, server: Path, users: Path, away: bool, words: tuple[str, ...]
) -> None:
    """What is kept goes by the account's own name, also where nobody may be asked."""
    configuration = server / "postroad.toml"
    configuration.write_text(configuration.read_text() + ALIAS_DOMAIN)
    force = ("--force",) if away else ()
    if away:
        users.unlink()
    ran = command_line(*(word.format("John@al.example") for word in words), *force)
    assert ran.status == 0
    assert "john@example.org" in ran.out
    ran = command_line(*(word.format("far@al.example") for word in words), *force)
    assert ran.status == 0
    assert FAR in ran.out
    assert "al.example" not in ran.out


def test_a_freeze_in_an_alias_domain_ends_by_the_same_name(
    command_line: CommandLine, server: Path
) -> None:
    assert command_line("domain", "add", "al.example", "--alias-of", "example.org").status == 0
    command_line("user", "freeze", "john@al.example")
    assert command_line("user", "list", "--json").json[0]["frozen"] is not None
    ran = command_line("user", "unfreeze", "john@al.example")
    assert ran.lines[0] == "john@example.org may send again"
    assert command_line("user", "unfreeze", "john@al.example").status == 65


@pytest.mark.usefixtures("users")
def test_a_freeze_of_a_name_that_became_another(command_line: CommandLine, server: Path) -> None:
    """One that was made while the domain stood for itself can be ended."""
    command_line("user", "freeze", "far@al.example", "--force")
    configuration = server / "postroad.toml"
    configuration.write_text(configuration.read_text() + ALIAS_DOMAIN)
    ran = command_line("user", "unfreeze", "far@al.example")
    assert ran.lines[0] == "far@al.example may send again"


# What is shown of them


@pytest.fixture
def several(server: Path, users: Path) -> Path:
    """A server with a passwd-file, a database and a Dovecot."""
    users.write_text(
        "far@example.org:{PLAIN}secret:1001:1002::/srv/far::userdb_quota_rule=*:storage=1G\n"
    )
    database = server / "mail.db"
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE users (email, hash, active, quota)")
        rows = [("row@example.org", "{PLAIN}secret", "1", 7), ("off@example.org", "", "0", None)]
        connection.executemany("INSERT INTO users VALUES (?, ?, ?, ?)", rows)
    section = f"""
[directories.rows]
kind = "sql"
driver = "sqlite"
file = "{database}"
user_query = "SELECT email AS user, hash AS password, active FROM users WHERE email='%u'"
accounts_query = "SELECT email AS user, active, quota AS quota_bytes FROM users ORDER BY 1;"

[directories.asked]
kind = "dovecot"
socket = "/nowhere/auth-client"
"""
    configuration = server / "postroad.toml"
    configuration.write_text(configuration.read_text() + section)
    return database


@pytest.mark.usefixtures("several")
def test_the_accounts_of_all_directories(command_line: CommandLine) -> None:
    command_line("user", "freeze", FAR, "--reason", "stolen")
    ran = command_line("user", "list")
    assert ran.status == 0
    assert ran.err == (
        "postroad: directory asked cannot list its accounts; postroad user show looks one up\n"
    )
    header, *lines = ran.lines
    assert header.split() == ["ACCOUNT", "LOGIN", "SENDING", "QUOTA", "DIRECTORY"]
    assert [(line.split()[0], line.split()[-1]) for line in lines] == [
        ("john@example.org", "embedded"),
        (FAR, "old"),
        ("off@example.org", "rows"),
        ("row@example.org", "rows"),
    ]
    assert "disabled" in lines[2]
    assert "stolen" in lines[1]
    listed = command_line("user", "list", "--directory", "rows", "--json").json
    assert [(each["name"], each["enabled"], each["quota_bytes"]) for each in listed] == [
        ("off@example.org", False, None),
        ("row@example.org", True, 7),
    ]
    assert {each["directory"] for each in listed} == {"rows"}
    (john,) = command_line("user", "list", "--directory", "embedded", "--json").json
    assert john["name"] == "john@example.org"
    assert command_line("user", "list", "--directory", "asked").status == 69
    ran = command_line("user", "list", "--directory", "other")
    assert (ran.status, "only embedded, old, rows, asked" in ran.err) == (64, True)


@pytest.mark.usefixtures("several")
def test_one_account_of_another_directory(command_line: CommandLine) -> None:
    command_line("app-password", "add", FAR, "--label", "phone")
    ran = command_line("user", "show", "Far@Example.org")
    assert ran.lines == [
        f"account:       {FAR}",
        "directory:     old",
        "login:         may log in",
        "home:          /srv/far",
        "uid:           1001",
        "gid:           1002",
        "app passwords: 1",
        "sending:       may send",
        "quota:         1G",
    ]
    shown = command_line("user", "show", "row@example.org", "--json")
    assert "secret" not in shown.out
    assert shown.json == {
        "name": "row@example.org",
        "directory": "rows",
        "enabled": True,
        "frozen": None,
        "quota_bytes": None,
        "quota_messages": None,
        "forward": [],
        "send_as": [],
        "held": 0,
        "app_passwords": 0,
        "receives": True,
        "nets": [],
        "home": "",
        "mail": "",
        "uid": None,
        "gid": None,
    }
    assert "directory:     embedded" in command_line("user", "show", "john@example.org").lines
    assert command_line("user", "show", FAR, "--directory", "rows").status == 65
    ran = command_line("user", "show", "nobody@example.org")  # of whom a Dovecot may know
    assert (ran.status, "only its password tells" in ran.err) == (69, True)
    lines = command_line("user", "show", "x@example.org", "--directory", "asked").lines
    assert "mailbox:       not known to this directory" in lines


def test_what_cannot_be_shown_now(command_line: CommandLine, several: Path) -> None:
    several.unlink()
    for words in (("list",), ("show", "nobody@example.org"), ("list", "--directory", "rows")):
        ran = command_line("user", *words)
        assert ran.status == 75
        assert len(ran.err.splitlines()) == 1
        assert "mail.db" in ran.err
        assert ran.out == ""
    assert command_line("user", "list", "--directory", "embedded").status == 0
    assert command_line("user", "show", "john@example.org").status == 0
