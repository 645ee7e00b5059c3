"""Running `postroad` in this process, on real files."""

from __future__ import annotations

import io
import os
import shutil
import tempfile
from collections.abc import Iterator
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


@pytest.fixture
def state_of_nobody(server: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The state directory, in a folder that others can reach, and of a user that is not root."""
    with tempfile.TemporaryDirectory() as name:
        shutil.copy(server / "postroad.toml", name)
        Path(name, "postroad.toml").chmod(0o644)
        Path(name).chmod(0o755)
        state = Path(name, "state")
        state.mkdir(mode=0o700)
        os.chown(state, 65534, 65534)
        monkeypatch.chdir(name)
        yield state
        monkeypatch.chdir(server)
