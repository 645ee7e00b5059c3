"""How a session ended otherwise than by QUIT, as the log and the history are told.

It ends nothing; whoever does, tells it here. What the client was doing last is the core's word.
"""

from __future__ import annotations

from postroad.model.journal import Notice
from postroad.model.session_events import Lost
from postroad.server.peer import Peer

__all__ = ["log_closed", "log_lost"]

_MISTRUST = "a mail program that does so does not trust our certificate, or its name"


def log_lost(peer: Peer, how: str) -> None:
    """The peer went away or was sent away: `timeout`, `lost connection`."""
    name, after, session = peer.service.name, peer.core.after, peer.session
    peer.log_trouble(Lost(name, how, after, peer.client, session=session))
    if peer.connection.tls is not None and after in {"CONNECT", "STARTTLS"}:
        # Programs that check our certificate after the handshake leave without a word.
        words = f"{peer.client}: no command after the TLS handshake: {_MISTRUST}"
        peer.log_trouble(Notice(name, words, session=session))


def log_closed(peer: Peer, reason: str) -> None:
    """The core ended the session; an empty reason is the usual end."""
    if reason in {"lost connection", "too many errors"}:
        log_lost(peer, reason)
    elif reason:
        peer.notice(f"{peer.client}: {reason}")
