"""Connections of octets, over TCP or a Unix-domain socket, to servers that answer look-ups."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from postroad.tables.kept import Gone
from postroad.tables.table import TableMistake

__all__ = ["Endpoint", "Stream", "words_of"]

MAX_BUFFER = 131_072
"""Octets that are taken in before anybody asks for them: the longest answer and some more."""

_INET = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]\s]+):([0-9]{1,5})")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a server listens.

    Attributes:
        host: name or address; empty for a Unix-domain socket.
        port: with `host`.
        path: the socket's path, where there is no host.
    """

    host: str
    port: int
    path: str = ""

    @classmethod
    def inet(cls, text: str) -> Endpoint:
        """`host:port`, an IPv6 address in brackets.

        Raises:
            TableMistake: it is not of this form.
        """
        found = _INET.fullmatch(text)
        if found is None or not 0 < int(found.group(2)) < 65536:
            raise TableMistake(f'expected "host:port", not "{text[:60]}"')
        return cls(found.group(1).strip("[]"), int(found.group(2)))

    @classmethod
    def unix(cls, text: str) -> Endpoint:
        """A path.

        Raises:
            TableMistake: it is not absolute.
        """
        if not text.startswith("/"):
            raise TableMistake(f'expected an absolute path, not "{text[:60]}"')
        return cls("", 0, text)

    def __str__(self) -> str:
        return self.path or f"{self.host}:{self.port}"

    async def dial(self) -> Stream:
        """A new connection.

        Raises:
            Gone: there is none to be had.
        """
        try:
            if self.path:
                pair = await asyncio.open_unix_connection(self.path, limit=MAX_BUFFER)
            else:
                pair = await asyncio.open_connection(self.host, self.port, limit=MAX_BUFFER)
        except (OSError, UnicodeError) as error:
            raise Gone(f"no connection to {self}: {words_of(error)}") from error
        return Stream(*pair)


class Stream:
    """A connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def ask(
        self, question: bytes, answer: Callable[[asyncio.StreamReader], Awaitable[bytes]]
    ) -> bytes:
        """Send a question and read its answer.

        Args:
            question: the octets to send.
            answer: reads one whole answer and no more.

        Raises:
            Gone: the connection broke, or something else came.
        """
        try:
            await self._be_silent()
            self._writer.write(question)
            await self._writer.drain()
            return await answer(self._reader)
        except asyncio.IncompleteReadError as error:
            raise Gone("the connection was closed in the middle of an answer") from error
        except OSError as error:
            raise Gone(f"the connection broke: {words_of(error)}") from error

    async def _be_silent(self) -> None:
        """Make sure that nothing is left of the last answer, for it would be taken for the next."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0):
                left = await self._reader.read(1)
            raise Gone("more came than was asked for" if left else "the connection was closed")

    async def close(self) -> None:
        """Drop it."""
        self._writer.transport.abort()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


def words_of(error: Exception) -> str:
    """What went wrong with a connection, in lower case."""
    words = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return words.lower() or type(error).__name__
