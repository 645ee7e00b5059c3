"""Mail that programs left: picked up once, whatever breaks."""

from __future__ import annotations

import asyncio
import errno
import os
import pwd
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from examiners import LATER, UNWANTED, Looking, Say, topped
from intake_house import House
from postroad.app.pickup import TOGETHER, Pickup
from postroad.app.running import Running
from postroad.app.sparing import AT_ONCE
from postroad.config import Configuration
from postroad.directory import DirectoryUnavailable, Resolution
from postroad.intake import NOBODY, Board, Door
from postroad.intake.settings import IntakeSettings
from postroad.limits.settings import Limits
from postroad.maildrop import collection
from postroad.maildrop.drop import Writing, wake
from postroad.maildrop.settings import SendmailSettings
from postroad.maildrop.slip import Slip
from postroad.model import Address
from postroad.model.journal import Event, Notice
from postroad.model.letter import Opinion, Origin
from postroad.spool import Claimed, SpoolError


class Crash(BaseException):
    """The machine stops here."""


class Rounds(Pickup):
    """A pick-up that tells of the end of each of its rounds."""

    ended: Callable[[], None] = staticmethod(lambda: None)

    async def _round(self) -> int:
        try:
            return await super()._round()
        finally:
            self.ended()


class Post:
    """A pick-up over a spool in memory, and a drop in a folder."""

    def __init__(self, state: Path, settings: SendmailSettings) -> None:
        self.house = House(IntakeSettings())
        self.state = state
        self.board = NOBODY
        self.configuration = Configuration(
            hostname="mail.example.org",
            domains=("example.org",),
            state_directory=state,
            sendmail=settings,
            limits=Limits(message_size=10_000),
        )
        self.changed = asyncio.Event()
        self.queued: list[Claimed] = []
        self.files_when_queued: list[list[str]] = []
        self.pickup = self.make()

    @property
    def folder(self) -> Path:
        return self.configuration.maildrop_directory

    def make(self) -> Pickup:
        running = SimpleNamespace(configuration=self.configuration)
        made = Rounds(
            running,  # type: ignore[arg-type]
            self.note,
            doors=self.door,
            queued=self.took,
            known=self.known,
        )
        made.ended = self.changed.set
        return made

    def note(self, event: Event) -> None:
        self.house.events.append(event)
        self.changed.set()

    def door(self, queued: Callable[[Claimed], None]) -> Door:
        return Door(
            hostname="mail.example.org",
            settings=self.configuration.intake,
            begin=self.house.spool.begin,  # type: ignore[arg-type]
            directory=self.house.directory,
            queued=queued,
            journal=self.note,
            clock=lambda: 1_790_000_000.0,
            board=lambda: self.board,
        )

    def took(self, claimed: Claimed) -> None:
        self.queued.append(claimed)
        self.files_when_queued.append(self.files())
        self.changed.set()

    def known(self, queue_ids: Sequence[str]) -> frozenset[str]:
        there = {each.queue_id for each in self.house.spool.store.messages.values()}
        return frozenset(queue_ids) & there

    def files(self) -> list[str]:
        return sorted(
            f"{name}/{each.name}"
            for name in ("new", "taken", "aside")
            for each in (self.folder / name).iterdir()
        )

    def leave(self, slip: Slip, content: bytes = b"Subject: x\n\nbody\n") -> None:
        writing = Writing(str(self.folder), slip)
        writing.write(content)
        writing.finish()

    def said(self) -> str:
        return "\n".join(str(each.text) for each in self.house.events if isinstance(each, Notice))

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(60):
            while not condition():  # what it looks at changes in a round, or is told
                self.changed.clear()
                await self.changed.wait()

    def contents(self) -> list[bytes]:
        found = self.house.spool.store.messages.values()
        return [b"".join(each.content.chunks()) for each in found]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    place = tmp_path / "state"
    place.mkdir(mode=0o700)
    return place


@pytest.fixture
async def post(state: Path) -> AsyncIterator[Post]:
    made = Post(state, SendmailSettings())
    await made.pickup.start()
    yield made
    await made.pickup.stop()


TO_JOHN = Slip("root", ["john"], full_name="Charlie Root")


async def test_a_message_is_queued_when_its_file_is_gone(post: Post) -> None:
    post.leave(TO_JOHN)
    await post.until(lambda: post.queued)
    assert post.files_when_queued == [[]]
    (content,) = post.contents()
    (message,) = [each.message for each in post.queued]
    assert content.startswith(
        b"Received: by mail.example.org (Postroad, from userid %d)" % os.getuid()
    )
    assert b"\r\nFrom: Charlie Root <root@example.org>\r\n" in content
    assert content.endswith(b"\r\n\r\nbody\r\n")
    assert message.envelope.sender_text == "root@example.org"
    assert message.waybill.login == f"uid={os.getuid()}"
    assert f"uid={os.getuid()} from=<root@example.org>" in post.said()


async def test_others_may_pass_the_state_directory(post: Post) -> None:
    assert oct(post.state.stat().st_mode & 0o777) == "0o711"


async def test_a_burst(post: Post) -> None:
    for at in range(30):
        post.leave(TO_JOHN, b"Subject: %d\n\n" % at)
    await post.until(lambda: len(post.queued) == 30)
    subjects = {content.partition(b"Subject: ")[2].split(b"\r\n")[0] for content in post.contents()}
    assert subjects == {b"%d" % at for at in range(30)}
    assert post.files() == []


async def test_what_is_no_message_is_put_aside(post: Post) -> None:
    name = "0123" * 8
    (post.folder / "new" / name).write_text("hello")
    wake(str(post.folder))
    await post.until(lambda: "as it cannot be queued: it has no end" in post.said())
    assert post.files() == [f"aside/{name}"]
    post.leave(TO_JOHN)
    await post.until(lambda: post.queued)


async def test_recipients_that_are_none_return_to_the_sender(post: Post) -> None:
    post.leave(Slip("john", ["john", "x y"]), b"Subject: hi\n\n")
    await post.until(lambda: len(post.queued) == 2)
    notice, message = post.contents()
    assert b"Bad recipient address syntax" in notice
    assert b"Subject: hi\r\n" in notice
    assert b"Subject: hi\r\n" in message
    assert post.files() == []


async def test_a_message_for_nobody_at_all(post: Post) -> None:
    post.leave(Slip("", ["x y"]))
    await post.until(lambda: "there is no sender to tell" in post.said())
    assert [each.split("/")[0] for each in post.files()] == ["aside"]
    assert post.queued == []


async def test_what_the_door_refuses_for_good_returns(post: Post) -> None:
    post.leave(Slip("john", ["john"]), b"Received: x\n" * 60 + b"\n")
    await post.until(lambda: post.queued and not post.files())
    (notice,) = post.contents()
    assert b"too many hops" in notice


async def test_what_the_door_refuses_for_now_waits(post: Post) -> None:
    post.house.directory.unavailable = True
    post.leave(TO_JOHN)
    await post.until(lambda: "waits for 10 s" in post.said())
    assert [each.split("/")[0] for each in post.files()] == ["taken"]
    assert post.contents() == []


@pytest.mark.parametrize(
    ("content", "whole"),
    [
        (b"", b""),
        (b"\n", b""),
        (b"no end", b"no end\r\n"),
        (
            b"x" * 200_000 + b"\n" + b"y" * 200_000,
            b"x" * 200_000 + b"\r\n" + b"y" * 200_000 + b"\r\n",
        ),
        (b"line\n" * 300_000, b"line\r\n" * 300_000),
        (b"Subject: x\n\n" + b"line\n" * 300_000, b"line\r\n" * 300_000),
    ],
)
async def test_bodies(post: Post, content: bytes, whole: bytes) -> None:
    post.configuration = replace(post.configuration, limits=Limits(message_size=10_000_000))
    post.pickup.replace(SimpleNamespace(configuration=post.configuration))  # type: ignore[arg-type]
    post.leave(TO_JOHN, content)
    await post.until(lambda: post.queued)
    (found,) = post.contents()
    head, _, body = found.partition(b"\r\n\r\n")
    assert body == whole
    assert head.count(b"\r\nFrom: ") == 1


async def test_a_header_that_is_too_long_returns(post: Post) -> None:
    post.configuration = replace(post.configuration, limits=Limits(message_size=10_000_000))
    post.pickup.replace(SimpleNamespace(configuration=post.configuration))  # type: ignore[arg-type]
    post.leave(Slip("john", ["john"]), b"X-Field: y\n" * 150_000 + b"\nbody\n")
    await post.until(lambda: post.queued and not post.files())
    (notice,) = post.contents()
    assert b"header size exceeds limit" in notice


async def test_a_name_that_is_too_long(post: Post) -> None:
    post.leave(TO_JOHN)
    (post.folder / "new" / ("a" * 250)).write_text("hello")
    wake(str(post.folder))
    await post.until(lambda: "has no name of ours" in post.said())
    await post.until(lambda: post.queued)
    assert [each.split("/")[0] for each in post.files()] == ["aside"]
    assert max(map(len, post.said().splitlines())) < 200


async def test_garbage_has_bounds(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("postroad.maildrop.aside.MOST_FILES", 5)
    monkeypatch.setattr(collection, "AT_ONCE", 10)
    for at in range(40):
        name = f"{at:032x}" if at % 2 else f"garbage{at}"
        (post.folder / "new" / name).write_text("hello")
    await post.until(lambda: not list((post.folder / "new").iterdir()))
    await post.until(lambda: not list((post.folder / "taken").iterdir()))
    await post.pickup.stop()
    assert len(post.files()) == 5
    lines = post.said().splitlines()
    assert len(lines) == AT_ONCE + 1
    assert lines[-1] == "error: 30 more files that cannot be queued, put aside or removed"


async def test_who_may_not_send(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("postroad.app.pickup_allowance.os.geteuid", lambda: 12_345)
    monkeypatch.setattr("postroad.app.pickup_allowance._ROOT", 12_345)
    made = Post(state, SendmailSettings(users=("nobody-else",)))
    await made.pickup.start()
    made.leave(TO_JOHN)
    await made.until(lambda: "is not among sendmail.users" in made.said())
    assert made.contents() == []
    assert [each.split("/")[0] for each in made.files()] == ["aside"]
    await made.pickup.stop()


async def test_more_than_a_user_may_send_waits(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("postroad.app.pickup_allowance.os.geteuid", lambda: 12_345)
    monkeypatch.setattr("postroad.app.pickup_allowance._ROOT", 12_345)
    made = Post(state, SendmailSettings(messages_per_user=1))
    await made.pickup.start()
    made.leave(TO_JOHN)
    await made.until(lambda: made.queued)
    made.leave(TO_JOHN)
    await made.until(lambda: "has sent enough in this hour" in made.said())
    assert len(made.queued) == 1
    assert [each.split("/")[0] for each in made.files()] == ["new"]
    for _ in range(2 * AT_ONCE):
        made.leave(TO_JOHN)
    made.pickup.replace(SimpleNamespace(configuration=made.configuration))  # type: ignore[arg-type]
    made.changed.clear()
    await made.changed.wait()
    await made.pickup.stop()
    assert {each.split("/")[0] for each in made.files()} == {"new"}
    assert made.said().count("has sent enough in this hour") == 1
    assert len(made.queued) == 1


async def test_files_that_wait_are_a_few_lines(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("postroad.maildrop.shares.MOST_TAKEN", AT_ONCE + 4)
    post.house.directory.unavailable = True
    for _ in range(AT_ONCE + 6):
        post.leave(TO_JOHN)
    await post.until(lambda: len(list((post.folder / "taken").iterdir())) == AT_ONCE + 4)
    await post.until(lambda: len(post.pickup._files.waits) == AT_ONCE + 4)
    await post.pickup.stop()
    assert sum("waits for" in line for line in post.said().splitlines()) == AT_ONCE
    assert "4 more files that wait" in post.said()
    assert len(list((post.folder / "new").iterdir())) == 2


async def test_a_message_that_meets_a_bug_holds_up_no_other(post: Post) -> None:
    resolve = post.house.directory.resolve

    async def broken(address: Address, **more: bool) -> Resolution:
        if address.local == "bad":
            raise KeyError("a bug")
        await asyncio.sleep(0)
        return await resolve(address, **more)

    post.house.directory.resolve = broken  # type: ignore[method-assign]
    for _ in range(TOGETHER):
        post.leave(Slip("john", ["bad"]))
    await post.until(lambda: "KeyError" in post.said())
    for _ in range(20):
        post.leave(TO_JOHN)
    await post.until(lambda: len(post.queued) == 20)
    await post.until(lambda: len(post.files()) == TOGETHER)

    assert {each.split("/")[0] for each in post.files()} == {"taken"}
    assert post.said().count("waits for 10 s: it met a bug: KeyError") == TOGETHER
    assert len(post.contents()) == 20


async def test_what_waits_for_longer_than_the_queue_would_try_returns(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve = post.house.directory.resolve

    async def away(address: Address, **more: bool) -> Resolution:
        if address.local == "bad":
            raise DirectoryUnavailable("a loop of aliases")
        return await resolve(address, **more)

    monkeypatch.setattr(post.house.directory, "resolve", away)
    post.leave(Slip("john", ["john", "bad@example.org"]), b"Subject: hi\n\n")
    (left,) = (post.folder / "new").iterdir()
    old = time.time() - post.configuration.queue.lifetime - 60
    os.utime(left, (old, old))
    await post.until(lambda: post.queued and not post.files())
    (notice,) = post.contents()
    assert b"Subject: hi\r\n" in notice
    assert b"bad@example.org" in notice


@pytest.mark.parametrize("step", ["make_drop", "tell_programs"])
async def test_a_step_of_opening_that_fails_is_tried_again(
    state: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """As on a disk that is full for a moment."""
    monkeypatch.setattr("postroad.app.pickup.RETRY", 0.0)
    made = Post(state, SendmailSettings())
    with monkeypatch.context() as full:
        full.setattr(f"postroad.app.pickup_drop.{step}", _no_room)
        await made.pickup.start()
        for _ in range(2):
            made.changed.clear()
            await made.changed.wait()
    assert made.said().count("No space left on device") == 1
    await made.until((made.folder / "facts").exists)
    made.leave(TO_JOHN)
    await made.until(lambda: made.queued)
    await made.pickup.stop()


async def test_programs_that_cannot_be_told_send_all_the_same(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("postroad.maildrop.folder._write_facts", _no_room)
    post.configuration = replace(post.configuration, hostname="other.example.org")
    post.pickup.replace(SimpleNamespace(configuration=post.configuration))  # type: ignore[arg-type]
    await post.until(lambda: "cannot be told the configuration" in post.said())
    post.leave(TO_JOHN)
    await post.until(lambda: post.queued)


async def test_a_recovery_that_fails_is_made_up_for(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And until then nothing is taken: it could be queued already."""
    monkeypatch.setattr("postroad.app.pickup.RETRY", 0.0)
    made = Post(state, SendmailSettings())
    await made.pickup.start()
    made.house.spool.committing = _crashing
    made.leave(TO_JOHN)
    task = made.pickup._task
    assert task is not None
    await asyncio.wait({task}, timeout=60)
    await made.pickup.stop()
    made.house.spool.committing = None
    known, answers = made.known, [SpoolError("away"), None]

    def asked(queue_ids: Sequence[str]) -> frozenset[str]:
        if (error := answers.pop(0) if answers else None) is not None:
            raise error
        return known(queue_ids)

    made.known = asked  # type: ignore[method-assign]
    again = made.make()
    await again.start()
    assert "cannot be picked up: away" in made.said()
    assert made.contents() == []
    await made.until(lambda: made.queued)
    await again.stop()
    assert len(made.contents()) == 1


async def test_variable_return_paths_are_those_of_the_copies(post: Post) -> None:
    post.leave(Slip("list", ["john", "x@example.com"], verp="+="))
    await post.until(lambda: post.queued)
    (claimed,) = post.queued
    assert claimed.message.envelope.sender_text == "list@example.org"
    assert sorted(str(each.sender) for each in claimed.recipients) == [
        "list+john=example.org@example.org",
        "list+x=example.com@example.org",
    ]
    assert "variable return paths instead of <list@example.org> for 2" in post.said()


async def test_a_return_path_that_would_be_too_long_is_told_of(post: Post) -> None:
    post.leave(Slip("list", ["john", f"{'x' * 60}@example.com"], verp="+="))
    await post.until(lambda: post.queued)
    await post.until(lambda: "1 recipients get the sender's return path" in post.said())


async def test_a_server_without_a_drop(state: Path) -> None:
    made = Post(state, SendmailSettings(enabled=False))
    await made.pickup.start()
    await made.pickup.stop()
    assert os.listdir(state) == []
    assert oct(os.stat(state).st_mode & 0o777) == "0o700"


async def test_a_reload_moves_the_drop(post: Post) -> None:
    settings = SendmailSettings(directory=post.state / "elsewhere")
    post.configuration = Configuration(
        hostname="mail.example.org",
        domains=("example.org",),
        state_directory=post.state,
        sendmail=settings,
    )
    running: Running = SimpleNamespace(configuration=post.configuration)  # type: ignore[assignment]
    post.pickup.replace(running)
    await post.until((post.folder / "wake").exists)
    post.leave(TO_JOHN)
    await post.until(lambda: post.queued)


STEPS = [*(("rename", at) for at in (1, 2)), *(("fsync", at) for at in (1, 2, 3)), ("unlink", 1)]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(("step", "at"), [*STEPS, ("commit", 1)])
async def test_a_crash_makes_neither_two_nor_none(
    state: Path, monkeypatch: pytest.MonkeyPatch, step: str, at: int, after: bool
) -> None:
    """At each step on disk, just before it and just behind it."""
    made = Post(state, SendmailSettings())
    await made.pickup.start()
    with monkeypatch.context() as patch:
        if step == "commit":
            made.house.spool.committing = _crashing
        else:
            patch.setattr(collection, "os", _Os(step, at, after=after))
        made.leave(TO_JOHN)
        task = made.pickup._task
        assert task is not None
        await asyncio.wait({task}, timeout=60)
        assert task.done()
        await made.pickup.stop()
    assert made.queued == []
    made.house.spool.committing = None
    again = made.make()
    await again.start()
    await made.until(lambda: made.contents() and not made.files())
    await again.stop()
    assert len(made.contents()) == 1


def _no_room(*_: object) -> str:
    raise OSError(errno.ENOSPC, "No space left on device")


async def _crashing() -> None:
    raise Crash


class _Os:
    """The module, but for one function that crashes at one of its calls."""

    def __init__(self, name: str, at: int, *, after: bool) -> None:
        self._name = name
        self._at = at
        self._after = after

    def __getattr__(self, name: str) -> object:
        function = getattr(os, name)
        if name != self._name:
            return function

        def crashing(*words: object) -> object:
            self._at -= 1
            if self._at == 0 and not self._after:
                raise Crash
            result = function(*words)
            if self._at == 0:
                raise Crash
            return result

        return crashing


@pytest.mark.parametrize(
    ("is_gateway", "taken_before", "origin"),
    [
        (False, (), Origin.OURS),
        (True, (), Origin.NEIGHBOUR),
        (False, (pwd.getpwuid(os.getuid()).pw_name,), Origin.NEIGHBOUR),
        (False, ("nobody-else",), Origin.OURS),
    ],
)
async def test_what_a_program_hands_on_is_not_its_own(
    state: Path, is_gateway: bool, taken_before: tuple[str, ...], origin: Origin
) -> None:
    """Else a stranger's mail that a content filter brings back would be signed as ours."""
    post = Post(state, SendmailSettings(taken_before=taken_before))
    looking = Looking(lambda _: Opinion())
    post.board = Board(first=(looking,))
    await post.pickup.start()
    try:
        post.leave(Slip("ann@example.net", ["john"], is_gateway=is_gateway))
        await post.until(lambda: post.queued)
    finally:
        await post.pickup.stop()
    assert [each.origin for each in looking.seen] == [origin]


@pytest.mark.parametrize(
    ("say", "reply", "becomes"),
    [
        (topped(b"X: 1\r\n"), "", "queued"),
        (
            lambda letter: Opinion(reply=UNWANTED if letter.origin is Origin.OURS else None),
            str(UNWANTED),
            "returned",
        ),
        (lambda _: Opinion(reply=LATER), str(LATER), "waits"),
    ],
)
async def test_mail_is_examined(state: Path, say: Say, reply: str, becomes: str) -> None:
    post = Post(state, SendmailSettings())
    looking = Looking(say)
    post.board = Board(first=(looking,))
    await post.pickup.start()
    try:
        post.leave(Slip("john", ["john"]))
        await post.until(lambda: post.queued or " waits for " in post.said())
    finally:
        await post.pickup.stop()

    assert looking.seen[0].origin is Origin.OURS
    assert reply in post.said() or not reply
    if becomes == "queued":
        assert [each.startswith(b"X: 1\r\nReceived: ") for each in post.contents()] == [True]
    if becomes == "returned":
        assert [each.origin for each in looking.seen] == [Origin.OURS, Origin.MADE]
    if becomes == "waits":
        assert [post.contents(), len(post.files())] == [[], 1]
