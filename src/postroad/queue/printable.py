"""Text that peers chose, as text of ours: printable characters, on lines of our own.

A report quotes replies, addresses and names that others made up. What passes through here can end
neither a field nor a header nor a part, whatever it holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime

from postroad.model.printable import printable as plain

__all__ = ["ascii_only", "date", "fold", "lines", "moment", "printable"]

_WIDTH = 76  # characters; comfortable width of a folded line
_WORD = 200  # characters; a longer word is cut, so that no line nears 998 octets of UTF-8
_LINE = 998  # octets of a line without its CRLF; only an address can be longer
_TEXT = 4000  # characters of a text that are quoted
_LAST = 253_402_300_799.0  # seconds since the epoch: the last one with a year of four digits


def printable(text: str) -> str:
    """The text on one line, with nothing in it that a reader would obey."""
    return plain(" ".join(text.splitlines()))


def fold(text: str, indent: str) -> list[str]:
    """The text on lines of comfortable width; those after the first begin with the indent."""
    words = [
        word[at : at + _WORD]
        for word in printable(text[:_TEXT]).split()
        for at in range(0, len(word), _WORD)
    ]
    folded = [words[0]]
    for word in words[1:]:
        if len(folded[-1]) + 1 + len(word) <= _WIDTH:
            folded[-1] += f" {word}"
        else:
            folded.append(indent + word)
    return folded


def ascii_only(text: str) -> str:
    """The text with a question mark for each character that is not ASCII."""
    return text.encode("ascii", "replace").decode()


def date(when: float) -> str:
    """A moment (seconds since the epoch) as RFC 5322 §3.3 writes it."""
    return format_datetime(moment(when))


def moment(when: float) -> datetime:
    """A time in seconds since the epoch, as far as the calendar of RFC 5322 goes: to 9999."""
    return datetime.fromtimestamp(max(0.0, min(when, _LAST)), UTC)


def lines(texts: Sequence[str]) -> bytes:
    """The texts as lines ended by CRLF, each cut at 998 octets (RFC 5322 §2.1.1)."""
    return b"".join([_line(text) + b"\r\n" for text in texts])


def _line(text: str) -> bytes:
    octets = text.encode("utf-8", "replace")
    if len(octets) <= _LINE:
        return octets
    return octets[:_LINE].decode("utf-8", "ignore").encode()
