"""What else speaks to an SMTP port: TLS, HTTP, and clients that are out of step.

Such a session ends at the first sign. Going on would let one protocol's text be run as another's
commands, and the reason in the log tells the operator which side is set up wrongly.
"""

from __future__ import annotations

from postroad.model import Reply
from postroad.smtp import replies

__all__ = [
    "EARLY_CONTENT",
    "ENDLESS_CHUNK",
    "FATAL",
    "PAST_STARTTLS",
    "TLS_HANDSHAKE",
    "reason_for_tls",
    "recognize",
]

TLS_HANDSHAKE = b"\x16"
"""The first octet of a TLS record with a ClientHello (RFC 8446 §5.1); no command begins so."""

EARLY_CONTENT = "the client sent content before it was asked for, and DATA was refused"
ENDLESS_CHUNK = "the client announced a chunk far over the limit, and it was refused"
PAST_STARTTLS = "the client sent more behind STARTTLS before TLS began"

_HTTP = "the client speaks HTTP"
_CONTENT = "the client sends the header of a message where a command is due"

FATAL: dict[Reply, str] = {
    replies.NO_CHUNKING: "the client uses BDAT, which is not offered",
    replies.SYNTAX_BDAT: "the client sent a malformed BDAT",
}
"""Refusals of a command that end the session, and why: RFC 3030 §2 has octets follow a BDAT without
a pause, and where it is not known how many they would be read as commands."""

_VERBS: dict[str, tuple[Reply, str]] = {
    # RFC 9110 §9
    "CONNECT": (replies.FORBIDDEN, _HTTP),
    "DELETE": (replies.FORBIDDEN, _HTTP),
    "GET": (replies.FORBIDDEN, _HTTP),
    "HEAD": (replies.FORBIDDEN, _HTTP),
    "OPTIONS": (replies.FORBIDDEN, _HTTP),
    "PATCH": (replies.FORBIDDEN, _HTTP),
    "POST": (replies.FORBIDDEN, _HTTP),
    "PUT": (replies.FORBIDDEN, _HTTP),
    "TRACE": (replies.FORBIDDEN, _HTTP),
}


def recognize(verb: str) -> tuple[Reply, str] | None:
    """The farewell and the reason for a verb, in capitals, that ends the session at once."""
    if verb.endswith(":") and len(verb) > 1:
        return replies.FORBIDDEN, _CONTENT
    return _VERBS.get(verb)


def reason_for_tls(secure: bool) -> str:
    """Why a ClientHello where a command is due ends the session.

    Args:
        secure: whether the session runs under TLS already.
    """
    if secure:
        return "the client speaks TLS inside of TLS"
    return "the client speaks TLS on a port that starts in plain text"
