"""One byte stream with deadlines, back-pressure and an upgrade to TLS.

Sessions, inbound and outbound, own a `Connection` and speak to it in bytes; it knows nothing of
SMTP. It is an `asyncio.Protocol` rather than a pair of streams for two reasons. Reading stops
*before* the words that invite a TLS handshake are written, so that no plain octet can be mistaken
for one that came under TLS, and none can hang the handshake. And one lazily re-armed timer serves
every read of a connection, where a time-out object per read would cost more than the read.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket
import ssl
from collections.abc import Callable
from typing import cast

from postroad.model import Client, TlsSession

__all__ = ["Connection", "TlsError", "connect", "connect_unix"]

READ_BUFFER = 262_144
"""Octets kept for a reader that is busy; beyond them the peer is made to wait."""


FOREVER = 86_400.0
"""Seconds; what event loops take in place of an infinite time."""


class TlsError(ConnectionError):
    """A TLS handshake failed. The message says why, in words fit for a log."""


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
    ) -> None:
        """A connection about to be made.

        Args:
            on_made: told once, when the transport is there.
            accepted: a socket whose first octets are a TLS handshake's (RFC 8314). It gets its
                transport from `start_tls`: a transport that is there before may read them.
        """
        self.peer = Client("", 0)
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
        if accepted is not None:
            self.peer = _peer_of(accepted.getpeername())

    # What the event loop calls -----------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the event loop."""
        self._transport = cast("asyncio.Transport", transport)
        peer = self._transport.get_extra_info("peername")
        if peer is None:  # it reset the connection before anybody looked
            self.abort()
            return
        self.peer = _peer_of(peer)
        if self._on_made is not None:
            made, self._on_made = self._on_made, None
            made(self)

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
        return self.tls is None

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the event loop."""
        self._closed = self._eof = True
        self._error = exc
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
        if self._transport is not None and not self._closed:
            self._transport.write(data)

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
            async with asyncio.timeout(_limit(timeout)):
                await self._drained
        finally:
            self._drained = None
        if self._closed:
            raise ConnectionResetError("connection lost")

    async def start_tls(
        self,
        context: ssl.SSLContext,
        *,
        server_side: bool,
        timeout: float,  # noqa: ASYNC109 - the handshake's own limit
        name: str | None = None,
        invitation: bytes = b"",
    ) -> None:
        """Turn the stream into a TLS one (RFC 3207 §4; RFC 8314 for implicit TLS).

        Args:
            context: certificates, versions and ciphers.
            server_side: which side of the handshake is ours.
            timeout: seconds for the whole handshake.
            name: the server name to send and to check, for a client.
            invitation: octets to send in plain text once reading has stopped: the 220.

        Raises:
            TlsError: the handshake failed, or plain text lay behind the invitation; the
                connection is closed.
        """
        if self._closed:
            raise TlsError("the connection is closed")
        if self._received:
            self.abort()
            raise TlsError("plain text was sent where the TLS handshake begins")
        try:
            async with asyncio.timeout(_limit(timeout)):
                if self._socket is not None:
                    transport = await self._start_with_tls(self._socket, context, timeout)
                else:
                    self._pause()
                    self.write(invitation)
                    transport = await self._upgrade(context, server_side, name, timeout)
        except TimeoutError:
            self.abort()
            raise TlsError("the peer did not finish the TLS handshake in time") from None
        except (OSError, EOFError) as error:
            self.abort()
            raise TlsError(_explain(error)) from error
        if transport is None:
            self.abort()
            raise TlsError("the peer closed the connection during the TLS handshake")
        self._transport = transport
        self._paused = False
        self.tls = _tls_of(transport)

    async def _start_with_tls(
        self,
        accepted: socket.socket,
        context: ssl.SSLContext,
        timeout: float,  # noqa: ASYNC109 - given to the loop
    ) -> asyncio.Transport | None:
        transport, _ = await self._loop.connect_accepted_socket(
            lambda: self,
            accepted,
            ssl=context,
            ssl_handshake_timeout=min(timeout, FOREVER),
        )
        self._socket = None
        return transport

    async def _upgrade(
        self,
        context: ssl.SSLContext,
        server_side: bool,
        name: str | None,
        timeout: float,  # noqa: ASYNC109 - given to the loop
    ) -> asyncio.Transport | None:
        assert self._transport is not None, "a connection without a socket has its transport"
        return await self._loop.start_tls(
            self._transport,
            self,
            context,
            server_side=server_side,
            server_hostname=name,
            ssl_handshake_timeout=min(timeout, FOREVER),
        )

    def close(self) -> None:
        """Send what is still to be sent, then close. Harmless when closed already."""
        self._disarm()
        self._close_socket()
        if self._transport is not None and not self._transport.is_closing():
            self._transport.close()

    def abort(self) -> None:
        """Close at once; what was not sent is lost."""
        self._disarm()
        self._closed = self._eof = True
        self._close_socket()
        if self._transport is not None:
            self._transport.abort()

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


async def connect(
    host: str,
    port: int,
    *,
    timeout: float,  # noqa: ASYNC109
    tls: ssl.SSLContext | None = None,
    name: str | None = None,
) -> Connection:
    """Open a TCP connection.

    Args:
        host: an IP address.
        port: the TCP port.
        timeout: seconds for the connection, and again for the handshake.
        tls: the context of a connection that is TLS from its first octet.
        name: the server name for that handshake.

    Raises:
        TimeoutError: no answer in time.
        TlsError: the handshake failed.
        OSError: refused or unreachable.
    """
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(_limit(timeout)):
        _, connection = await loop.create_connection(Connection, host, port)
    if tls is not None:
        await connection.start_tls(tls, server_side=False, timeout=timeout, name=name)
    return connection


async def connect_unix(path: str, *, timeout: float) -> Connection:  # noqa: ASYNC109
    """Open a connection to a Unix-domain socket.

    Args:
        path: the socket's path.
        timeout: seconds to wait.

    Raises:
        TimeoutError: no answer in time.
        OSError: refused or absent.
    """
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(_limit(timeout)):
        _, connection = await loop.create_unix_connection(Connection, path)
    return connection


def _limit(timeout: float) -> float | None:
    return None if timeout == math.inf else timeout


def _peer_of(name: object) -> Client:
    if not isinstance(name, tuple):
        return Client("local", 0)
    address = str(name[0])
    return Client(address.removeprefix("::ffff:").partition("%")[0], int(name[1]))


def _tls_of(transport: asyncio.Transport) -> TlsSession:
    session = transport.get_extra_info("ssl_object")
    cipher, _, bits = session.cipher()
    return TlsSession(session.version(), cipher, bits)


def _explain(error: BaseException) -> str:
    """OpenSSL's reason in words that say what to do, where the usual mistakes are known."""
    reason = (getattr(error, "reason", None) or "").lower().replace("_", " ")
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the peer's certificate is not trusted: {error.verify_message}"
    advice = next((words for part, words in _ADVICE.items() if part in reason), "")
    if reason:
        return f"{reason}{advice}"
    return str(error) or "the peer closed the connection during the TLS handshake"


_ADVICE = {
    "wrong version number": " (the client speaks plain text or something other than TLS here:"
    " set it to STARTTLS on a STARTTLS port, to TLS on an implicit-TLS port)",
    "http request": " (a web browser or scanner)",
    "unknown ca": " (the client does not trust our certificate: use one that a public authority"
    " signed, or import ours there)",
    "certificate unknown": " (the client does not trust our certificate)",
    "bad certificate": " (the client refused our certificate)",
    "unsupported protocol": " (the client's TLS version is older than ours allows)",
    "no shared cipher": " (the client knows none of our ciphers)",
    "unexpected eof": " (the client hung up; often it does not trust our certificate)",
}
