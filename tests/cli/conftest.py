"""Running `postroad` in this process, on real files."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from command_line import CommandLine
from postroad.config.installation import FirstServer, install


@pytest.fixture
def command_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> CommandLine:
    """Runs commands in an empty directory, with nothing on standard input."""
    monkeypatch.chdir(tmp_path)

    def give(text: str) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO(text))

    return CommandLine(capsys.readouterr, give)


@pytest.fixture
def server(command_line: CommandLine, tmp_path: Path) -> Path:
    """A server's directory, made the current one, with the account john@example.org."""
    names = ("mail.example.org", "example.org", "john@example.org", "summersun")
    install(FirstServer(tmp_path, *names, tmp_path / "state"))
    return tmp_path
