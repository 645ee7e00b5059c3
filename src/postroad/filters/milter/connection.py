"""A connection to a milter: packets out, packets in, and nothing of what they mean.

Whatever goes wrong with it is `Away`, with words for an operator. A connection that something went
wrong with is closed: nobody could tell any more which answer belongs to which question.

A message is a dozen questions here, each of which waits for its answer, so this is the event loop's
own protocol and no stream over it: an answer is one octet, and it is looked at where it comes in.
What needs no answer is gathered, and goes with the next that does.
"""

from __future__ import annotations

import asyncio
import errno
import os
from functools import partial
from typing import cast

from postroad.filters.milter.allowance import Allowance
from postroad.filters.milter.packets import CHUNK, Excess, Garbage, Packet, size_of
from postroad.filters.place import Place
from postroad.net.local_socket import local_socket

__all__ = ["Away", "MilterConnection"]

_LENGTH = 4  # octets
_AHEAD = 65_536  # octets that are read before somebody wants them, about
_TOGETHER = 65_536  # octets that are gathered for one write, about
_LARGE = CHUNK + 1_024
"""Octets of a packet that is kept without being asked for, as it comes: every milter sends some of
these, and it takes no more memory than reading ahead does."""


class Away(Exception):
    """A milter is not there, or not any more, or talks nonsense; the message says what."""


class MilterConnection(asyncio.Protocol):
    """One, open until `close` or `abort`."""

    __slots__ = (
        "_allowance",
        "_came",
        "_closed",
        "_held",
        "_is_full",
        "_is_held",
        "_is_over",
        "_loop",
        "_lost",
        "_transport",
        "_unsent",
        "_waiter",
    )

    _transport: asyncio.Transport

    def __init__(self, allowance: Allowance) -> None:
        """Private: use `open`."""
        self._loop = asyncio.get_running_loop()
        self._allowance = allowance
        self._held = 0  # of the allowance, for a large packet that is not complete
        self._unsent = bytearray()
        self._came = bytearray()
        self._waiter: asyncio.Future[bool] | None = None
        self._is_full = False  # what was sent is kept, as it does not take it
        self._is_held = False  # it is not read from, as nobody takes what came
        self._is_over = False  # nothing more comes
        self._lost: Exception | None = None
        self._closed = asyncio.Event()

    @classmethod
    async def open(
        cls,
        place: Place,
        timeout: float,  # noqa: ASYNC109
        allowance: Allowance | None = None,
    ) -> MilterConnection:
        """Connect.

        Args:
            place: where it listens.
            timeout: seconds.
            allowance: for large packets of all connections; left out: of this one alone.

        Raises:
            Away: nobody answers there.
        """
        loop = asyncio.get_running_loop()
        make = partial(cls, allowance or Allowance())
        try:
            async with asyncio.timeout(timeout):
                if place.path:
                    connected = await local_socket(place.path)
                    _, opened = await loop.create_unix_connection(make, sock=connected)
                else:
                    _, opened = await loop.create_connection(make, place.host, place.port)
        except TimeoutError:
            raise Away(f"connect to {place}: no answer within {timeout:g} s") from None
        except OSError as error:
            raise Away(f"connect to {place}: {_words(error)}") from error
        return opened

    # What the event loop calls ---------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the event loop."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by name

    def data_received(self, data: bytes) -> None:
        """Called by the event loop."""
        self._came += data
        if self._waiter is not None:
            self._wake()
        elif len(self._came) > _AHEAD and not self._is_held:
            self._is_held = True
            self._transport.pause_reading()

    def eof_received(self) -> None:
        """Called by the event loop, which closes the connection then."""
        self._is_over = True
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the event loop."""
        self._is_over, self._is_full = True, False
        self._lost = exc
        self._closed.set()
        self._let_go()
        self._wake()

    def pause_writing(self) -> None:
        """Called by the event loop."""
        self._is_full = True

    def resume_writing(self) -> None:
        """Called by the event loop."""
        self._is_full = False
        self._wake()

    # What the conversation calls -------------------------------------------------------------

    @property
    def has_more(self) -> bool:
        """Whether something came that nobody has read."""
        return bool(self._came)

    def put(self, octets: bytes) -> None:
        """Send packets some time before an answer is waited for, together with others."""
        self._unsent += octets
        if len(self._unsent) >= _TOGETHER:
            self.push()

    def push(self) -> None:
        """Send what was gathered."""
        unsent = bytes(self._unsent)
        self._unsent.clear()
        if unsent and not self._transport.is_closing():  # the next wait for an answer says so
            self._transport.write(unsent)

    def send(self, octets: bytes) -> None:
        """Send packets now; what cannot be sent at once is kept, so `flush` after large ones."""
        self.put(octets)
        self.push()

    async def flush(self, timeout: float) -> None:  # noqa: ASYNC109
        """Wait until the milter has taken most of what was sent.

        Raises:
            Away: it does not take it.
        """
        while self._is_full:
            if not await self._woken(timeout):
                self.abort()
                raise Away(f"it took nothing for {timeout:g} s")
        if self._lost is not None:
            raise Away(f"the connection broke: {_words(self._lost)}")

    async def receive(self, timeout: float) -> Packet:  # noqa: ASYNC109
        """The next packet, once what was gathered is sent.

        Args:
            timeout: seconds for all of it.

        Raises:
            Away: there comes none, or none that the protocol has.
            Excess: it is large, and too many others are.
        """
        if self._unsent:
            self.push()
            if self._is_full:
                await self.flush(timeout)
        try:
            end = self._loop.time() + timeout
            while (found := self._next()) is None:
                if self._is_over or not await self._woken(end - self._loop.time()):
                    break
            else:
                return found
        except Excess:
            self.abort()
            raise
        except Garbage as garbage:
            problem = f"it sent {garbage}"
        else:
            problem = self._silence(timeout)
        self.abort()
        raise Away(problem)

    def _silence(self, timeout: float) -> str:
        if self._lost is not None:
            return f"the connection broke: {_words(self._lost)}"
        return "it closed the connection" if self._is_over else f"no answer within {timeout:g} s"

    def abort(self) -> None:
        """Let go of it at once: what it has not taken yet, it does not get."""
        self._transport.abort()
        self._let_go()

    def _let_go(self) -> None:
        """Nothing more is taken of what came, and nothing kept for it."""
        self._unsent.clear()
        self._allowance.give(self._held)
        self._held = 0

    async def close(self) -> None:
        """Close it when all that was sent has been taken; who stops to wait lets go of it."""
        self.push()
        self._transport.close()
        try:
            await self._closed.wait()
        except asyncio.CancelledError:
            self.abort()
            raise

    # Waiting ---------------------------------------------------------------------------------

    def _next(self) -> Packet | None:
        """The next packet, if all of it is here."""
        came = self._came
        if len(came) < _LENGTH:
            return None
        end = _LENGTH + size_of(bytes(came[:_LENGTH]))
        if len(came) < end:
            if end > _LARGE and not self._held:
                if not self._allowance.take(end):
                    raise Excess("with others, it wants more kept at once than there may be")
                self._held = end
            return None
        if self._held:
            self._allowance.give(self._held)
            self._held = 0
        found = Packet(bytes(came[_LENGTH:end]))
        del came[:end]
        return found

    async def _woken(self, timeout: float) -> bool:  # noqa: ASYNC109
        """Wait until something happens; whether it did in time.

        Who stops to wait lets go of the connection: the answer may still come, and would be taken
        for that of the next step.
        """
        if self._is_held:
            self._is_held = False
            self._transport.resume_reading()
        waiter = self._waiter = self._loop.create_future()
        timer = self._loop.call_later(max(timeout, 0), self._wake, False)
        try:
            return bool(await waiter)
        except asyncio.CancelledError:
            self.abort()
            raise
        finally:
            self._waiter = None
            timer.cancel()

    def _wake(self, in_time: bool = True) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(in_time)


def _words(error: Exception) -> str:
    """What happened, without the name of the place, which uvloop and asyncio put in differently."""
    number = error.errno if isinstance(error, OSError) else None
    if number in (None, 0) or number not in errno.errorcode:
        return " ".join(str(error).split()) or type(error).__name__
    return os.strerror(number)
