"""A connection to a milter: packets out, packets in, and nothing of what they mean.

Whatever goes wrong with it is `Away`, with words for an operator. A connection that something went
wrong with is closed: nobody could tell any more which answer belongs to which question.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os

from postroad.filters.milter.packets import Garbage, Packet, size_of
from postroad.filters.milter.place import Place

__all__ = ["Away", "MilterConnection"]

_LENGTH = 4  # octets


class Away(Exception):
    """A milter is not there, or not any more, or talks nonsense; the message says what."""


class MilterConnection:
    """One, open until `close`."""

    __slots__ = ("_reader", "_writer")

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """An open one."""
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, place: Place, timeout: float) -> MilterConnection:  # noqa: ASYNC109
        """Connect.

        Args:
            place: where it listens.
            timeout: seconds.

        Raises:
            Away: nobody answers there.
        """
        try:
            async with asyncio.timeout(timeout):
                if place.path:
                    streams = await asyncio.open_unix_connection(place.path)
                else:
                    streams = await asyncio.open_connection(place.host, place.port)
        except TimeoutError:
            raise Away(f"connect to {place}: no answer within {timeout:g} s") from None
        except OSError as error:
            raise Away(f"connect to {place}: {_words(error)}") from error
        return cls(*streams)

    def send(self, octets: bytes) -> None:
        """Send packets; what cannot be sent at once is kept, so `flush` after large ones."""
        self._writer.write(octets)

    async def flush(self, timeout: float) -> None:  # noqa: ASYNC109
        """Wait until the milter has taken most of what was sent.

        Raises:
            Away: it does not take it.
        """
        try:
            async with asyncio.timeout(timeout):
                await self._writer.drain()
        except TimeoutError:
            self.close()
            raise Away(f"it took nothing for {timeout:g} s") from None
        except OSError as error:
            self.close()
            raise Away(f"the connection broke: {_words(error)}") from error
        except asyncio.CancelledError:
            self.close()
            raise

    async def receive(self, timeout: float) -> Packet:  # noqa: ASYNC109
        """The next packet.

        Args:
            timeout: seconds for all of it.

        Raises:
            Away: there comes none, or none that the protocol has.
        """
        try:
            async with asyncio.timeout(timeout):
                length = await self._reader.readexactly(_LENGTH)
                return Packet(await self._reader.readexactly(size_of(length)))
        except TimeoutError:
            problem = f"no answer within {timeout:g} s"
        except asyncio.IncompleteReadError:
            problem = "it closed the connection"
        except OSError as error:
            problem = f"the connection broke: {_words(error)}"
        except Garbage as garbage:
            problem = f"it sent {garbage}"
        except asyncio.CancelledError:
            self.close()  # the answer may still come, and would be taken for that of the next step
            raise
        self.close()
        raise Away(problem)

    def close(self) -> None:
        """Close it; what was sent is sent still."""
        self._writer.close()

    async def closed(self) -> None:
        """Wait until it is closed."""
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


def _words(error: OSError) -> str:
    """What happened, without the name of the place, which uvloop and asyncio put in differently."""
    number = error.errno
    if number in (None, 0) or number not in errno.errorcode:
        return " ".join(str(error).split()) or type(error).__name__
    return os.strerror(number)
