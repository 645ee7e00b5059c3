"""A server of look-ups as socketmap_table(5) and tcp_table(5) describe it, and one that lies."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from urllib.parse import quote, unquote_to_bytes

__all__ = ["LookUpServer", "Says"]

Says = Callable[[bytes], bytes | None]
"""What to send for a question; `None` hangs up, empty says nothing."""


class LookUpServer:
    """Answers over TCP, or over a Unix-domain socket.

    Args:
        entries: what it knows, in lower case.
        netstrings: whether it speaks socketmap; tcp otherwise.
        path: its socket; a port of the loopback address if `None`.
        says: answers in its place.

    Attributes:
        port: where it listens.
        connections: how many there were.
        asked: the questions.
    """

    def __init__(
        self,
        entries: Mapping[str, str],
        *,
        netstrings: bool,
        path: Path | None = None,
        says: Says | None = None,
    ) -> None:
        self._entries = entries
        self._netstrings = netstrings
        self._path = path
        self._says = says or (self._socketmap if netstrings else self._tcp)
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0
        self.connections = 0
        self.asked: list[bytes] = []

    async def __aenter__(self) -> LookUpServer:
        await self.start()
        return self

    async def __aexit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen; again on the same port after `stop`."""
        if self._path is not None:
            self._server = await asyncio.start_unix_server(self._serve, self._path)
        else:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Hang up, and listen no more."""
        self._server.close()
        self.hang_up()
        await self._server.wait_closed()

    def hang_up(self) -> None:
        """Close every connection."""
        while self._writers:
            self._writers.pop().transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        try:
            while question := await self._question(reader):
                self.asked.append(question)
                answer = self._says(question)
                if answer is None:
                    break
                writer.write(answer)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    async def _question(self, reader: asyncio.StreamReader) -> bytes:
        if not self._netstrings:
            return (await reader.readline()).removesuffix(b"\n")
        length = await reader.readuntil(b":")
        question = await reader.readexactly(int(length[:-1]))
        assert await reader.readexactly(1) == b","
        return question

    def _socketmap(self, question: bytes) -> bytes:
        name, _, key = question.partition(b" ")
        value = self._entries.get(key.decode("utf-8", "replace").lower())
        answer = b"NOTFOUND " if value is None or name != b"access" else b"OK " + value.encode()
        return b"%d:%b," % (len(answer), answer)

    def _tcp(self, question: bytes) -> bytes:
        assert question.startswith(b"get ")
        assert b" " not in question[4:]
        key = unquote_to_bytes(question[4:]).decode("utf-8", "replace").lower()
        value = self._entries.get(key)
        return b"500 none\n" if value is None else b"200 " + quote(value).encode() + b"\n"
