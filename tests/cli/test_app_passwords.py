"""`postroad app-password`."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest

from command_line import CommandLine
from postroad.config import load
from postroad.directory import EmbeddedDirectory, Purpose

pytestmark = pytest.mark.usefixtures("server")

JOHN = "john@example.org"


async def logs_in(password: str, purpose: Purpose) -> bool:
    configuration = load(Path("postroad.toml"))
    directory = EmbeddedDirectory.open(
        configuration.directory_file,
        domains=configuration.domains,
        settings=configuration.directory,
        clock=lambda: 0.0,
    )
    try:
        return await directory.authenticate(JOHN, password, purpose, "192.0.2.7") == JOHN
    finally:
        directory.close()


def added(command_line: CommandLine, label: str, *words: str) -> tuple[str, str]:
    ran = command_line("app-password", "add", JOHN, "--label", label, *words)
    shape = r"added the app password (\w{4}) of john@example.org\npassword: ((?:\w{4}-){5}\w{4})\n"
    found = re.fullmatch(shape, ran.out)
    assert found is not None, ran
    return found[1], found[2]


async def test_they_come_and_go(command_line: CommandLine) -> None:
    before = int(time.time())
    _, phone = added(command_line, "phone", "--scope", "send")
    tag, _ = added(command_line, "old laptop")
    assert await logs_in(phone, Purpose.SEND)
    assert not await logs_in(phone, Purpose.READ)

    listed = command_line("app-password", "list", JOHN, "--json").json
    assert [(each["user"], each["label"], each["scope"], each["used_from"]) for each in listed] == [
        (JOHN, "phone", "send", "192.0.2.7"),
        (JOHN, "old laptop", "all", ""),
    ]
    assert before <= listed[0]["created"] <= listed[0]["used"] <= time.time()
    assert listed[1]["used"] is None
    assert set(listed[0]) == {"user", "id", "label", "scope", "created", "used", "used_from"}
    lines = command_line("app-password", "list", JOHN).lines
    assert lines[0].split() == ["ID", "LABEL", "SCOPE", "CREATED", "LAST", "USED", "FROM"]
    assert re.fullmatch(rf"{tag}  old laptop  all    20\d\d-\d\d-\d\d \d\d:\d\d  never", lines[2])
    assert lines[1].endswith("192.0.2.7")
    assert phone[5:] not in "".join(lines)

    ran = command_line("app-password", "remove", JOHN, tag)
    assert ran.out == f"removed the app password {tag} (old laptop) of john@example.org\n"
    assert command_line("app-password", "remove", JOHN, "phone").status == 0
    assert not await logs_in(phone, Purpose.SEND)
    assert command_line("app-password", "list", JOHN, "--json").json == []
    assert command_line("app-password", "list", JOHN).out == ""


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        ("add nobody@example.org --label x", os.EX_DATAERR, "there is no account"),
        (f"add {JOHN} --label phone", os.EX_DATAERR, "john@example.org has an app password"),
        (f"add {JOHN}", os.EX_USAGE, "Missing option"),
        (f"add {JOHN} --label x --scope root", os.EX_USAGE, "Invalid value"),
        (f"remove {JOHN} printer", os.EX_DATAERR, "john@example.org has no app password"),
        ("list nobody@example.org", os.EX_DATAERR, "there is no account"),
    ],
)
def test_mistakes_are_one_line(
    command_line: CommandLine, words: str, status: int, said: str
) -> None:
    added(command_line, "phone")
    ran = command_line("app-password", *words.split())
    assert ran.status == status
    assert ran.err.startswith(f"postroad: {said}")
    assert ran.err.count("\n") == 1
