"""The TLS handshake of a session, and what the log is told of it.

The session decides when TLS begins; here it is begun, and what became of it is said in Postfix's
lines. Where a client and a port misunderstand each other about TLS, the log says which is which,
and a client that speaks plain text is told in plain text.
"""

from __future__ import annotations

from postroad.model import Reply
from postroad.model.session_events import TlsEstablished, TlsFailed
from postroad.net.connection import TlsError
from postroad.server.ending import log_lost
from postroad.server.peer import Peer

__all__ = ["begins_tls", "refuse_tls", "shake_hands", "tls_broke"]

_HANDSHAKE = b"\x16\x03"  # the beginning of every TLS handshake (RFC 8446 §5.1)

_WRONG_PORT = (
    "wrong version number (the client begins with TLS, and here SMTP begins in plain text: set it"
    " to STARTTLS, or to TLS/SSL and port 465)"
)


async def shake_hands(peer: Peer, invitation: bytes) -> bool:
    """Turn a session's connection into a TLS one.

    Args:
        peer: the client.
        invitation: what invites it to begin; nothing where TLS begins with the connection.

    Returns:
        Whether it succeeded, and was not one too many of this client's; if not, the connection is
        closed or to be closed.
    """
    service, connection = peer.service, peer.connection
    assert service.tls_context is not None, "TLS is offered only with a certificate"
    try:
        await connection.start_tls(
            service.tls_context,
            server_side=True,
            timeout=service.handshake_timeout,
            invitation=invitation,
            plain_answer=b"" if invitation else _tls_only(service.hostname).encode(),
        )
    except TlsError as error:
        tls_broke(peer, error)
        log_lost(peer, "lost connection")
        return False
    assert connection.tls is not None
    peer.log(
        TlsEstablished(
            service.name,
            str(peer.client),
            connection.tls,
            trust="Anonymous" if connection.tls.client_certificate is None else "Trusted",
            session=peer.session,
        )
    )
    refusal = None
    if not connection.tls.resumed:  # which costs next to nothing
        refusal = service.gate.secure(peer.client, service.clock())
    if refusal is not None:
        connection.write(refusal.encode())
    return refusal is None


def tls_broke(peer: Peer, error: TlsError) -> None:
    """TLS failed, in its handshake or later."""
    name, session = peer.service.name, peer.session
    peer.log_trouble(TlsFailed(name, peer.client, str(error), session=session))


def begins_tls(peer: Peer, data: bytes) -> bool:
    """Whether a client that should greet in plain text begins with a TLS handshake.

    Args:
        peer: the client.
        data: the first octets that it sent.
    """
    return data.startswith(_HANDSHAKE) and peer.connection.tls is None


def refuse_tls(peer: Peer) -> None:
    """Log what such a client should do; it sees for itself that our greeting is no TLS."""
    name, session = peer.service.name, peer.session
    peer.log_trouble(TlsFailed(name, peer.client, _WRONG_PORT, session=session))
    log_lost(peer, "lost connection")


def _tls_only(hostname: str) -> Reply:
    """RFC 5321 §3.1: 554 in place of a greeting says that there is no service of this kind."""
    words = f"{hostname} Error: this port speaks TLS from the first byte; set your program to"
    return Reply.of(554, "5.7.0", f"{words} TLS/SSL, or to STARTTLS and port 587")
