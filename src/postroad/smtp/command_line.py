"""The first gate of a command: it is one line of clean text (RFC 5321 §2.3.8, §4.1.1).

A line that fails here is refused without a look at what it says. Some failures end the session:
what follows could be read in two ways, by us and by another server on the way.
"""

from __future__ import annotations

from dataclasses import dataclass

from postroad.model import Reply
from postroad.smtp import foreign, replies
from postroad.smtp.auth import SASL_LIMIT
from postroad.smtp.lines import LineBuffer, LineFault

__all__ = ["Garbled", "read_command_line", "read_response_line"]

LINE_CEILING = 65_536
"""Octets of a command where `command_line` is switched off: memory stays bounded all the same."""

AUTH_ROOM = SASL_LIMIT + 64
"""Octets of an AUTH command: an initial response, and room for the verb and the mechanism."""


@dataclass(frozen=True, slots=True)
class Garbled:
    """A line that is no text.

    Attributes:
        reply: what the client is told.
        reason: why the session ends; `None` where it goes on.
    """

    reply: Reply
    reason: str | None = None


_FAULTS: dict[LineFault, Garbled] = {
    LineFault.TOO_LONG: Garbled(replies.LINE_TOO_LONG),
    LineFault.BARE_LF: Garbled(replies.BARE_LF, "the client ended a command with a bare <LF>"),
    LineFault.BARE_CR: Garbled(replies.BARE_CR, "the client sent a bare <CR> in a command"),
}

_FAULTS_OF_AUTH: dict[LineFault, Garbled] = {
    **_FAULTS,
    LineFault.TOO_LONG: Garbled(replies.AUTH_TOO_LONG),
}


def read_command_line(lines: LineBuffer, limit: int, *, secure: bool) -> str | Garbled | None:
    """The next command; `None` while it is incomplete.

    Args:
        lines: what was received.
        limit: octets of a command with its CRLF; 0 for none.
        secure: whether the session runs under TLS.
    """
    if lines.starts_with(foreign.TLS_HANDSHAKE):
        return Garbled(replies.NOT_RECOGNIZED, foreign.reason_for_tls(secure))
    limit = limit or LINE_CEILING
    if lines.pending > limit and lines.starts_with(b"AUTH "):
        limit = max(limit, AUTH_ROOM)
    line = lines.take_line(limit)
    if isinstance(line, bytes):
        return _clean_text(line)
    return None if line is None else _FAULTS[line]


def read_response_line(lines: LineBuffer) -> str | Garbled | None:
    """The next line of an AUTH exchange; `None` while it is incomplete."""
    line = lines.take_line(SASL_LIMIT + 2)
    if isinstance(line, bytes):
        text = _clean_text(line)
        return Garbled(replies.BAD_BASE64) if isinstance(text, Garbled) else text
    return None if line is None else _FAULTS_OF_AUTH[line]


def _clean_text(line: bytes) -> str | Garbled:
    """A line as text, without white space at its end (RFC 5321 §4.1.1)."""
    try:
        text = line.decode().rstrip(" \t")
    except UnicodeDecodeError:
        return Garbled(replies.BAD_UTF8)
    if text.isascii() and text.isprintable():
        return text
    return Garbled(replies.BAD_SYNTAX) if any(map(_is_control, text)) else text


def _is_control(character: str) -> bool:
    return character < " " or "\x7f" <= character <= "\x9f"
