"""Receipts: which messages came in where, how often, and whether they are whole.

Messages of a campaign have a number. Its name is in their Subject, and their body is made of it, so
that what arrives can be compared with what was sent, octet by octet. `SinkServer` takes mail by
SMTP and can be told to misbehave as next hops do; `read_maildir` takes what a mailbox received.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Receipts", "SinkServer", "keep_maildir", "message", "read_maildir"]

LARGE = 200_000  # octets: more than the spool keeps in its database
EVERY = 20  # so many messages, one is large
SUBJECT = re.compile(rb"^Subject: message-(\d+)\r?$", re.MULTILINE)
LIMIT = 4_000_000  # octets of a message at the most

Copy = tuple[int, str]  # the message's number, and where it came in


def message(number: int) -> bytes:
    """A message of a campaign."""
    line = b"%08d " % number * 7 + b"\r\n"
    lines = LARGE // len(line) if number % EVERY == 0 else 3
    return b"Subject: message-%08d\r\n\r\n" % number + line * lines


@dataclass
class Receipts:
    """What came in.

    Attributes:
        copies: how often each message came in at each place.
        damaged: those that were not what was sent.
    """

    copies: Counter[Copy] = field(default_factory=Counter)
    damaged: list[Copy] = field(default_factory=list)

    def add(self, content: bytes, place: str) -> None:
        """Note a message; its lines end with CRLF."""
        found = SUBJECT.search(content)
        number = int(found.group(1)) if found else -1
        if not content.endswith(message(number).partition(b"\r\n")[2]):
            self.damaged.append((number, place))
        else:
            self.copies[number, place] += 1

    @property
    def duplicates(self) -> int:
        """Copies beyond the first of each."""
        return sum(self.copies.values()) - len(self.copies)


def read_maildir(new: Path, receipts: Receipts, place: str) -> int:
    """Take every message out of a folder, as a mail program would; how many there were."""
    if not new.is_dir():
        return 0
    count = 0
    for path in list(new.iterdir()):
        receipts.add(path.read_bytes().replace(b"\n", b"\r\n"), place)
        path.unlink()
        count += 1
    return count


def keep_maildir(new: Path, receipts: Receipts, place: str, kept: Path) -> int:
    """Move every message out of a folder into another one, read; how many there were."""
    if not new.is_dir():
        return 0
    kept.mkdir(parents=True, exist_ok=True)
    count = 0
    for path in list(new.iterdir()):
        receipts.add(path.read_bytes().replace(b"\n", b"\r\n"), place)
        path.rename(kept / f"{path.name}:2,S")
        count += 1
    return count


class SinkServer:
    """An SMTP server that takes all mail, in the loop that it is started in.

    Args:
        receipts: gets what comes in.
        place: how they name it.
        trouble: the share of transactions that go wrong: deferred at MAIL, RCPT or the end, or the
            connection lost behind the end, when the message was taken and nobody told so.
        seed: of the dice.
    """

    def __init__(self, receipts: Receipts, place: str, trouble: float = 0.0, seed: int = 0) -> None:
        self._receipts = receipts
        self._place = place
        self._trouble = trouble
        self._dice = random.Random(seed)
        self._server: asyncio.Server | None = None
        self._sessions: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self.port = 0

    async def start(self, port: int = 0) -> None:
        """Listen on a port of 127.0.0.1; on a free one, where none is named."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port, limit=LIMIT)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Listen no more, and end every session."""
        if self._server is not None:
            self._server.close()
        for writer in self._sessions.values():
            writer.close()
        await asyncio.gather(*self._sessions)

    @contextlib.contextmanager
    def in_thread(self, port: int) -> Iterator[None]:
        """Listen in a thread, for those who have no loop."""

        async def run() -> None:
            await self.start(port)
            started.set()
            await asyncio.to_thread(over.wait)
            await self.stop()

        started, over = threading.Event(), threading.Event()
        thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
        thread.start()
        started.wait(30)
        try:
            yield
        finally:
            over.set()
            thread.join()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None, "the server made one"
        self._sessions[task] = writer
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await self._talk(reader, writer)
        writer.close()
        del self._sessions[task]

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 sink ESMTP\r\n")
        while True:
            verb = (await reader.readuntil(b"\r\n"))[:4].upper()
            if verb == b"QUIT":
                writer.write(b"221 bye\r\n")
                return
            if verb == b"DATA":
                writer.write(b"354 go on\r\n")
                if not await self._take(reader, writer):
                    return
            elif verb == b"EHLO":
                writer.write(b"250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n")
            elif verb in (b"MAIL", b"RCPT") and self._is_trouble():
                writer.write(b"451 4.3.0 not now\r\n")
            else:
                writer.write(b"250 ok\r\n")
            await writer.drain()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Read a content; whether the connection is to go on."""
        first = await reader.readexactly(3)
        rest = b"" if first == b".\r\n" else await reader.readuntil(b"\r\n.\r\n")
        content = (first + rest).removesuffix(b".\r\n")
        if self._is_trouble():
            writer.write(b"451 4.3.0 not now\r\n")
            return True
        if content:  # after a refused RCPT some senders go on with nothing
            self._receipts.add(content, self._place)
        if self._is_trouble():
            return False
        writer.write(b"250 taken\r\n")
        return True

    def _is_trouble(self) -> bool:
        return self._dice.random() < self._trouble / 4
