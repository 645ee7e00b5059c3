"""`postroad queue suspend` and `resume`."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from command_line import CommandLine
from postroad.admin.transports import suspended
from postroad.config import load


def state() -> Path:
    return load(Path("postroad.toml")).state_directory


def test_nothing_is_suspended(command_line: CommandLine, server: Path) -> None:
    assert command_line("queue", "suspend").out == "no mail waits for a transport or destination\n"
    said = command_line("queue", "suspend", "--json").json
    assert said == {"by_command": [], "by_configuration": []}


def test_suspend_and_resume(command_line: CommandLine, server: Path) -> None:
    ran = command_line("queue", "suspend", "smtp", "dest:Example.net")
    assert ran.lines == ["smtp: its mail waits", "dest:Example.net: its mail waits"]
    assert suspended(state()) == ("smtp", "dest:Example.net")
    ran = command_line("queue", "resume", "SMTP", "--json")
    assert ran.json == {"by_command": ["dest:Example.net"], "by_configuration": []}
    assert command_line("queue", "resume", "--all").out.startswith("no mail waits")
    assert suspended(state()) == ()


def test_what_the_configuration_says_is_told(command_line: CommandLine, server: Path) -> None:
    file = Path("postroad.toml")
    said_there = '[queue]\ndefer_transports = ["lmtp"]'
    file.write_text(re.sub(r"(?m)^\[queue\]$", said_there, file.read_text()))
    ran = command_line("queue", "suspend")
    assert (ran.err, ran.out) == ("", "lmtp: its mail waits, by [queue] defer_transports\n")
    ran = command_line("queue", "resume", "lmtp")
    assert (ran.status, ran.err) == (
        os.EX_DATAERR,
        "postroad: lmtp was not suspended by command\n",
    )


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["suspend", "smpt"], 'there is no transport "smpt"; did you mean "smtp"?'),
        (["suspend", "dest:"], 'expected a transport or "dest:DOMAIN", not "dest:"'),
        (["resume", "smtp"], "smtp was not suspended by command"),
        (["resume"], "name what is to go on, or say --all"),
        (["resume", "smtp", "--all"], "name what is to go on, or say --all"),
    ],
    ids=str,
)
def test_names_of_nothing(
    command_line: CommandLine, server: Path, words: list[str], error: str
) -> None:
    ran = command_line("queue", *words)
    assert ran.status in {os.EX_DATAERR, os.EX_USAGE}
    assert ran.err == f"postroad: {error}\n"
    assert suspended(state()) == ()
