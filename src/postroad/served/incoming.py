"""What comes by a socket, in lines or netstrings, each with a bound.

Who sends more than a question can be long, or stops in the middle of one, is hung up on: it is
another program of this machine that is broken, and nobody is helped by guessing what it meant.
"""

from __future__ import annotations

import math
import re

from postroad.net.connection import Connection

__all__ = ["Ended", "Incoming", "netstring"]

PATIENCE = 30.0
"""Seconds for the rest of a question that has begun, and for an answer to be taken."""

_LENGTH = re.compile(rb"(0|[1-9][0-9]{0,8}):")
_BEGUN = re.compile(rb"|0|[1-9][0-9]{0,8}")
"""A length whose colon has not come."""


class Ended(Exception):
    """Nothing more is to be had of the connection. The text says why; empty is the usual end."""


class Incoming:
    """Reads a connection.

    Args:
        connection: open.
        most: octets of a question with all that belongs to it.
        idle: seconds until the first octet of one; 0: as long as it takes.
    """

    def __init__(self, connection: Connection, most: int, idle: float) -> None:
        self._connection = connection
        self._most = most
        self._idle = idle or math.inf
        self._waiting = b""

    async def line(self) -> bytes:
        """The next line, without its end.

        Raises:
            Ended: there is none.
        """
        end = self._waiting.find(b"\n")
        while end < 0:
            if len(self._waiting) >= self._most:
                raise Ended(f"a line of more than {self._most} octets")
            seen = len(self._waiting)
            await self._more()
            end = self._waiting.find(b"\n", seen)
        taken, self._waiting = self._waiting[:end], self._waiting[end + 1 :]
        return taken

    async def netstring(self) -> bytes:
        """The octets of the next netstring.

        Raises:
            Ended: there is none.
        """
        found = _LENGTH.match(self._waiting)
        while found is None:
            if not _BEGUN.fullmatch(self._waiting):
                raise Ended("what was said is no netstring")
            await self._more()
            found = _LENGTH.match(self._waiting)
        start, size = found.end(), int(found[1])
        if size > self._most:
            raise Ended(f"a question of {size} octets, where {self._most} are the most")
        while len(self._waiting) <= start + size:
            await self._more()
        taken, end = self._waiting[start : start + size], self._waiting[start + size]
        if end != ord(","):
            raise Ended("a netstring is not as long as it says")
        self._waiting = self._waiting[start + size + 1 :]
        return taken

    async def taken(self) -> None:
        """Wait until the client has taken what it was told; until then it is not listened to.

        Raises:
            Ended: it takes too long, or has gone.
        """
        try:
            await self._connection.drain(PATIENCE)
        except (TimeoutError, ConnectionError):
            raise Ended("") from None

    async def _more(self) -> None:
        try:
            came = await self._connection.read(PATIENCE if self._waiting else self._idle)
        except TimeoutError:
            words = "a question was not ended in time" if self._waiting else ""
            raise Ended(words) from None
        except ConnectionError as error:
            raise Ended("") from error
        if not came:
            raise Ended("it hung up in the middle of a question" if self._waiting else "")
        self._waiting += came


def netstring(octets: bytes) -> bytes:
    """Octets as a netstring."""
    return b"%d:%b," % (len(octets), octets)
