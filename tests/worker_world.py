"""A whole worker in the test's own process: its folder, its port, and what it tells.

What a worker tells is kept as events; what lies on its disk is read when a test asks for it.
"""

from __future__ import annotations

import asyncio
import smtplib
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from postroad.app.parts import Parts
from postroad.app.running import Running
from postroad.config import Configuration, load
from postroad.directory import CHEAP, DirectoryEditor
from postroad.history import Archive
from postroad.history.explanation import explain
from postroad.history.record import read_record
from postroad.limits.counters import CounterMemory
from postroad.model.journal import Event
from postroad.model.message_events import Delivered
from postroad.net.selfsigned import write_self_signed

__all__ = ["JOHN", "Worker", "at_work", "listening", "site", "with_john"]

JOHN = "john@example.org"
HEAD = """\
hostname = "mail.example.org"
domains = ["example.org"]
state_directory = "state"
"""


def with_john(folder: Path) -> None:
    """The state of a server with a certificate and one account."""
    tls = folder / "state" / "tls"
    write_self_signed(("localhost",), tls / "certificate.pem", tls / "key.pem")
    accounts = folder / "state" / "directory.db"
    with DirectoryEditor.open(accounts, domains=("example.org",), profile=CHEAP) as editor:
        editor.add_user(JOHN, "summersun")


def site(folder: Path, tables: str) -> Configuration:
    """John's server: its host name, domain and state, and the tables that a test adds."""
    with_john(folder)
    file = folder / "postroad.toml"
    file.write_text(HEAD + tables)
    return load(file, examine_files=False)


@asynccontextmanager
async def listening(
    configuration: Configuration, note: Callable[[Event], None], listener: str
) -> AsyncIterator[int]:
    """A worker's parts at work; the port of its listener."""
    running = Running(configuration, lambda: configuration)
    parts = Parts(running, CounterMemory(1), note, lambda: None)
    bound = socket.create_server(("127.0.0.1", 0))
    tasks: list[asyncio.Task[None]] = []
    try:
        await parts.open(0, [0])
        tasks += [asyncio.create_task(runner.run()) for runner in parts.runners]
        await parts.server.listen(listener, bound)
        yield bound.getsockname()[1]
    finally:
        await parts.server.drain(60.0)
        for runner in parts.runners:
            await runner.drain(60.0)
        await asyncio.gather(*tasks)
        await parts.close()


class Worker:
    """A worker that takes mail of others for John, and what it tells."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self.events: list[Event] = []
        self.port = 0
        self._told = asyncio.Event()

    def note(self, event: Event) -> None:
        self.events.append(event)
        self._told.set()

    async def delivered(self) -> None:
        async with asyncio.timeout(60):
            while not any(isinstance(each, Delivered) for each in self.events):
                self._told.clear()
                await self._told.wait()

    async def send(self, body: bytes) -> tuple[int, str]:
        def talk() -> tuple[int, str]:
            with smtplib.SMTP("127.0.0.1", self.port, timeout=60) as client:
                client.ehlo("peer.example")
                client.mail("ann@example.com")
                client.rcpt(JOHN)
                code, words = client.data(b"Subject: x\r\n\r\n" + body)
                return code, words.decode()

        return await asyncio.to_thread(talk)

    def mail(self) -> list[bytes]:
        folder = self.configuration.state_directory / "mail"
        return [each.read_bytes() for each in folder.rglob("new/*")]

    def bodies(self) -> list[Path]:
        return list(self.configuration.spool_directory.rglob("bodies/*"))

    def known(self, queue_id: str) -> list[str]:
        records = Archive(self.configuration.history_directory).of_message(queue_id)
        told = (read_record(each) for each in records)
        return list(explain(each for each in told if each is not None))


@asynccontextmanager
async def at_work(configuration: Configuration) -> AsyncIterator[Worker]:
    worker = Worker(configuration)
    async with listening(configuration, worker.note, "mx") as worker.port:
        yield worker
