"""Text that peers chose, as text of ours: printable characters, on lines of our own.

A report quotes replies, addresses and names that others made up. What passes through here can end
neither a field nor a header nor a part, whatever it holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime

__all__ = ["ascii_only", "date", "fold", "lines", "printable"]

_WIDTH = 76  # characters; comfortable width of a folded line
_WORD = 200  # characters; a longer word is cut, so that no line nears 998 octets of UTF-8
_TEXT = 4000  # characters of a text that are quoted


def printable(text: str) -> str:
    """The text on one line, with nothing in it that a reader would obey."""
    text = " ".join(text.splitlines())
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)


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
    return format_datetime(datetime.fromtimestamp(when, UTC))


def lines(texts: Sequence[str]) -> bytes:
    """The texts as lines ended by CRLF."""
    return "".join(f"{text}\r\n" for text in texts).encode("utf-8", "replace")
