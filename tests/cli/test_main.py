"""What holds for every command."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from command_line import CommandLine
from postroad import __version__
from postroad.cli.main import run
from postroad.cli.refusal import refusal_of


def test_version(command_line: CommandLine) -> None:
    ran = command_line("--version")
    assert (ran.status, ran.out) == (0, f"postroad {__version__}\n")


def test_it_runs_as_a_module() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "postroad", "--version"], capture_output=True, text=True, check=True
    )
    assert ran.stdout == f"postroad {__version__}\n"


def test_help_loads_nothing_that_it_does_not_need() -> None:
    program = (
        "import sys; from postroad.cli.main import run; run(['--help']);"
        "heavy = {'pydantic', 'cryptography', 'asyncio', 'sqlite3', 'dns', 'rich'};"
        "print('LOADED', sorted(heavy & set(sys.modules)))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ran.stdout.endswith("LOADED []\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--confg", "x"], "No such option: --confg"),
        (["usr"], "No such command 'usr'."),
        (["user", "ad"], "No such command 'ad'."),
        (["user", "add"], "Missing argument 'ADDRESS'."),
        (["user", "add", "a@b.example", "secret"], "Got unexpected extra argument"),
        (["serve", "--dev", "--port-offset", "x"], "Invalid value for '--port-offset'"),
    ],
)
def test_wrong_words(command_line: CommandLine, words: list[str], said: str) -> None:
    ran = command_line(*words)
    assert ran.status == os.EX_USAGE
    assert ran.err.startswith(f"postroad: {said}")
    assert ran.err.count("\n") == 1
    assert ran.out == ""


@pytest.mark.parametrize("words", [[], ["user"], ["queue"]])
def test_half_a_command_is_answered_with_its_help(
    command_line: CommandLine, words: list[str]
) -> None:
    ran = command_line(*words)
    assert ran.status == os.EX_USAGE
    assert ran.err.startswith("Usage: postroad")


def test_no_configuration(command_line: CommandLine) -> None:
    ran = command_line("user", "list")
    assert ran.status == os.EX_CONFIG
    assert ran.err == (
        "postroad: postroad.toml: is not there, nor is /etc/postroad/postroad.toml; "
        "name a file with --config\n"
    )


def test_every_mistake_of_a_configuration_is_a_line(
    command_line: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "other.toml").write_text("hostname = 5\nworkes = 1\n")
    ran = command_line("--config", "other.toml", "user", "list")
    assert ran.status == os.EX_CONFIG
    assert [line.split(": ")[:3] for line in ran.err.splitlines()] == [
        ["postroad", "other.toml", "domains"],
        ["postroad", "other.toml", "listeners"],
        ["postroad", "other.toml:1", "hostname"],
        ["postroad", "other.toml:2", "workes"],
    ]


def test_a_reader_that_goes_away_is_no_error(server: Path) -> None:
    ran = subprocess.run(
        f"{sys.executable} -m postroad user list | true; exit ${{PIPESTATUS[0]}}",
        shell=True,
        executable="/bin/bash",
        cwd=server,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (PermissionError(13, "Permission denied", "/x"), os.EX_NOPERM, "/x: permission denied"),
        (OSError(28, "No space left on device", "/x"), os.EX_IOERR, "/x: no space left on device"),
        (OSError("odd"), os.EX_IOERR, "odd"),
    ],
)
def test_errors_of_the_system(error: OSError, status: int, said: str) -> None:
    refusal = refusal_of(error)
    assert refusal is not None
    assert (refusal.status, refusal.message) == (status, said)


def test_a_bug_is_not_hidden() -> None:
    assert refusal_of(KeyError("x")) is None


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["ban", "remove", "fe80::1%\x01"], "postroad: fe80::1%\\u0001 is not banned\n"),
        (["spam", "unlearn", "\x1b[31mred"], "postroad: \\u001b[31mred: no such file"),
        (["queue", "count", "--recipient", "\x01"], "postroad: \\u0001: an address needs an @\n"),
    ],
)
def test_an_error_does_not_command_the_terminal(
    command_line: CommandLine, words: list[str], said: str
) -> None:
    ran = command_line(*words)
    assert ran.status in {os.EX_USAGE, os.EX_DATAERR, os.EX_IOERR}
    assert said in ran.err
    assert ran.err.count("\n") == 1
    assert ran.err[:-1].isprintable()


@pytest.mark.usefixtures("server")
def test_a_long_word_makes_no_long_error(command_line: CommandLine) -> None:
    ran = command_line("user", "enable", "a" * 70_000)
    assert ran.status == os.EX_DATAERR
    assert len(ran.err) < 1_200


@pytest.mark.parametrize(
    "program",
    ["print(chr(0xDCFF))", "import sys; sys.stdout.write('x')", "import sys; sys.stdin.read()"],
)
@pytest.mark.parametrize("closed", ["", " <&- >&-", " <&- >&- 2>&-"])
def test_output_that_is_closed_or_cannot_hold_a_character(program: str, closed: str) -> None:
    prepared = f"from postroad.cli.main import prepare; prepare(); {program}"
    ran = subprocess.run(
        ["sh", "-c", f'"$0" -c "$1"{closed}', sys.executable, prepared],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    if not closed and "chr" in program:
        assert ran.stdout == "\\udcff\n"


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("words", [["check", "--show-policy"], ["directory", "export"]])
def test_a_reader_that_goes_away_is_no_failure(
    monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb", buffering=0) as out:
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out, write_through=True))
        assert run(words) == os.EX_OK
