"""A whole worker with a filter: what arrives, what is on disk, and what is known afterwards."""

from __future__ import annotations

import asyncio
import smtplib
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from examiners import UNWANTED, Looking, Say
from postroad.app import filters as module
from postroad.app.parts import Parts
from postroad.app.running import Running
from postroad.config import Configuration, load
from postroad.directory import CHEAP, DirectoryEditor
from postroad.filters.examining import Examining
from postroad.history import Archive
from postroad.history.explanation import explain
from postroad.history.record import read_record
from postroad.limits.counters import CounterMemory
from postroad.model.journal import Delivered, Event
from postroad.model.letter import Finding, Letter, Opinion
from postroad.net.selfsigned import write_self_signed

TEXT = """\
hostname = "mail.example.org"
domains = ["example.org"]
state_directory = "state"
[listeners.mx]
[filters.scan]
kind = "python"
folder = "filters"
on_failure = "defer"
timeout = 1
"""
JOHN = "john@example.org"
SMALL, LARGE = b"body\r\n", (b"0123456789" * 6 + b"\r\n") * 5000


@pytest.fixture
def configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Configuration:
    tls = tmp_path / "state" / "tls"
    write_self_signed(("localhost",), tls / "certificate.pem", tls / "key.pem")
    accounts = tmp_path / "state" / "directory.db"
    with DirectoryEditor.open(accounts, domains=("example.org",), profile=CHEAP) as editor:
        editor.add_user(JOHN, "summersun")
    file = tmp_path / "postroad.toml"
    file.write_text(TEXT)
    monkeypatch.setattr(module, "BUILDERS", {})
    return load(file, examine_files=False)


class Worker:
    """A worker's parts at work, and what they tell."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self.events: list[Event] = []
        self.port = 0
        self._told = asyncio.Event()

    def note(self, event: Event) -> None:
        self.events.append(event)
        self._told.set()

    async def delivered(self) -> None:
        async with asyncio.timeout(20):
            while not any(isinstance(each, Delivered) for each in self.events):
                self._told.clear()
                await self._told.wait()

    async def send(self, body: bytes) -> tuple[int, str]:
        def talk() -> tuple[int, str]:
            with smtplib.SMTP("127.0.0.1", self.port, timeout=20) as client:
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
async def at_work(configuration: Configuration, say: Say) -> AsyncIterator[Worker]:
    made: Callable[..., Examining] = lambda _, name, __: Examining(name, Looking(say))  # noqa: E731
    module.BUILDERS["python"] = made  # type: ignore[index]
    worker = Worker(configuration)
    running = Running(configuration, lambda: configuration)
    parts = Parts(running, CounterMemory(1), worker.note, lambda: None)
    listening = socket.create_server(("127.0.0.1", 0))
    tasks: list[asyncio.Task[None]] = []
    try:
        await parts.open(0, [0])
        tasks += [asyncio.create_task(runner.run()) for runner in parts.runners]
        await parts.server.listen("mx", listening)
        worker.port = listening.getsockname()[1]
        yield worker
    finally:
        await parts.server.drain(10.0)
        for runner in parts.runners:
            await runner.drain(10.0)
        await asyncio.gather(*tasks)
        await parts.close()


def marked(letter: Letter) -> Opinion:
    finding = Finding("scan", "1.2/5.0", "nothing of note")
    return Opinion(fields=letter.fields.above(b"X-Scanned: yes\r\n"), findings=(finding,))


def broken(_: Letter) -> Opinion:
    raise ZeroDivisionError("a bug")


@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["small", "large"])
async def test_a_changed_message_arrives_and_is_explained(
    configuration: Configuration, body: bytes
) -> None:
    async with at_work(configuration, marked) as worker:
        code, words = await worker.send(body)
        await worker.delivered()

    assert code == 250
    (octets,) = worker.mail()
    assert octets.count(b"\nX-Scanned: yes\nReceived: from peer.example") == 1
    assert octets.count(b"Received: ") == 1
    assert octets.endswith(b"\n\n" + body.replace(b"\r\n", b"\n"))
    assert worker.bodies() == []
    assert "    scan says 1.2/5.0: nothing of note" in worker.known(words.rpartition(" ")[2])


@pytest.mark.parametrize(
    ("say", "body", "code", "words"),
    [
        (lambda _: Opinion(reply=UNWANTED), LARGE, 550, "5.7.1 Unwanted"),
        (broken, SMALL, 451, "4.3.0 Error: internal error in a filter"),
    ],
    ids=["refused", "broken"],
)
async def test_of_a_refused_message_nothing_is_left(
    configuration: Configuration, say: Say, body: bytes, code: int, words: str
) -> None:
    async with at_work(configuration, say) as worker:
        assert await worker.send(body) == (code, words)

    assert (worker.mail(), worker.bodies()) == ([], [])
    (line,) = [each.text for each in worker.events if "reject: END-OF-MESSAGE" in each.text]
    queue_id = line.partition(":")[0]
    assert f"    Reply: {code} {words}" in worker.known(queue_id)
