"""Commands and files of aliases: real programs and real files."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from postroad.delivery.alias_programs import (
    ALIAS_PROGRAMS,
    AliasProgramTransport,
    append,
)
from postroad.delivery.transport import Delivery
from postroad.directory import DirectoryUnavailable
from postroad.directory.files.alias_file import Program
from postroad.model import Address, Outcome, Status
from queue_mail import NOON, message, recipients

USER = "nobody" if os.geteuid() == 0 else ""


@dataclass(frozen=True)
class Runs:
    command_user: str = USER
    command_time_limit: float = 20.0


class FakeFinder:
    def __init__(self, *programs: Program, away: bool = False) -> None:
        self.programs = {program.address.local: program for program in programs}
        self.away = away

    async def find(self, local: str):
        if self.away:
            raise DirectoryUnavailable("away")
        program = self.programs.get(local)
        return None if program is None else (program, Runs())


class FakeMaildirs:
    def __init__(self, error: OSError | None = None) -> None:
        self.stored: list[Path] = []
        self.error = error

    async def store(self, maildir, message, recipients) -> bool:
        if self.error is not None:
            raise self.error
        self.stored.append(maildir)
        return True


def program(text: str, *, is_command: bool = True, allowed: bool = True) -> Program:
    return Program(text, is_command, "hook", "/etc/aliases:1", allowed)


async def outcome(finder: FakeFinder, address: Address, maildirs: FakeMaildirs | None = None):
    (one,) = recipients(str(address))
    one = one._replace(original=Address("hook", "example.org"))
    transport = AliasProgramTransport(finder, maildirs or FakeMaildirs(), now=lambda: NOON)
    report = await transport.deliver(Delivery(message(), (one,), ALIAS_PROGRAMS))
    (found,) = report.outcomes
    assert found.recipient_id == one.id
    return found


async def run(text: str, **settings):
    found = program(text, **settings)
    return await outcome(FakeFinder(found), found.address)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One that the program's account can write to."""
    for each in (tmp_path, *tmp_path.parents):
        if each.name.startswith("pytest-of"):
            each.chmod(0o755)
            break
        each.chmod(0o777)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "status", "words"),
    [
        ("exit 0", Status.SENT, "250 2.0.0 delivered via command of hook service"),
        ("cat >/dev/null; echo done", Status.SENT, "(done)"),
        ("exit 75", Status.DEFERRED, "451 4.3.0 temporary failure"),
        ("exit 67", Status.BOUNCED, "550 5.1.1 user unknown"),
        ("echo 5.7.1 go away; exit 1", Status.BOUNCED, "550 5.7.1 go away"),
        ("/no/such/program", Status.BOUNCED, "5.3.0"),
    ],
)
async def test_the_end_of_a_command(text: str, status: Status, words: str) -> None:
    found = await run(text)
    assert (found.status, words in str(found.reply)) == (status, True), str(found.reply)


async def test_what_a_command_reads_and_knows(folder: Path) -> None:
    await run(f'cat > {folder}/seen; echo "$SENDER $RECIPIENT $LOCAL" > {folder}/known')
    lines = (folder / "seen").read_text().split("\n")
    assert lines[0].startswith("From ")
    assert "Delivered-To: hook@example.org" in lines
    assert "X-Original-To: hook@example.org" in lines
    assert (folder / "known").read_text().endswith(" hook@example.org hook\n")


async def test_no_word_of_a_stranger_is_run(folder: Path) -> None:
    found = program(f'eval "echo $ORIGINAL_RECIPIENT" > {folder}/known')
    (one,) = recipients(str(found.address))
    one = one._replace(original=Address(f"$(touch {folder}/evil);`x`", "example.org"))
    transport = AliasProgramTransport(FakeFinder(found), FakeMaildirs())
    await transport.deliver(Delivery(message(), (one,), ALIAS_PROGRAMS))
    assert not (folder / "evil").exists()
    assert "__touch" in (folder / "known").read_text()


@pytest.mark.parametrize("is_command", [True, False])
async def test_what_is_not_allowed_returns_with_the_reason(
    is_command: bool, tmp_path: Path
) -> None:
    found = await run(f"{tmp_path}/x", is_command=is_command, allowed=False)
    assert found.status is Status.BOUNCED
    kind = "a command" if is_command else "a file"
    assert str(found.reply) == f"550 5.7.1 mail to {kind} is not allowed here (alias hook)"
    assert not (tmp_path / "x").exists()


async def test_who_got_it_is_known_before_the_next_command() -> None:
    known: list[list[int]] = []

    def parted(outcomes: Sequence[Outcome]) -> None:
        known.append([each.recipient_id for each in outcomes])

    found = program("exit 0")
    address = str(found.address)
    to = recipients(address, address)
    transport = AliasProgramTransport(FakeFinder(found), FakeMaildirs(), now=lambda: NOON)
    await transport.deliver(Delivery(message(), to, ALIAS_PROGRAMS, parted=parted))
    assert known == [[to[0].id]]


async def test_a_command_that_is_gone(tmp_path: Path) -> None:
    found = await outcome(FakeFinder(), program("x").address)
    assert (found.status, found.reply.code) == (Status.BOUNCED, 550)


async def test_the_extension_of_the_alias_may_come_along() -> None:
    found = program("exit 0")
    address = Address(f"{found.address.local}+lists", found.address.domain)
    assert (await outcome(FakeFinder(found), address)).status is Status.SENT


async def test_files_that_cannot_be_read_say_nothing() -> None:
    found = await outcome(FakeFinder(away=True), program("x").address)
    assert found.status is Status.DEFERRED


async def test_nothing_is_written_to_dev_null() -> None:
    found = await run("/dev/null", is_command=False)
    assert str(found.reply) == "250 2.0.0 delivered to file: /dev/null"


async def test_a_server_that_runs_as_root_writes_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    found = await run(f"{tmp_path}/box", is_command=False)
    assert (found.status, (tmp_path / "box").exists()) == (Status.DEFERRED, False)


@pytest.fixture
def as_a_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)


@pytest.mark.usefixtures("as_a_user")
async def test_a_maildir(tmp_path: Path) -> None:
    found, maildirs = program(f"{tmp_path}/box/", is_command=False), FakeMaildirs()
    assert (await outcome(FakeFinder(found), found.address, maildirs)).status is Status.SENT
    assert maildirs.stored == [tmp_path / "box"]
    full = FakeMaildirs(OSError(28, "full"))
    assert (await outcome(FakeFinder(found), found.address, full)).status is Status.DEFERRED


@pytest.mark.usefixtures("as_a_user")
async def test_a_file_grows_by_whole_messages(tmp_path: Path) -> None:
    box = tmp_path / "box"
    for _ in range(2):
        assert (await run(str(box), is_command=False)).status is Status.SENT
    text = box.read_text()
    assert text.count("\nDelivered-To: hook@example.org\n") == 2
    assert text.startswith("From ")
    assert text.count("\n\nFrom ") == 1
    assert "\r" not in text
    assert box.stat().st_mode & 0o777 == 0o600


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Path]:
    """A file that another process has locked."""
    box = tmp_path / "box"
    box.write_text("")
    script = (
        "import fcntl, sys; f = open(sys.argv[1], 'a'); fcntl.lockf(f, fcntl.LOCK_EX);"
        "print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(box)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        yield box
        holder.kill()


@pytest.mark.usefixtures("as_a_user")
async def test_a_file_that_is_locked_waits(locked: Path) -> None:
    found = await run(str(locked), is_command=False)
    assert str(found.reply) == "451 4.2.0 the file is locked by another program"


@pytest.mark.usefixtures("as_a_user")
@pytest.mark.parametrize("kind", ["link", "second name", "pipe", "folder"])
async def test_only_a_plain_file_is_written(tmp_path: Path, kind: str) -> None:
    box, other = tmp_path / "box", tmp_path / "other"
    other.write_text("kept")
    if kind == "link":
        box.symlink_to(other)
    elif kind == "second name":
        box.hardlink_to(other)
    elif kind == "pipe":
        os.mkfifo(box)
    else:
        box.mkdir()
    assert (await run(str(box), is_command=False)).status is Status.DEFERRED
    assert other.read_text() == "kept"


def test_what_was_not_written_whole_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = tmp_path / "box"
    box.write_text("before\n")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        append(box, message(), recipients("hook@example.org")[0], NOON)
    assert box.read_text() == "before\n"
