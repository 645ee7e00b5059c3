"""A policy service for tests: it says what the test wants, over TCP or at a path."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path

Handler = Callable[["Caller"], Awaitable[None]]


class Caller:
    """One connection to the service, and what was asked over it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.questions: list[dict[str, str]] = []
        self.heard = asyncio.Event()
        self.gone = asyncio.Event()

    async def question(self) -> dict[str, str] | None:
        """The attributes of the next question; `None` at the end."""
        try:
            octets = await self.reader.readuntil(b"\n\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            self.gone.set()
            return None
        lines = octets.decode().removesuffix("\n\n").split("\n")
        asked = dict(line.partition("=")[::2] for line in lines)
        self.questions.append(asked)
        self.heard.set()
        return asked

    def say(self, octets: bytes) -> None:
        self.writer.write(octets)


def saying(*answers: bytes) -> Handler:
    """Give these answers, the last one again and again."""

    async def handle(caller: Caller) -> None:
        said = iter(answers)
        octets = b""
        while await caller.question() is not None:
            octets = next(said, octets)
            caller.say(octets)

    return handle


class PolicyServer:
    """Runs a handler for each connection; `handler` may be changed meanwhile."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self.callers: list[Caller] = []
        self.place = ""
        self.called = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, path: Path | None = None) -> str:
        """Listen; returns the place as `check_policy_service` writes it."""
        if path is not None:
            self._server = await asyncio.start_unix_server(self._call, path)
            self.place = f"unix:{path}"
        else:
            self._server = await asyncio.start_server(self._call, "127.0.0.1", 0)
            self.place = f"inet:127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self.place

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def asked(self) -> list[dict[str, str]]:
        """Everything that was asked, by connection."""
        return [question for caller in self.callers for question in caller.questions]

    def _call(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        caller = Caller(reader, writer)
        self.callers.append(caller)
        self.called.set()
        task = asyncio.get_running_loop().create_task(self._serve(caller))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, caller: Caller) -> None:
        try:
            with contextlib.suppress(ConnectionError):
                await self.handler(caller)
        finally:
            caller.writer.close()
