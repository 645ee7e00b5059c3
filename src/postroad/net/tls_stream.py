"""One side of TLS over octets that come from anywhere: no socket, no event loop.

Why not the event loop's own TLS. Both loops' keep buffers of their own for every connection, which
together are more than the TLS itself; they forget which name a client asked for when its handshake
fails, which is when an operator wants to know; and they turn plain text at the wrong port, or a
connection that ends half-way, into different exceptions, or none. Here the octets go through
OpenSSL's memory buffers and nothing is kept but what OpenSSL keeps.
"""

from __future__ import annotations

import contextlib
import ssl
from time import time
from typing import Protocol, cast

from postroad.model import ClientCertificate, TlsSession
from postroad.net.tls_server import ServerContext, ServerSession

__all__ = ["TlsStream"]

_DER = 2  # OpenSSL's number for the form that certificates are asked for

RECORD = 16_384
"""Octets of plain text in one record at the most (RFC 8446 §5.1)."""


class TlsStream:
    """Octets in, octets out.

    Attributes:
        server_side: which side is ours.
        established: whether the handshake is over.
        ended: whether nothing more will be read: the peer said that it sends nothing more
            (close_notify), or the stream is broken.
        beginning: the first octets that came; empty before any did.
        turns: what its handshake takes turns by with others, if it does.
    """

    __slots__ = (
        "_incoming",
        "_object",
        "_outgoing",
        "beginning",
        "ended",
        "established",
        "server_side",
        "turns",
    )

    def __init__(
        self, context: ssl.SSLContext, *, server_side: bool, name: str | None = None
    ) -> None:
        """A handshake that has not begun.

        Args:
            context: certificates, versions and ciphers.
            server_side: which side is ours.
            name: the server name to send and to check, for a client.

        Raises:
            ValueError: the name is not one that can be sent.
        """
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = context.wrap_bio(
            self._incoming, self._outgoing, server_side=server_side, server_hostname=name
        )
        self.server_side = server_side
        self.turns = context.turns if isinstance(context, ServerContext) else None
        self.established = False
        self.ended = False
        self.beginning = b""

    @property
    def server_name(self) -> str:
        """The server name that the client asked for, as it came; empty without one."""
        return self._object.asked if isinstance(self._object, ServerSession) else ""

    @property
    def certificate_names(self) -> tuple[str, ...]:
        """The names that the certificate which the client was shown is for."""
        context = self._object.context
        return context.names if isinstance(context, ServerContext) else ()

    @property
    def waiting(self) -> int:
        """Octets that came and were not looked at yet."""
        return self._incoming.pending

    def feed(self, octets: bytes) -> bool:
        """Take octets from the peer; whether they are wanted.

        After the end they are not, and are dropped: nobody would ever take them out again.
        """
        if self.ended:
            return False
        if not self.beginning:
            self.beginning = octets[:16]
        self._incoming.write(octets)
        return True

    def handshake(self) -> bool:
        """Go on with the handshake; whether it is over.

        Raises:
            ssl.SSLError: it failed; `to_send` may hold an alert that says so to the peer.
        """
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            return False
        self.established = True
        return True

    def read(self) -> list[bytes]:
        """The plain text that has become readable, in pieces.

        Raises:
            ssl.SSLError: what came is not TLS, or an alert; `to_send` may hold an answer.
        """
        pieces = []
        try:
            while not self.ended:
                piece = self._object.read(RECORD)
                if not piece:
                    self.ended = True
                    break
                pieces.append(piece)
                if not self._incoming.pending and not self._object.pending():
                    break
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.ended = True
        except ssl.SSLError:
            self.ended = True
            raise
        return pieces

    def write(self, octets: bytes) -> None:
        """Encrypt; `to_send` has the result.

        Raises:
            ssl.SSLError: the stream is broken.
        """
        view = memoryview(octets)
        try:
            while view:
                view = view[self._object.write(view) :]
        except ssl.SSLError:
            self.ended = True
            raise

    def finish(self) -> None:
        """Say that nothing more will be sent (RFC 8446 §6.1). The peer's own end is not awaited."""
        # The peer has not ended its side yet, or the stream is broken: we are leaving anyway.
        with contextlib.suppress(ssl.SSLError):
            self._object.unwrap()

    def to_send(self) -> bytes:
        """The octets for the peer since the last call."""
        return self._outgoing.read() if self._outgoing.pending else b""

    def session(self) -> TlsSession:
        """What the handshake agreed on."""
        agreed = self._object.cipher()
        assert agreed is not None, "the handshake is over"
        cipher, _, bits = agreed
        ours = self._object if isinstance(self._object, ServerSession) else None
        return TlsSession(
            self._object.version() or "",
            cipher,
            bits,
            ours.server_name if ours else "",
            self._client_certificate() if ours else None,
            bool(self._object.session_reused),
        )

    def peer_chain(self) -> tuple[bytes, ...]:
        """The certificates that the peer showed, as DER, its own first; of the client's side.

        As they came: whether one signed the other was not looked at, unless the context verifies.
        Python shows them officially from 3.13 on, under the same name; before that they are at the
        object behind its own.
        """
        shown: object = getattr(self._object, "_sslobj", self._object)
        chain = getattr(shown, "get_unverified_chain", None)
        certificates = (chain() if chain is not None else None) or ()
        return tuple([_der(each) for each in certificates])

    def channel_bindings(self) -> dict[str, frozenset[bytes]]:
        """What a client may bind a login to, by the type's name.

        `tls-server-end-point` (RFC 5929 §4) has, on the server's side, a value for each certificate
        that the client may have been shown: which one it was, OpenSSL knows and Python does not
        say. `tls-unique`
        (§3) is of TLS 1.2 and before, and of sessions that are not resumed: a resumed one without
        RFC 7627 has the value of another connection. `tls-exporter` (RFC 9266) cannot be had from
        Python's ssl module.
        """
        bindings: dict[str, frozenset[bytes]] = {}
        end_points = self._end_points()
        if end_points:
            bindings["tls-server-end-point"] = end_points
        if self._object.version() != "TLSv1.3" and not self._object.session_reused:
            unique = self._object.get_channel_binding("tls-unique")
            if unique:
                bindings["tls-unique"] = frozenset((unique,))
        return bindings

    def _end_points(self) -> frozenset[bytes]:
        """The values of `tls-server-end-point`."""
        context = self._object.context
        if isinstance(context, ServerContext):
            return context.end_points
        der = None if self.server_side else self._object.getpeercert(binary_form=True)
        if not der:
            return frozenset()
        # Loaded here: few next hops want a login.
        from postroad.net.peer_certificate import end_point  # noqa: PLC0415

        found = end_point(der)
        return frozenset((found,)) if found else frozenset()

    def _client_certificate(self) -> ClientCertificate | None:
        """What the client showed.

        A resumed session brings what it showed once, when OpenSSL found it good; it does not count
        where that may have ended since.
        """
        ours, der = self._object, self._object.getpeercert(binary_form=True)
        if not der:
            return None
        outdated = isinstance(ours, ServerSession) and ours.outdated
        if ours.session_reused and (outdated or _has_expired(der, time())):
            return None
        # Loaded here: few clients show one.
        from postroad.net.peer_certificate import client_certificate  # noqa: PLC0415

        return client_certificate(der)


class _Shown(Protocol):
    """A certificate of Python's before 3.13."""

    def public_bytes(self, form: int, /) -> bytes:
        """Its octets."""
        ...


def _der(certificate: object) -> bytes:
    """A certificate of a chain as octets, which is what Python 3.13 gives."""
    if isinstance(certificate, bytes):
        return certificate
    return cast("_Shown", certificate).public_bytes(_DER)


def _has_expired(der: bytes, now: float) -> bool:
    """Whether a certificate was valid until some time before now (seconds of the epoch)."""
    from cryptography import x509  # noqa: PLC0415 - few clients show one

    return x509.load_der_x509_certificate(der).not_valid_after_utc.timestamp() < now
