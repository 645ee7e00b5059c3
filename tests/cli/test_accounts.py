"""`postroad user`, `domain` and `alias`."""

from __future__ import annotations

import os
import pty
import pwd
import re
import select
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from command_line import CommandLine
from postroad.config import load
from postroad.directory import DirectoryEditor, EmbeddedDirectory

pytestmark = pytest.mark.usefixtures("server")

NOTHING_MORE = {"directory": "embedded", "quota_bytes": None, "quota_messages": None} | {
    "forward": [],
    "send_as": [],
}


async def logs_in(name: str, password: str) -> bool:
    configuration = load(Path("postroad.toml"))
    directory = EmbeddedDirectory.open(
        configuration.directory_file,
        domains=configuration.domains,
        settings=configuration.directory,
        clock=lambda: 0.0,
    )
    try:
        return await directory.authenticate(name, password) == name
    finally:
        directory.close()


def test_accounts_come_and_go(command_line: CommandLine) -> None:
    ran = command_line("user", "add", "Lisa@Example.org", "--password-stdin", typed="moonlight\n")
    assert (ran.status, ran.out) == (0, "added lisa@example.org\n")
    ran = command_line("user", "list", "--json")
    assert ran.json == [
        {"name": "john@example.org", "enabled": True, "frozen": None, **NOTHING_MORE},
        {"name": "lisa@example.org", "enabled": True, "frozen": None, **NOTHING_MORE},
    ]
    assert command_line("user", "disable", "john@example.org").out == "disabled john@example.org\n"
    assert command_line("user", "list").lines == [
        "ACCOUNT           LOGIN",
        "john@example.org  disabled",
        "lisa@example.org  may log in",
    ]
    assert command_line("user", "enable", "john@example.org").out == "enabled john@example.org\n"
    assert command_line("user", "remove", "lisa@example.org").status == 0
    assert [user["name"] for user in command_line("user", "list", "--json").json] == [
        "john@example.org"
    ]


async def test_the_password_is_the_one_that_was_given(command_line: CommandLine) -> None:
    assert await logs_in("john@example.org", "summersun")
    typed = "new sun \r\nmore"
    ran = command_line("user", "passwd", "john@example.org", "--password-stdin", typed=typed)
    assert (ran.status, ran.out) == (0, "changed the password of john@example.org\n")
    assert not await logs_in("john@example.org", "summersun")
    assert await logs_in("john@example.org", "new sun ")


async def test_a_generated_password_is_shown_once(command_line: CommandLine) -> None:
    ran = command_line("user", "add", "lisa@example.org", "--generate")
    found = re.search(r"^password: (.{20})$", ran.out, re.MULTILINE)
    assert found is not None
    assert await logs_in("lisa@example.org", found[1])


@pytest.mark.parametrize("scheme", ["sha512-crypt", "PLAIN", "BLF-CRYPT"])
async def test_a_password_is_kept_as_it_was_asked_for(
    command_line: CommandLine, scheme: str
) -> None:
    words = ("user", "passwd", "john@example.org", "--password-stdin", "--scheme", scheme)
    assert command_line(*words, typed="moonlight\n").status == 0
    assert _stored("john@example.org").startswith(f"{{{scheme.upper()}}}")
    assert await logs_in("john@example.org", "moonlight")


@pytest.mark.parametrize("way", ["word", "input"])
async def test_a_ready_hash_is_kept_as_it_is(command_line: CommandLine, way: str) -> None:
    stored = "{SSHA}y6aYU6MQ4j9v1ORb/CwTOuUkKEeK2wZO"
    given = ("--hash", stored) if way == "word" else ("--hash", "-")
    ran = command_line("user", "add", "lisa@example.org", *given, typed=f"{stored}\n")
    assert (ran.status, ran.out) == (0, "added lisa@example.org\n")
    ran = command_line("user", "passwd", "john@example.org", *given, typed=f"{stored}\n")
    assert ran.out == "changed the password of john@example.org\n"
    for name in ("lisa@example.org", "john@example.org"):
        assert _stored(name) == stored
        assert await logs_in(name, "summersun")


def test_a_list_shows_no_hash_and_no_secret(command_line: CommandLine) -> None:
    for words in ("user list", "user list --json"):
        out = command_line(*words.split()).out
        assert "ARGON" not in out
        assert "password" not in out
    assert command_line("user", "list", "--json").json == [
        {"name": "john@example.org", "enabled": True, "frozen": None, **NOTHING_MORE}
    ]


def _stored(name: str) -> str:
    connection = sqlite3.connect("state/directory.db")
    (row,) = connection.execute("SELECT password FROM users WHERE name = ?", (name,))
    connection.close()
    return str(row[0])


def test_domains(command_line: CommandLine) -> None:
    assert command_line("domain", "add", "Example.NET").out == "added example.net\n"
    assert command_line("domain", "list").lines == [
        "DOMAIN       FROM",
        "example.org  configuration",
        "example.net  directory",
    ]
    assert command_line("domain", "list", "--json").json == [
        {"name": "example.org", "configured": True, "alias_of": "", "recipients": ""},
        {"name": "example.net", "configured": False, "alias_of": "", "recipients": ""},
    ]
    assert command_line("domain", "remove", "example.net").out == "removed example.net\n"


def test_aliases(command_line: CommandLine) -> None:
    ran = command_line("alias", "add", "info@example.org", "john@example.org", "a@b.example")
    assert ran.out == "info@example.org delivers to john@example.org, a@b.example\n"
    assert command_line("alias", "list", "--json").json == [
        {"source": "info@example.org", "targets": ["john@example.org", "a@b.example"]}
    ]
    assert command_line("alias", "list").lines == [
        "ALIAS             TARGETS",
        "info@example.org  john@example.org, a@b.example",
    ]
    ran = command_line("alias", "remove", "info@example.org", "a@b.example")
    assert ran.out == "info@example.org delivers to john@example.org\n"
    assert command_line("alias", "remove", "info@example.org").out == "removed info@example.org\n"
    assert command_line("alias", "list").out == ""
    assert command_line("alias", "list", "--json").json == []


def test_an_account_that_an_alias_names_is_removed_with_a_word(command_line: CommandLine) -> None:
    command_line("alias", "add", "info@example.org", "john@example.org")
    ran = command_line("user", "remove", "john@example.org")
    assert "the alias info@example.org still points at it" in ran.lines


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        ("user add john@example.org --generate", os.EX_DATAERR, "there is an account"),
        ("user add john --generate", os.EX_DATAERR, "'john' is not an address"),
        ("user add a@b.example --generate", os.EX_DATAERR, "b.example is not one of our domains"),
        ("user add lisa@example.org --password-stdin", os.EX_DATAERR, "the password is empty"),
        ("user add lisa@example.org", os.EX_USAGE, "no terminal to ask for a password"),
        ("user passwd lisa@example.org --generate", os.EX_DATAERR, "there is no account"),
        ("user passwd john@example.org --hash {NOPE}x", os.EX_DATAERR, "an unknown password"),
        ("user passwd john@example.org --hash {SHA}x", os.EX_DATAERR, "a damaged SHA hash"),
        ("user passwd john@example.org --hash {SHA}x --generate", os.EX_USAGE, "--hash stands"),
        ("user add lisa@example.org --hash {SHA}x --scheme SHA", os.EX_USAGE, "--hash stands"),
        ("user add lisa@example.org --generate --scheme SHA", os.EX_DATAERR, "no hash of scheme"),
        ("user remove lisa@example.org", os.EX_DATAERR, "there is no account"),
        ("domain add example.org", os.EX_DATAERR, "the domain example.org stands in"),
        ("domain remove example.net", os.EX_DATAERR, "there is no domain"),
        ("alias add john@example.org a@b.example", os.EX_DATAERR, "there is an account"),
        ("alias remove nobody@example.org", os.EX_DATAERR, "there is no alias"),
    ],
)
def test_mistakes_are_one_line(
    command_line: CommandLine, words: str, status: int, said: str
) -> None:
    ran = command_line(*words.split())
    assert ran.status == status
    assert ran.err.startswith(f"postroad: {said}")
    assert ran.err.count("\n") == 1


def test_a_directory_that_is_none(command_line: CommandLine) -> None:
    Path("state/directory.db").write_text("x" * 5000)
    ran = command_line("user", "list")
    assert ran.status == os.EX_UNAVAILABLE
    assert "directory.db" in ran.err
    assert ran.err.count("\n") == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize("absent", [False, True])
def test_what_root_writes_is_the_servers_to_read(
    command_line: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, absent: bool
) -> None:
    """Root changes accounts while the server runs as its own user."""
    nobody = pwd.getpwnam("nobody")
    with tempfile.TemporaryDirectory() as name:
        shutil.copytree(
            tmp_path, name, dirs_exist_ok=True, ignore=shutil.ignore_patterns("maildrop")
        )
        Path(name).chmod(0o755)
        state = Path(name, "state")
        for path in (state, *state.rglob("*")):
            os.chown(path, nobody.pw_uid, nobody.pw_gid)
        if absent:
            (state / "directory.db").unlink()
        monkeypatch.chdir(name)
        ran = command_line("user", "add", "lisa@example.org", "--generate")
        assert ran.status == 0, ran.err
        assert {path.stat().st_uid for path in state.rglob("*")} == {nobody.pw_uid}
        assert os.geteuid() == 0

        (state / "directory.db").unlink()
        (tmp_path / "roots").touch(mode=0o600)
        (state / "directory.db").symlink_to(tmp_path / "roots")
        ran = command_line("user", "add", "lisa@example.org", "--generate")
        assert ran.status == os.EX_UNAVAILABLE
        assert (tmp_path / "roots").read_bytes() == b""
        monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("second", "status", "said"),
    [
        ("moonlight", 0, "added lisa@example.org"),
        ("moonlit", os.EX_USAGE, "the two passwords differ"),
    ],
)
def test_a_password_is_asked_for_twice_and_not_shown(second: str, status: int, said: str) -> None:
    ours, theirs = pty.openpty()
    running = subprocess.Popen(
        [sys.executable, "-m", "postroad", "user", "add", "lisa@example.org"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,  # without our terminal, the given one is asked at
    )
    os.close(theirs)
    shown = _read_until(ours, b"Password: ")
    os.write(ours, b"moonlight\n")
    shown += _read_until(ours, b"The same again: ")
    os.write(ours, second.encode() + b"\n")
    shown += _read_until(ours, said.encode())
    assert running.wait(timeout=30) == status
    os.close(ours)
    assert b"moonl" not in shown
    with DirectoryEditor.open(Path("state/directory.db"), domains=("example.org",)) as editor:
        assert len(editor.users()) == (2 if status == 0 else 1)


def _read_until(descriptor: int, awaited: bytes) -> bytes:
    shown = b""
    while awaited not in shown:
        ready, _, _ = select.select([descriptor], [], [], 30)
        assert ready, shown
        shown += os.read(descriptor, 4096)
    return shown
