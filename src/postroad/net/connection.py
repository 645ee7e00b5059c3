"""A byte stream with an upgrade to TLS.

Sessions, inbound and outbound, own a `Connection` and speak to it in bytes; it knows nothing of
SMTP. What arrives after the words that invite a TLS handshake is the handshake's, *before* they are
written, so that no plain octet can be mistaken for one that came under TLS.

Plain octets are `byte_stream`'s and TLS itself is in `tls_stream`; this module carries the octets
of the one over the other, and bounds what a peer can make it carry.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from asyncio import timeout as timeout_after
from collections.abc import Mapping
from types import MappingProxyType

from postroad.model import Client, Endpoint, TlsSession
from postroad.net.byte_stream import READ_BUFFER, ByteStream, peer_of, within
from postroad.net.tls_failures import Seen, explain, explain_silence, is_plain_text
from postroad.net.tls_stream import TlsStream

__all__ = ["Connection", "TlsError", "peer_of", "within"]

EMPTY_WORDS = 65_536
"""Octets that a peer may send under TLS without one of plain text among them. A record of the
longest kind that comes in pieces is a quarter of it; who sends more changes keys over and over
(RFC 8446 §4.6.3), each time for an answer, and no limit of the session sees it."""

_NO_BINDINGS: Mapping[str, frozenset[bytes]] = MappingProxyType({})


class TlsError(ConnectionError):
    """TLS failed, mostly in the handshake. The message says why, in words fit for a log."""


class Connection(ByteStream):
    """A connected peer.

    Attributes:
        tls: what the handshake agreed on, `None` in plain text.
    """

    __slots__ = ("_empty", "_socket", "_stream", "tls")

    def __init__(
        self,
        *,
        accepted: socket.socket | None = None,
        peer: Client | None = None,
        local: Endpoint | None = None,
    ) -> None:
        """A connection about to be made.

        Args:
            accepted: a socket that has no transport yet. It gets that from `open`, or from
                `start_tls` where its first octets are a TLS handshake's (RFC 8314): a transport
                that is there before would take them for plain.
            peer: who it is, where the socket's other end only speaks for it (PROXY protocol).
            local: what it connected to, likewise.
        """
        super().__init__(peer, local)
        self.tls: TlsSession | None = None
        self._socket = accepted
        self._stream: TlsStream | None = None
        self._empty = 0
        if accepted is not None and peer is None:
            self.peer = peer_of(accepted.getpeername())

    # What the event loop calls -----------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Called by the event loop."""
        if self._stream is None:
            ByteStream.data_received(self, data)  # each time, and quicker than super()
        else:
            self._decrypt(self._stream, data)

    def resume_writing(self) -> None:
        """Called by the event loop."""
        super().resume_writing()
        if self._paused and self._received_size <= READ_BUFFER and not self._eof:
            self._resume()  # it was `_decrypt` that paused, for its answers

    # What a session calls ----------------------------------------------------------------------

    async def open(self) -> None:
        """Begin to read and write plain octets on the accepted socket.

        Raises:
            OSError: the peer has gone again.
        """
        if self._socket is not None:
            await self._open(self._socket)

    def turn_away(self, last_words: bytes) -> None:
        """Instead of `open`: send what the kernel takes at once, and close."""
        if self._socket is not None and last_words:
            with contextlib.suppress(OSError):
                self._socket.send(last_words)
        self._close_socket()

    def write(self, data: bytes) -> None:
        """Send; what the kernel does not take at once is kept and sent in order."""
        if self._transport is None or self._closed:
            return
        if self._stream is None:  # said here, and not by the base: it is said for each answer
            self._transport.write(data)
        else:
            self._encrypt(self._stream, data)

    @property
    def channel_bindings(self) -> Mapping[str, frozenset[bytes]]:
        """What a client may bind a login to (RFC 5929), by the type's name, any one of the values.

        Empty without TLS, and where we are the client.
        """
        return self._stream.channel_bindings() if self._stream and self.tls else _NO_BINDINGS

    @property
    def peer_chain(self) -> tuple[bytes, ...]:
        """The certificates that a server showed us, as DER, its own first; empty without TLS."""
        return self._stream.peer_chain() if self._stream and self.tls else ()

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
            async with timeout_after(within(timeout)):
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
        """Send what is still to be sent, then close. Harmless when closed already.

        A peer that does not take it within `LAST_WORDS` is cut off.
        """
        self._close_socket()
        if self._transport is not None and not self._transport.is_closing():
            if self.tls is not None and self._stream is not None:
                self._stream.finish()
                self._send(self._stream)
            self._close_transport(self._transport)

    def abort(self) -> None:
        """Close at once; what was not sent is lost."""
        self._close_socket()
        super().abort()

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
            if stream.turns is not None and stream.waiting:
                await stream.turns.mine()
        self._send(stream)

    def _send(self, stream: TlsStream) -> bool:
        """Whether there was anything to send."""
        octets = stream.to_send()
        if octets and self._transport is not None:
            self._transport.write(octets)
        return bool(octets)

    def _decrypt(self, stream: TlsStream, data: bytes) -> None:
        """Take octets from the wire."""
        if not stream.feed(data):  # it is over, and the peer may keep the rest
            self._pause()
            return
        if not stream.established:
            if stream.waiting > READ_BUFFER:  # the handshake looks at them in its own task
                self._pause()
            self._wake_reader()
            return
        had = self._received_size
        try:
            for piece in stream.read():
                self._received.append(piece)
                self._received_size += len(piece)
        except ssl.SSLError as error:
            self._break(stream, error)
        if stream.ended:
            self._eof = True
        self._empty = 0 if self._received_size > had else self._empty + len(data)
        answered = self._send(stream)
        if self._empty > EMPTY_WORDS and not self._eof:
            self._error = TlsError("the peer changed keys over and over, and sent nothing else")
            self.abort()
            return
        if stream.ended or self._received_size > READ_BUFFER or (answered and self.congested):
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
        half_open = self._socket is not None  # a loop may have given up a transport unheard
        if half_open or self._transport is None or self._transport.is_closing():
            self.abort()
            return
        plain = not stream.beginning or is_plain_text(stream.beginning)
        if plain_answer and plain:
            self._transport.write(plain_answer)
        else:
            self._send(stream)
        self._closed = self._eof = True
        self._close_transport(self._transport)

    def _close_socket(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


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
