"""A connection to a socket whose listener has a queue that is full."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from postroad.net.local_socket import local_socket


class Crowded:
    """A listener that lets nobody in until it is told to, with no place in its queue."""

    def __init__(self, path: Path, exits: ExitStack) -> None:
        self.path = str(path)
        self._exits = exits
        self._listener = exits.enter_context(socket.socket(socket.AF_UNIX))
        self._listener.bind(self.path)
        self._listener.listen(0)
        try:
            while True:
                waiting = exits.enter_context(socket.socket(socket.AF_UNIX))
                waiting.setblocking(False)
                waiting.connect(self.path)
        except BlockingIOError:
            pass

    def let_in(self) -> None:
        self._exits.enter_context(self._listener.accept()[0])


@pytest.fixture
def crowded(tmp_path: Path) -> Iterator[Crowded]:
    with ExitStack() as exits:
        yield Crowded(tmp_path / "s", exits)


async def test_it_waits_until_there_is_a_place(crowded: Crowded) -> None:
    connecting = asyncio.create_task(local_socket(crowded.path))
    for _ in range(10):
        await asyncio.sleep(0)
    assert not connecting.done()

    crowded.let_in()
    async with asyncio.timeout(30):
        with await connecting as connection:
            assert connection.getpeername() == crowded.path
            assert not connection.getblocking()


async def test_who_stops_to_wait_leaves_nothing_open(crowded: Crowded) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await local_socket(crowded.path)


async def test_nobody_is_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await local_socket(str(tmp_path / "none"))
