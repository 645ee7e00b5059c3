"""One byte stream in plain octets, with deadlines and back-pressure.

It knows nothing of SMTP, nor of TLS, which `connection` adds. It is an `asyncio.Protocol` rather
than a pair of streams, for one lazily re-armed timer serves every read, where a time-out object per
read would cost more than the read.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from typing import cast

from postroad.model import LOCAL, Client, Endpoint

__all__ = ["PORTION", "READ_BUFFER", "ByteStream", "peer_of", "within"]

READ_BUFFER = 262_144
"""Octets kept for a reader that is busy; beyond them the peer is made to wait."""

PORTION = 65_536
"""Octets that one read gives at the most, so that a reader answers them before it takes more: what
waits to be sent to a peer that reads nothing then stays as small as the answers to so many."""

LAST_WORDS = 5.0
"""Seconds that a peer has to take the rest of what was written once the connection is closed. Its
kernel takes a last reply at once; who has left more than that unread will not read it now."""


class ByteStream(asyncio.Protocol):
    """A connected peer.

    Attributes:
        congested: whether the peer takes less than we send; `drain` waits until it does not.
        peer: its address; the name is `unknown` until somebody looks it up.
    """

    __slots__ = (
        "_closed",
        "_deadline",
        "_drained",
        "_eof",
        "_error",
        "_gone",
        "_local",
        "_loop",
        "_paused",
        "_received",
        "_received_size",
        "_spoken_for",
        "_timer",
        "_timer_due",
        "_transport",
        "_waiter",
        "congested",
        "peer",
    )

    def __init__(self, peer: Client | None = None, local: Endpoint | None = None) -> None:
        """A stream about to be made.

        Args:
            peer: who it is, where the socket's other end only speaks for it (PROXY protocol).
            local: what it connected to, likewise.
        """
        self.peer = peer or Client("", 0)
        self._spoken_for = peer is not None
        self._local = local
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._received: list[bytes] = []
        self._received_size = 0
        self._waiter: asyncio.Future[None] | None = None
        self._deadline = 0.0
        self._timer: asyncio.Handle | None = None
        self._timer_due = 0.0  # the loop's time; uvloop gives no timer for what is due at once
        self._paused = False
        self._eof = False
        self._error: ConnectionError | None = None
        self._gone: asyncio.Future[None] | None = None
        self.congested = False
        self._drained: asyncio.Future[None] | None = None
        self._closed = False

    # What the event loop calls -----------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the event loop."""
        self._transport = cast("asyncio.Transport", transport)
        peer = self._transport.get_extra_info("peername")
        if peer is None:  # it reset the connection before anybody looked
            self.abort()
        elif not self._spoken_for:
            self.peer = peer_of(peer)

    def data_received(self, data: bytes) -> None:
        """Called by the event loop."""
        self._received.append(data)
        self._received_size += len(data)
        if self._received_size > READ_BUFFER:
            self._pause()
        self._wake_reader()

    def eof_received(self) -> bool:
        """Called by the event loop. The writing side stays open for a last reply."""
        self._eof = True
        self._wake_reader()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the event loop."""
        self._closed = self._eof = True
        if exc is not None and self._error is None:
            self._error = ConnectionResetError(str(exc) or "connection lost")
        self._disarm()
        self._transport = None
        self._wake_reader()
        for waiter in (self._drained, self._gone):
            if waiter is not None and not waiter.done():
                waiter.set_result(None)

    def pause_writing(self) -> None:
        """Called by the event loop: the peer takes less than we send."""
        self.congested = True

    def resume_writing(self) -> None:
        """Called by the event loop."""
        self.congested = False
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    # What a session calls ----------------------------------------------------------------------

    @property
    def is_closed(self) -> bool:
        """Whether the stream is gone, or the peer will send nothing more."""
        return self._closed or self._eof

    @property
    def is_lost(self) -> bool:
        """Whether the stream is gone: what is written reaches nobody."""
        return self._closed

    @property
    def unread(self) -> bool:
        """Whether the peer has sent what nobody has read yet."""
        return bool(self._received)

    @property
    def local(self) -> Endpoint:
        """Our end of it: what the peer connected to. This machine's for a Unix-domain socket."""
        if self._local is None:
            # Asked for when somebody wants to know: the kernel need not say it for each client.
            if self._transport is None:
                return _HERE
            self._local = endpoint_of(self._transport.get_extra_info("sockname"))
        return self._local

    async def read(self, timeout: float) -> bytes:  # noqa: ASYNC109 - one timer serves all reads
        """What the peer sent since the last call: at least one octet, at most `PORTION`.

        Args:
            timeout: seconds to wait for the first octet; may be infinite.

        Returns:
            The octets, or `b""` once the peer has ended its side.

        Raises:
            TimeoutError: nothing came in time.
            ConnectionError: the stream broke; `TlsError` if it is TLS that broke.
        """
        if not self._received and not self._eof:
            self._arm(timeout)
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        if not self._received:
            if self._error is not None:
                raise self._error
            return b""
        data = self._received[0] if len(self._received) == 1 else b"".join(self._received)
        self._received.clear()
        if len(data) > PORTION:
            self._received.append(data[PORTION:])
            self._received_size = len(data) - PORTION
            return data[:PORTION]
        self._received_size = 0
        if self._paused and not self._eof:
            self._resume()
        return data

    def write(self, data: bytes) -> None:
        """Send; what the kernel does not take at once is kept and sent in order."""
        if self._transport is not None and not self._closed:
            self._transport.write(data)

    async def drain(self, timeout: float, *, or_read: bool = False) -> None:  # noqa: ASYNC109
        """Wait until the peer has taken most of what was written.

        Args:
            timeout: seconds to wait; may be infinite.
            or_read: whether to stop waiting as soon as the peer has sent something, or its end.

        Raises:
            TimeoutError: the peer does not read.
            ConnectionError: the stream broke.
        """
        if self._closed:
            raise ConnectionResetError("connection lost")
        if not self.congested or (or_read and (self._received or self._eof)):
            return
        self._drained = self._loop.create_future()
        if or_read:
            self._disarm()  # the timer of the last read would end this wait
            self._waiter = self._drained
        try:
            async with asyncio.timeout(within(timeout)):
                await self._drained
        finally:
            self._drained = None
            if or_read:
                self._waiter = None
        if self._closed:
            raise ConnectionResetError("connection lost")

    def close(self) -> None:
        """Send what is still to be sent, then close. Harmless when closed already.

        A peer that does not take it within `LAST_WORDS` is cut off.
        """
        if self._transport is not None and not self._transport.is_closing():
            self._close_transport(self._transport)

    def abort(self) -> None:
        """Close at once; what was not sent is lost."""
        self._disarm()
        self._closed = self._eof = True
        if self._transport is not None:
            self._transport.abort()

    async def gone(self) -> None:
        """Wait until nothing is left of a connection that was closed: no buffer, no descriptor.

        Whoever is cancelled meanwhile cuts the peer off.
        """
        if self._transport is None:
            return
        self._gone = self._loop.create_future()
        try:
            await self._gone
        except asyncio.CancelledError:
            self.abort()
            raise

    # Inside ------------------------------------------------------------------------------------

    def _close_transport(self, transport: asyncio.Transport) -> None:
        self._disarm()
        transport.close()
        if transport.get_write_buffer_size():
            self._timer = self._loop.call_later(LAST_WORDS, self.abort)

    def _pause(self) -> None:
        if not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def _resume(self) -> None:
        self._paused = False
        if self._transport is not None and not self._transport.is_closing():
            with contextlib.suppress(RuntimeError):
                self._transport.resume_reading()

    def _wake_reader(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _arm(self, timeout: float) -> None:
        """Let the timer end this read; a timer that fires too early re-arms itself."""
        if timeout == math.inf:
            self._disarm()
            return
        self._deadline = self._loop.time() + timeout
        if self._timer is not None:
            if self._timer_due <= self._deadline:
                return
            self._timer.cancel()
        self._timer_due = self._deadline
        self._timer = self._loop.call_at(self._deadline, self._expire)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _expire(self) -> None:
        self._timer = None
        if self._waiter is None or self._waiter.done():
            return
        if self._loop.time() < self._deadline - 0.001:
            self._timer_due = self._deadline
            self._timer = self._loop.call_at(self._deadline, self._expire)
        else:
            self._waiter.set_exception(TimeoutError("the peer was silent for too long"))


def within(timeout: float) -> float | None:
    """Seconds, infinite ones too, as asyncio takes them."""
    return None if timeout == math.inf else timeout


def peer_of(name: object) -> Client:
    """The client at a socket's other end.

    Args:
        name: what `getpeername` says.
    """
    if not isinstance(name, tuple):
        return Client(LOCAL, 0, "localhost", "localhost")
    return Client(_text_of(name[0]), int(name[1]))


def endpoint_of(name: object) -> Endpoint:
    """Our end of a connection.

    Args:
        name: what `getsockname` says.
    """
    return Endpoint(_text_of(name[0]), int(name[1])) if isinstance(name, tuple) else _HERE


def _text_of(address: object) -> str:
    """As addresses are known by: an IPv4-mapped one as IPv4 (RFC 4291 §2.5.5.2), no scope."""
    return str(address).removeprefix("::ffff:").partition("%")[0]


_HERE = Endpoint("127.0.0.1", 0)
