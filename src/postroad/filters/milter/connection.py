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
_AHEAD = 65_536  # octets that are read before somebody wants them, about


class Away(Exception):
    """A milter is not there, or not any more, or talks nonsense; the message says what."""


class _Counting(asyncio.StreamReader):
    """A reader that knows how many octets came."""

    came = 0

    def feed_data(self, data: bytes) -> None:  # type: ignore[override] # its stub takes any numbers
        """Called by the event loop."""
        self.came += len(data)
        super().feed_data(data)


class MilterConnection:
    """One, open until `close` or `abort`."""

    __slots__ = ("_reader", "_taken", "_writer")

    def __init__(self, reader: _Counting, writer: asyncio.StreamWriter) -> None:
        """An open one."""
        self._reader = reader
        self._writer = writer
        self._taken = 0  # octets of what came

    @classmethod
    async def open(cls, place: Place, timeout: float) -> MilterConnection:  # noqa: ASYNC109
        """Connect.

        Args:
            place: where it listens.
            timeout: seconds.

        Raises:
            Away: nobody answers there.
        """
        loop = asyncio.get_running_loop()
        reader = _Counting(limit=_AHEAD, loop=loop)

        def protocol() -> asyncio.StreamReaderProtocol:
            return asyncio.StreamReaderProtocol(reader, loop=loop)

        transport: asyncio.WriteTransport
        try:
            async with asyncio.timeout(timeout):
                if place.path:
                    transport, made = await loop.create_unix_connection(protocol, place.path)
                else:
                    transport, made = await loop.create_connection(protocol, place.host, place.port)
        except TimeoutError:
            raise Away(f"connect to {place}: no answer within {timeout:g} s") from None
        except OSError as error:
            raise Away(f"connect to {place}: {_words(error)}") from error
        return cls(reader, asyncio.StreamWriter(transport, made, reader, loop))

    @property
    def has_more(self) -> bool:
        """Whether something came that nobody has read."""
        return self._reader.came > self._taken

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
            self.abort()
            raise Away(f"it took nothing for {timeout:g} s") from None
        except OSError as error:
            self.abort()
            raise Away(f"the connection broke: {_words(error)}") from error
        except asyncio.CancelledError:
            self.abort()
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
                came = Packet(await self._reader.readexactly(size_of(length)))
                self._taken += _LENGTH + len(came.data) + 1
                return came
        except TimeoutError:
            problem = f"no answer within {timeout:g} s"
        except asyncio.IncompleteReadError:
            problem = "it closed the connection"
        except OSError as error:
            problem = f"the connection broke: {_words(error)}"
        except Garbage as garbage:
            problem = f"it sent {garbage}"
        except asyncio.CancelledError:
            self.abort()  # the answer may still come, and would be taken for that of the next step
            raise
        self.abort()
        raise Away(problem)

    def abort(self) -> None:
        """Let go of it at once: what it has not taken yet, it does not get."""
        self._writer.transport.abort()

    async def close(self) -> None:
        """Close it when all that was sent has been taken; who stops to wait lets go of it."""
        self._writer.close()
        try:
            with contextlib.suppress(OSError):
                await self._writer.wait_closed()
        except asyncio.CancelledError:
            self.abort()
            raise


def _words(error: OSError) -> str:
    """What happened, without the name of the place, which uvloop and asyncio put in differently."""
    number = error.errno
    if number in (None, 0) or number not in errno.errorcode:
        return " ".join(str(error).split()) or type(error).__name__
    return os.strerror(number)
