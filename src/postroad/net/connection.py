"""One byte stream with deadlines, back-pressure and an upgrade to TLS.

Sessions, inbound and outbound, own a `Connection` and speak to it in bytes; it knows nothing of
SMTP. It is an `asyncio.Protocol` rather than a pair of streams for two reasons. What arrives after
the words that invite a TLS handshake is the handshake's, *before* they are written, so that no
plain octet can be mistaken for one that came under TLS. And one lazily re-armed timer serves every
read of a connection, where a time-out object per read would cost more than the read.

TLS itself is in `tls_stream`; this module carries its octets to and fro.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket
import ssl
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import cast

from postroad.model import LOCAL, Client, TlsSession
from postroad.net.tls_failures import Seen, explain, explain_silence, is_plain_text
from postroad.net.tls_stream import TlsStream

__all__ = ["Connection", "TlsError", "peer_of", "within"]

READ_BUFFER = 262_144
"""Octets kept for a reader that is busy; beyond them the peer is made to wait."""


_NO_BINDINGS: Mapping[str, frozenset[bytes]] = MappingProxyType({})


class TlsError(ConnectionError):
    """TLS failed, mostly in the handshake. The message says why, in words fit for a log."""


class Connection(asyncio.Protocol):
    """A connected peer.

    Attributes:
        peer: its address; the name is `unknown` until somebody looks it up.
        tls: what the handshake agreed on, `None` in plain text.
    """

    __slots__ = (
        "_closed",
        "_deadline",
        "_drained",
        "_eof",
        "_error",
        "_loop",
        "_on_made",
        "_paused",
        "_received",
        "_received_size",
        "_socket",
        "_spoken_for",
        "_stream",
        "_timer",
        "_transport",
        "_waiter",
        "_writable",
        "peer",
        "tls",
    )

    def __init__(
        self,
        on_made: Callable[[Connection], None] | None = None,
        *,
        accepted: socket.socket | None = None,
        peer: Client | None = None,
    ) -> None:
        """A connection about to be made.

        Args:
            on_made: told once, when the transport is there.
            accepted: a socket whose first octets are a TLS handshake's (RFC 8314). It gets its
                transport from `start_tls`: one that is there before would take them for plain.
            peer: who it is, where the socket's other end only speaks for it (PROXY protocol).
        """
        self.peer = peer or Client("", 0)
        self._spoken_for = peer is not None
        self.tls: TlsSession | None = None
        self._on_made = on_made
        self._socket = accepted
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._received: list[bytes] = []
        self._received_size = 0
        self._waiter: asyncio.Future[None] | None = None
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._paused = False
        self._eof = False
        self._error: BaseException | None = None
        self._writable = True
        self._drained: asyncio.Future[None] | None = None
        self._closed = False
        self._stream: TlsStream | None = None
        if accepted is not None and peer is None:
            self.peer = peer_of(accepted.getpeername())

    # What the event loop calls -----------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the event loop."""
        self._transport = cast("asyncio.Transport", transport)
        peer = self._transport.get_extra_info("peername")
        if peer is None:  # it reset the connection before anybody looked
            self.abort()
            return
        if not self._spoken_for:
            self.peer = peer_of(peer)
        if self._on_made is not None:
            made, self._on_made = self._on_made, None
            made(self)

    def data_received(self, data: bytes) -> None:
        """Called by the event loop."""
        if self._stream is not None:
            self._decrypt(self._stream, data)
            return
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
        self._error = self._error or exc
        self._disarm()
        self._wake_reader()
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    def pause_writing(self) -> None:
        """Called by the event loop: the peer takes less than we send."""
        self._writable = False

    def resume_writing(self) -> None:
        """Called by the event loop."""
        self._writable = True
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    # What a session calls ----------------------------------------------------------------------

    @property
    def is_closed(self) -> bool:
        """Whether the stream is gone, or the peer will send nothing more."""
        return self._closed or self._eof

    async def read(self, timeout: float) -> bytes:  # noqa: ASYNC109 - one timer serves all reads
        """What the peer sent since the last call, at least one octet.

        Args:
            timeout: seconds to wait for the first octet; may be infinite.

        Returns:
            The octets, or `b""` once the peer has ended its side.

        Raises:
            TimeoutError: nothing came in time.
            TlsError: what came is not TLS, or the peer said what is wrong with ours.
            ConnectionError: the stream broke.
        """
        if not self._received and not self._eof:
            self._arm(timeout)
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        if not self._received:
            if isinstance(self._error, TlsError):
                raise self._error
            if self._error is not None:
                raise ConnectionResetError(str(self._error) or "connection lost")
            return b""
        data = self._received[0] if len(self._received) == 1 else b"".join(self._received)
        self._received.clear()
        self._received_size = 0
        if self._paused:
            self._resume()
        return data

    def write(self, data: bytes) -> None:
        """Send; what the kernel does not take at once is kept and sent in order."""
        if self._transport is None or self._closed:
            return
        if self._stream is None:
            self._transport.write(data)
        else:
            self._encrypt(self._stream, data)

    async def drain(self, timeout: float) -> None:  # noqa: ASYNC109
        """Wait until the peer has taken most of what was written.

        Args:
            timeout: seconds to wait; may be infinite.

        Raises:
            TimeoutError: the peer does not read.
            ConnectionError: the stream broke.
        """
        if self._closed:
            raise ConnectionResetError("connection lost")
        if self._writable:
            return
        self._drained = self._loop.create_future()
        try:
            async with asyncio.timeout(within(timeout)):
                await self._drained
        finally:
            self._drained = None
        if self._closed:
            raise ConnectionResetError("connection lost")

    @property
    def channel_bindings(self) -> Mapping[str, frozenset[bytes]]:
        """What a client may bind a login to (RFC 5929), by the type's name, any one of the values.

        Empty without TLS, and where we are the client.
        """
        return self._stream.channel_bindings() if self._stream and self.tls else _NO_BINDINGS

    async def start_tls(
        self,
        context: ssl.SSLContext,
        *,
        server_side: bool,
        timeout: float,  # noqa: ASYNC109 - the handshake's own limit
        name: str | None = None,
        invitation: bytes = b"",
        plain_answer: bytes = b"",
    ) -> None:
        """Turn the stream into a TLS one (RFC 3207 §4; RFC 8314 for implicit TLS).

        Args:
            context: certificates, versions and ciphers.
            server_side: which side of the handshake is ours.
            timeout: seconds for the whole handshake.
            name: the server name to send and to check, for a client.
            invitation: octets to send in plain text before the handshake: the 220.
            plain_answer: octets to send in plain text before the connection is closed to a client
                that spoke plain text, or waited for us to.

        Raises:
            TlsError: the handshake failed, or plain text lay behind the invitation; the
                connection is closed.
        """
        if self._closed:
            raise TlsError("the connection is closed")
        if self._received:
            self.abort()
            raise TlsError("plain text was sent where the TLS handshake begins")
        invited = self._transport is not None
        stream = _begin(context, name, server_side=server_side)
        try:
            async with asyncio.timeout(within(timeout)):
                self.write(invitation)
                self._stream = stream
                if self._socket is not None:
                    await self._open(self._socket)
                await self._shake_hands(stream)
        except TimeoutError:
            self._refuse(stream, plain_answer)
            raise TlsError(explain_silence(_seen(stream, invited=invited), timeout)) from None
        except (OSError, EOFError) as error:
            self._refuse(stream, plain_answer)
            raise TlsError(explain(error, _seen(stream, invited=invited))) from error
        except BaseException:
            self.abort()
            raise
        self.tls = stream.session()
        self._resume()
        self._decrypt(stream, b"")  # what came in one segment with the end of the handshake

    def close(self) -> None:
        """Send what is still to be sent, then close. Harmless when closed already."""
        self._disarm()
        self._close_socket()
        if self._transport is not None and not self._transport.is_closing():
            if self.tls is not None and self._stream is not None:
                self._stream.finish()
                self._send(self._stream)
            self._transport.close()

    def abort(self) -> None:
        """Close at once; what was not sent is lost."""
        self._disarm()
        self._closed = self._eof = True
        self._close_socket()
        if self._transport is not None:
            self._transport.abort()

    # TLS ---------------------------------------------------------------------------------------

    async def _open(self, accepted: socket.socket) -> None:
        """Give an accepted socket its transport."""
        await self._loop.connect_accepted_socket(lambda: self, accepted)
        self._socket = None

    async def _shake_hands(self, stream: TlsStream) -> None:
        while not stream.handshake():
            self._send(stream)
            if self._eof:
                raise EOFError
            if self._paused:
                self._resume()
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        self._send(stream)

    def _send(self, stream: TlsStream) -> None:
        octets = stream.to_send()
        if octets and self._transport is not None:
            self._transport.write(octets)

    def _decrypt(self, stream: TlsStream, data: bytes) -> None:
        """Take octets from the wire."""
        if data:
            stream.feed(data)
        if not stream.established:
            if stream.waiting > READ_BUFFER:  # the handshake looks at them in its own task
                self._pause()
            self._wake_reader()
            return
        try:
            for piece in stream.read():
                self._received.append(piece)
                self._received_size += len(piece)
        except ssl.SSLError as error:
            self._break(stream, error)
        self._eof = self._eof or stream.ended
        self._send(stream)
        if self._received_size > READ_BUFFER:
            self._pause()
        if self._received or self._eof:
            self._wake_reader()

    def _encrypt(self, stream: TlsStream, data: bytes) -> None:
        try:
            stream.write(data)
        except ssl.SSLError as error:
            self._break(stream, error)
            self._wake_reader()
        self._send(stream)

    def _break(self, stream: TlsStream, error: ssl.SSLError) -> None:
        """TLS is over: nothing more is read, and whoever reads is told why."""
        self._eof = True
        self._error = self._error or TlsError(explain(error, _seen(stream, invited=True)))
        self._pause()

    def _refuse(self, stream: TlsStream, plain_answer: bytes) -> None:
        """End a handshake that failed, with an alert, or in plain text where that is spoken."""
        if self._transport is None or self._transport.is_closing():
            self.abort()
            return
        plain = not stream.beginning or is_plain_text(stream.beginning)
        if plain_answer and plain:
            self._transport.write(plain_answer)
        else:
            self._send(stream)
        self._closed = self._eof = True
        self._disarm()
        self._transport.close()

    # Inside ------------------------------------------------------------------------------------

    def _close_socket(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

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
            if self._timer.when() <= self._deadline:
                return
            self._timer.cancel()
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
        return Client(LOCAL, 0, "localhost")
    address = str(name[0])
    return Client(address.removeprefix("::ffff:").partition("%")[0], int(name[1]))


def _begin(context: ssl.SSLContext, name: str | None, *, server_side: bool) -> TlsStream:
    try:
        return TlsStream(context, server_side=server_side, name=name)
    except ValueError as error:  # UnicodeError is one
        raise TlsError(f"no TLS with a server of this name: {error}") from None


def _seen(stream: TlsStream, *, invited: bool) -> Seen:
    return Seen(
        stream.server_side,
        stream.beginning,
        stream.server_name,
        stream.certificate_names,
        invited,
    )
