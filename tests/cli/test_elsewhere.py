"""Accounts of other directories: what is kept here for them is changed by the same commands."""

from __future__ import annotations

import json
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
