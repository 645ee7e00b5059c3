"""A milter that does what a test wants of it, and remembers what it heard."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

__all__ = ["ALL", "FakeMilter", "packet", "serving"]

ALL = 0x1FF
"""Every change there is."""

SILENT = b"AQD"  # what needs no answer

Answer = bytes | Callable[[bytes], bytes] | None


def packet(octets: bytes) -> bytes:
    """A packet of a letter and its data."""
    return struct.pack("!I", len(octets)) + octets


class FakeMilter:
    """One, for any number of connections.

    Attributes:
        answers: what it answers to a command, by the command's letter: whole packets; `None`:
            nothing, ever. What is not there is answered with CONTINUE.
        heard: what it was told, one string of octets for each packet, without macros.
        macros: what it was told of macros: the command's letter, and names with values.
        hangs_up_at: the command at which it closes the connection.
        ended: whether all connections that there were are closed.
    """

    def __init__(
        self,
        answers: Mapping[bytes, Answer] | None = None,
        *,
        version: int = 6,
        actions: int = ALL,
        steps: int = 0,
        symbols: bytes = b"",
        hangs_up_at: bytes = b"",
    ) -> None:
        self.answers = dict(answers or {})
        self.answers.setdefault(
            b"O", packet(b"O" + struct.pack("!III", version, actions, steps) + symbols)
        )
        self.steps = steps
        self.hangs_up_at = hangs_up_at
        self.heard: list[bytes] = []
        self.macros: list[tuple[str, dict[str, str]]] = []
        self.connections = 0
        self._open = 0
        self.ended = asyncio.Event()

    @property
    def letters(self) -> str:
        """The commands that it was told, in order, without bodies' and headers' repetitions."""
        return "".join(each[:1].decode() for each in self.heard)

    def macro(self, letter: str) -> dict[str, str]:
        """What it was told before a command, the last time."""
        return next(told for name, told in reversed(self.macros) if name == letter)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.connections += 1
        self._open += 1
        self.ended.clear()
        try:
            while True:
                (size,) = struct.unpack("!I", await reader.readexactly(4))
                told = await reader.readexactly(size)
                if not self._answered(told, writer):
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)
            self._open -= 1
            if not self._open:
                self.ended.set()

    def _answered(self, told: bytes, writer: asyncio.StreamWriter) -> bool:
        letter = told[:1]
        if letter == b"D":
            words = told[2:].split(b"\0")[:-1]
            texts = [word.decode() for word in words]
            values = dict(zip(texts[::2], texts[1::2], strict=True))
            self.macros.append((told[1:2].decode(), values))
            return True
        self.heard.append(told)
        if letter == self.hangs_up_at:
            return False
        if letter == b"Q":
            return False
        if letter in SILENT or self.steps & _NO_REPLY.get(letter, 0):
            return True
        answer = self.answers.get(letter, packet(b"c"))
        if callable(answer):
            answer = answer(told)
        if answer is not None:
            writer.write(answer)
        return True


_NO_REPLY = {
    b"L": 0x80,
    b"C": 0x1000,
    b"H": 0x2000,
    b"M": 0x4000,
    b"R": 0x8000,
    b"T": 0x10000,
    b"N": 0x40000,
    b"B": 0x80000,
}


@asynccontextmanager
async def serving(milter: FakeMilter, path: Path) -> AsyncIterator[str]:
    """Have it listen on a socket; where that is, as configuration has it."""
    server = await asyncio.start_unix_server(milter.serve, path)
    try:
        yield f"unix:{path}"
    finally:
        server.close()
        await server.wait_closed()
