"""Delivery to real programs: what they read, what their end means, and that none is left."""

from __future__ import annotations

import asyncio
import os
import stat
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest

from peers.waiting import until
from postroad.delivery import pipe_process
from postroad.delivery.pipe import PipeTransport, identity_of
from postroad.delivery.pipe_settings import PipeSettings
from postroad.delivery.pipe_status import Ended, NotRun, TookTooLong, outcome_of
from postroad.delivery.transport import Delivery
from postroad.model import Outcome, Status
from postroad.spool import SpoolError
from queue_mail import NOON, message, recipients

Make = Callable[..., PipeTransport]
USER = "nobody" if os.geteuid() == 0 else ""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One that the program's account can write to."""
    for each in (tmp_path, *tmp_path.parents):
        if each.name.startswith("pytest-of"):
            each.chmod(0o755)
            break
        each.chmod(0o777)
    return tmp_path


@pytest.fixture
async def make(folder: Path) -> AsyncIterator[Make]:
    made: list[PipeTransport] = []

    def build(script: str, *words: str, **settings) -> PipeTransport:
        program = folder / "program"
        program.write_text(f"#!/bin/sh\ncd {folder}\n{script}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
        told = {"command": (str(program), *words), "user": USER, **settings}
        transport = PipeTransport("filter", PipeSettings(**told), now=lambda: NOON)
        made.append(transport)
        return transport

    yield build
    for transport in made:
        transport.close()


async def outcomes(
    transport: PipeTransport, *addresses: str, sender: str = "alice@example.org", content=b"a\r\n"
) -> list[Outcome]:
    to = recipients(*(addresses or ("bob@example.net",)))
    report = await transport.deliver(Delivery(message(sender, content=content), to, "hop"))
    assert [one.recipient_id for one in report.outcomes] == [one.id for one in to]
    assert report.relay == "filter"
    return list(report.outcomes)


async def test_what_the_program_gets(make: Make, folder: Path) -> None:
    transport = make(
        'cat >in; echo "$@" >words; env >env; pwd >cwd',
        "${sender}",
        "${recipient}",
        flags="RO",
        directory=folder,
    )
    (outcome,) = await outcomes(transport, content=b"Subject: x\r\n\r\n.hello\r\n")
    assert str(outcome.reply) == "250 2.0.0 delivered via filter service"
    assert outcome.status is Status.SENT
    assert (folder / "in").read_bytes() == (
        b"Return-Path: <alice@example.org>\nX-Original-To: bob@example.net\nSubject: x\n\n.hello\n"
    )
    assert (folder / "words").read_text() == "alice@example.org bob@example.net\n"
    names = {line.partition("=")[0] for line in (folder / "env").read_text().splitlines()}
    assert names - {"PWD", "OLDPWD", "_", "SHLVL"} <= {"PATH", "TZ", "LANG"}


async def test_recipients_share_a_run(make: Make, folder: Path) -> None:
    transport = make('echo "$@" >>words', "${recipient}", recipients=2)
    found = await outcomes(transport, "a@x.test", "b@x.test", "c@x.test")
    assert [each.status for each in found] == [Status.SENT] * 3
    assert (folder / "words").read_text() == "a@x.test b@x.test\nc@x.test\n"


async def test_a_header_field_for_one_recipient_needs_a_run_each(make: Make, folder: Path) -> None:
    transport = make("cat >>in", flags="D")
    await outcomes(transport, "a@x.test", "b@x.test", content=b"")
    assert (folder / "in").read_text() == "Delivered-To: a@x.test\nDelivered-To: b@x.test\n"


@pytest.mark.parametrize(
    ("script", "status", "reply"),
    [
        ("exit 0", Status.SENT, "250 2.0.0 delivered via filter service"),
        ("echo fine", Status.SENT, "250 2.0.0 delivered via filter service (fine)"),
        ("exit 64", Status.BOUNCED, "550 5.3.0 command line usage error"),
        ("exit 65", Status.BOUNCED, "550 5.6.0 data format error"),
        ("exit 67", Status.BOUNCED, "550 5.1.1 user unknown"),
        ("exit 69", Status.BOUNCED, "550 5.3.0 service unavailable"),
        ("exit 71", Status.DEFERRED, "451 4.3.0 system resource problem"),
        ("exit 75", Status.DEFERRED, "451 4.3.0 temporary failure"),
        (
            "echo full; exit 75",
            Status.DEFERRED,
            "451 4.3.0 temporary failure. Command output: full",
        ),
        ("exit 77", Status.BOUNCED, "550 5.7.0 permission denied"),
        ("echo 4.2.2 full; exit 67", Status.DEFERRED, "451 4.2.2 full"),
        ("echo 5.2.2 full >&2; exit 75", Status.BOUNCED, "550 5.2.2 full"),
        ("echo 5.7.1; exit 1", Status.BOUNCED, "550 5.7.1 the command gave no reason"),
        ("echo 5.7.1 no; exit 0", Status.SENT, "250 2.0.0 delivered via filter service (5.7.1 no)"),
        ("kill -9 $$", Status.DEFERRED, "451 4.3.0 Command died with signal 9 (SIGKILL): "),
        ("exit 1", Status.BOUNCED, "550 5.3.0 Command died with status 1: "),
        (r"printf 'a\033[2J\r\nb\0c\377'; exit 75", Status.DEFERRED, "output: a_[2J b_c"),
    ],
)
async def test_what_its_end_means(make: Make, script: str, status: Status, reply: str) -> None:
    (outcome,) = await outcomes(make(script))
    assert (outcome.status, outcome.from_peer) == (status, False)
    assert reply in str(outcome.reply)


async def test_one_that_reads_nothing_may_still_succeed(make: Make) -> None:
    (outcome,) = await outcomes(make("exit 0"), content=b"x" * 300_000)
    assert outcome.status is Status.SENT


async def test_a_large_message_arrives_whole(make: Make, folder: Path) -> None:
    line = b"y" * 70 + b"\r\n"
    (outcome,) = await outcomes(make("cat >in"), content=line * 20_000)
    assert outcome.status is Status.SENT
    assert (folder / "in").read_bytes() == line.replace(b"\r\n", b"\n") * 20_000


async def test_much_output_is_read_and_little_kept(make: Make) -> None:
    script = "head -c 3000000 /dev/zero | tr '\\0' x; exit 75"
    (outcome,) = await outcomes(make(script, output_limit=100))
    assert str(outcome.reply).endswith("output: " + "x" * 100)


class Clock:
    """Stands still until a file is there, and then makes a second of each look."""

    def __init__(self, begins: Path) -> None:
        self.begins = begins
        self.now = 0.0

    def monotonic(self) -> float:
        self.now += self.begins.exists()
        return self.now


async def test_the_time_limit_ends_it_and_its_children(
    make: Make, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipe_process, "time", Clock(folder / "child"))
    script = "echo begun; (sleep 60; echo late >late) & echo $! >pid; mv pid child; wait"
    transport = make(script, time_limit=10)
    (outcome,) = await outcomes(transport)
    assert outcome.status is Status.DEFERRED
    assert str(outcome.reply).startswith("451 4.3.0 Command time limit exceeded: ")
    assert str(outcome.reply).endswith("Command output: begun")
    child = int((folder / "child").read_text())
    until(lambda: not _runs(child), within=30, what="the end of a process that was killed")


async def test_a_process_left_behind_holds_up_nobody(make: Make, folder: Path) -> None:
    transport = make("sleep 60 & echo $! >child; echo done", time_limit=30)
    (outcome,) = await outcomes(transport)
    os.kill(int((folder / "child").read_text()), 9)
    assert str(outcome.reply) == "250 2.0.0 delivered via filter service (done)"


async def test_nor_does_one_that_goes_on_talking(make: Make) -> None:
    (outcome,) = await outcomes(make("yes & exit 0", time_limit=30))
    assert outcome.status is Status.SENT


@pytest.mark.parametrize(("flags", "status"), [("", Status.BOUNCED), ("X", Status.SENT)])
async def test_what_may_travel_by_tls_only_ends_here_or_returns(
    make: Make, flags: str, status: Status
) -> None:
    transport = make("cat >/dev/null", flags=flags)
    mail = message(require_tls=True)
    (outcome,) = (await transport.deliver(Delivery(mail, recipients("b@x.test"), ""))).outcomes
    assert outcome.status is status
    if status is Status.BOUNCED:
        assert str(outcome.reply) == (
            "554 5.7.30 REQUIRETLS support required, but the filter service does not promise it"
        )


async def test_who_breaks_it_off_ends_it(make: Make, folder: Path) -> None:
    os.mkfifo(folder / "begun", 0o666)
    (folder / "begun").chmod(0o666)
    transport = make("echo $$ >begun; exec sleep 60")
    task = asyncio.create_task(outcomes(transport))
    pid = int(await asyncio.to_thread((folder / "begun").read_text))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.to_thread(transport._threads.shutdown)
    assert not _runs(pid)


async def test_a_program_that_is_not_there(make: Make, folder: Path) -> None:
    transport = make("", command=("/nonexistent/spamc",))
    (outcome,) = await outcomes(transport)
    assert outcome.status is Status.DEFERRED
    assert "4.3.5 Command could not be run" in str(outcome.reply)
    assert "No such file or directory" in str(outcome.reply)


async def test_a_directory_that_is_not_there(make: Make, folder: Path) -> None:
    (outcome,) = await outcomes(make("exit 0", directory=folder / "gone"))
    assert outcome.status is Status.DEFERRED


async def test_the_size_limit(make: Make) -> None:
    (outcome,) = await outcomes(make("exit 0", size_limit=10), content=b"x" * 11)
    assert str(outcome.reply) == "552 5.3.4 message size 11 exceeds size limit 10 of server filter"


async def test_one_who_would_be_an_option_spoils_nobody_else(make: Make, folder: Path) -> None:
    transport = make('echo "$@" >>words', "${recipient}")
    found = await outcomes(transport, "a@x.test", "-rf@x.test", "c@x.test")
    assert [each.status for each in found] == [Status.SENT, Status.BOUNCED, Status.SENT]
    assert str(found[1].reply).startswith("550 5.1.3 ")
    assert (folder / "words").read_text() == "a@x.test\nc@x.test\n"


async def test_mail_that_was_there_before(make: Make, folder: Path) -> None:
    transport = make("cat >in", flags="D")
    (outcome,) = await outcomes(transport, content=b"Delivered-To: bob@example.net\r\n\r\n")
    assert str(outcome.reply) == "550 5.4.6 mail forwarding loop for bob@example.net"
    assert not (folder / "in").exists()


async def test_a_content_that_cannot_be_read(make: Make, folder: Path) -> None:
    class Broken:
        size = 10

        def chunks(self):
            yield b"Subject: half\r\n"
            raise SpoolError("the disk is gone")

    transport = make("cat >in && touch finished")
    mail = message()
    delivery = Delivery(
        type(mail)(mail.queue_id, mail.envelope, NOON, NOON, Broken()), recipients("b@x.test"), ""
    )
    (outcome,) = (await transport.deliver(delivery)).outcomes
    assert outcome.status is Status.DEFERRED
    assert not (folder / "finished").exists()


async def test_who_got_it_is_known_before_the_next_run(make: Make) -> None:
    known: list[list[Status]] = []

    def parted(outcomes: Sequence[Outcome]) -> None:
        known.append([each.status for each in outcomes])

    to = recipients("a@x.test", "b@x.test", "c@x.test")
    transport = make('test "$1" != b@x.test', "${recipient}", flags="D")
    await transport.deliver(Delivery(message(), to, "", parted=parted))
    assert known == [[Status.SENT], [Status.SENT, Status.BOUNCED]]


async def test_who_got_it_alone_is_known_before_the_next_run(make: Make) -> None:
    known: list[int] = []
    to = recipients("a@x.test", "-rf@x.test", "c@x.test")
    transport = make("exit 0", "${recipient}")
    await transport.deliver(
        Delivery(message(), to, "", parted=lambda outcomes: known.append(len(outcomes)))
    )
    assert known == [1, 2]


async def test_after_a_reload_closed_it(make: Make) -> None:
    transport = make("exit 0")
    transport.close()
    (outcome,) = await outcomes(transport)
    assert outcome.status is Status.DEFERRED


def test_what_success_means(make: Make) -> None:
    def relays(flags: str) -> bool:
        return PipeTransport("x", PipeSettings(command=("/bin/true",), flags=flags)).relays

    assert relays("")
    assert not relays("X")


@pytest.mark.parametrize("user", ["root", "nobody:root", "no-such-user-here", "nobody:no-group"])
def test_accounts_that_no_program_runs_as(user: str) -> None:
    with pytest.raises(ValueError, match=r"root|there is no user"):
        identity_of(user)


def test_other_accounts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    assert identity_of("") is None
    with pytest.raises(ValueError, match="cannot become nobody"):
        identity_of("nobody")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(ValueError, match="needs a user"):
        identity_of("")
    found = identity_of("nobody")
    assert found is not None
    assert found.user > 0


@pytest.mark.parametrize("ended", [Ended(-200, b""), NotRun("x"), TookTooLong(b"\xff\0")])
def test_odd_ends_wait(ended) -> None:
    outcome = outcome_of(ended, 1, "filter", sys.executable)
    assert outcome.status is Status.DEFERRED


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
