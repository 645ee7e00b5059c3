"""ETRN's way to the queues of all workers, over control sockets that others answer."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from postroad.admin.control import Answer, Command, ControlServer, Request
from postroad.app.flushing import Flushing
from postroad.model.journal import Event
from postroad.server.etrn import FlushError


@pytest.fixture
def state() -> Iterator[Path]:
    """A short one: pytest's own folders may be too deep for a socket."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


class Workers:
    """What answers on the sockets, and what it was asked."""

    def __init__(self, state: Path) -> None:
        self.asked: list[tuple[int, object]] = []
        self._state = state
        self._servers: list[ControlServer] = []

    async def start(self, waiting: int, *, broken: bool = False) -> None:
        index = len(self._servers)

        async def flush(request: Request) -> Answer:
            self.asked.append((index, request["domain"]))
            if broken:
                raise ValueError("no such thing")
            return {"count": waiting, "held": 0, "shards": [index]}

        commands: dict[str, Command] = {"flush": flush}
        server = ControlServer(self._state / "run" / f"worker-{index}.sock", commands)
        await server.start()
        self._servers.append(server)

    async def close(self) -> None:
        for server in self._servers:
            await server.close()


@pytest.fixture
async def workers(state: Path) -> AsyncIterator[Workers]:
    workers = Workers(state)
    yield workers
    await workers.close()


async def test_every_worker_is_asked(state: Path, workers: Workers) -> None:
    await workers.start(2)
    await workers.start(3)

    assert await Flushing(state, lambda _: None).flush("branch.example") == 5
    assert workers.asked == [(0, "branch.example"), (1, "branch.example")]


async def test_a_worker_that_is_gone_has_nothing_to_start(state: Path, workers: Workers) -> None:
    await workers.start(2)
    await asyncio.to_thread((state / "run" / "worker-7.sock").touch)

    assert await Flushing(state, lambda _: None).flush("branch.example") == 2


async def test_a_worker_that_refuses(state: Path, workers: Workers) -> None:
    await workers.start(2, broken=True)
    log: list[Event] = []

    with pytest.raises(FlushError):
        await Flushing(state, log.append).flush("branch.example")

    (event,) = log
    assert event.text.startswith("warning: the queue of branch.example was not started: ")
