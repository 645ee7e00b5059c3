"""Users of this machine look at the queue: who may, what they see, and what ends a list."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from postroad.app import queue_window
from postroad.app.queue_window import QueueWindow
from postroad.config import Configuration
from postroad.maildrop.settings import SendmailSettings

LISTS = (sys.executable, "-c", "print('A LIST')")
FAILS = (sys.executable, "-c", "print('half'); raise SystemExit(75)")
STAYS = (sys.executable, "-c", "import signal; print('x', flush=True); signal.pause()")


class Window:
    """A window in a folder, with what it reported."""

    def __init__(self, state: Path, settings: SendmailSettings, listing: Sequence[str]) -> None:
        self.configuration = Configuration(
            hostname="mail.example.org", domains=(), state_directory=state, sendmail=settings
        )
        self.configuration.maildrop_directory.mkdir(exist_ok=True)
        self.said: list[str] = []
        running = SimpleNamespace(configuration=self.configuration)
        self.window = QueueWindow(running, self.said.append, listing=lambda _: listing)  # type: ignore[arg-type]

    @property
    def path(self) -> Path:
        return self.configuration.maildrop_directory / "queue"

    async def ask(self) -> bytes:
        reader, writer = await asyncio.open_unix_connection(self.path)
        try:
            return await reader.read()
        finally:
            writer.close()
            await writer.wait_closed()


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[list[Window]]:
    made: list[Window] = []
    yield made
    for each in made:
        await each.window.close()


def make(
    made: list[Window], state: Path, listing: Sequence[str], *users: str, enabled: bool = True
) -> Window:
    settings = SendmailSettings(queue_users=users or ("*",), enabled=enabled)
    made.append(Window(state, settings, listing))
    made[-1].window.start()
    return made[-1]


@pytest.fixture
def stranger(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks is neither root nor the server."""
    monkeypatch.setattr("postroad.app.pickup_allowance.os.geteuid", lambda: 12_345)
    monkeypatch.setattr("postroad.app.pickup_allowance._ROOT", 12_345)


@pytest.mark.usefixtures("stranger")
async def test_everybody_sees_the_list(tmp_path: Path, opened: list[Window]) -> None:
    window = make(opened, tmp_path, LISTS)
    assert oct(os.stat(window.path).st_mode & 0o777) == "0o666"
    assert await window.ask() == b"ok\nA LIST\n\x000"
    assert await asyncio.gather(*(window.ask() for _ in range(9))) == [b"ok\nA LIST\n\x000"] * 9


@pytest.mark.usefixtures("stranger")
async def test_who_may_not(tmp_path: Path, opened: list[Window]) -> None:
    answer = await make(opened, tmp_path, LISTS, "nobody-else").ask()
    assert answer.startswith(b"no User ")
    assert answer.endswith(b"is not allowed to view the mail queue\n")


async def test_the_server_itself_always_may(tmp_path: Path, opened: list[Window]) -> None:
    assert await make(opened, tmp_path, LISTS, "nobody-else").ask() == b"ok\nA LIST\n\x000"


async def test_a_list_that_fails_is_known_by_its_status(
    tmp_path: Path, opened: list[Window]
) -> None:
    assert await make(opened, tmp_path, FAILS).ask() == b"ok\nhalf\n\x0075"


async def test_a_list_that_takes_too_long_breaks_off(
    tmp_path: Path, opened: list[Window], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_window, "PATIENCE", 0.5)
    window = make(opened, tmp_path, STAYS)
    assert b"\0" not in await window.ask()
    assert window.said == []


async def test_who_asks_too_often_is_busy_and_keeps_nobody_else_out(
    tmp_path: Path, opened: list[Window], monkeypatch: pytest.MonkeyPatch
) -> None:
    uids = iter([5] * 20 + [6, 7])
    monkeypatch.setattr(queue_window, "_credentials", lambda _: (1, next(uids), 1))
    monkeypatch.setattr(queue_window, "user_of", lambda _: SimpleNamespace(is_trusted=True))
    monkeypatch.setattr(QueueWindow, "_tell", _tell_or_stay)
    window = make(opened, tmp_path, LISTS)
    asking = [asyncio.create_task(window.ask()) for _ in range(20)]
    done, waiting = set[asyncio.Task[bytes]](), set(asking)
    while len(done) < 4:
        more, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        done |= more
    assert {each.result() for each in done} == {b"busy\n"}
    assert len(waiting) == queue_window.MOST_OF_ONE
    monkeypatch.setattr(QueueWindow, "_tell", _tell_at_once)
    assert [await window.ask(), await window.ask()] == [b"ok\n"] * 2
    for each in waiting:
        each.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def _tell_or_stay(window: QueueWindow, asker: socket.socket) -> None:
    await asyncio.Event().wait()


async def _tell_at_once(window: QueueWindow, asker: socket.socket) -> None:
    await asyncio.get_running_loop().sock_sendall(asker, b"ok\n")


async def test_a_lack_of_descriptors_is_said_once_and_passes(
    tmp_path: Path, opened: list[Window], monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    accept, lacks = loop.sock_accept, iter([True, True])

    async def accepted(opened: socket.socket) -> tuple[socket.socket, object]:
        if next(lacks, False):
            raise OSError(errno.EMFILE, "Too many open files")
        return await accept(opened)

    monkeypatch.setattr(loop, "sock_accept", accepted)
    monkeypatch.setattr(queue_window, "PAUSE", 0.0)
    window = make(opened, tmp_path, LISTS)
    assert await window.ask() == b"ok\nA LIST\n\x000"
    [said] = window.said
    assert said.startswith("other users cannot list the queue for now: [Errno 24]")


async def test_one_who_goes_away_is_no_error(tmp_path: Path, opened: list[Window]) -> None:
    window = make(opened, tmp_path, LISTS)
    _, writer = await asyncio.open_unix_connection(window.path)
    writer.close()
    await writer.wait_closed()
    assert await window.ask() == b"ok\nA LIST\n\x000"
    assert window.said == []


async def test_it_opens_anew_over_what_a_crash_left(tmp_path: Path, opened: list[Window]) -> None:
    first = make(opened, tmp_path, LISTS)
    first.window.replace(first.window._running)
    assert await first.ask() == b"ok\nA LIST\n\x000"
    await first.window.close()
    assert not first.path.exists()


async def test_without_a_drop_there_is_none(tmp_path: Path, opened: list[Window]) -> None:
    assert not make(opened, tmp_path, LISTS, enabled=False).path.exists()


async def test_what_keeps_it_shut_is_said(tmp_path: Path, opened: list[Window]) -> None:
    window = Window(tmp_path, SendmailSettings(), LISTS)
    opened.append(window)
    window.path.mkdir()
    window.window.start()
    (said,) = window.said
    assert said.startswith("other users cannot list the queue: ")
