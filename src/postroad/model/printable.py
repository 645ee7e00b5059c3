"""Words that others chose, for a log, a terminal or a report of ours."""

from __future__ import annotations

__all__ = ["beginning", "in_one_line", "printable"]


def printable(text: str) -> str:
    """A text without anything that a reader obeys: such characters are question marks.

    Control characters and line separators would make two lines of one (U+2028, U+0085) or command
    a terminal, and marks of direction would show an address as another (U+202E).
    """
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)


def beginning(text: str, most: int) -> str:
    """The same of a text that may be long: no more than so many characters, and that it goes on."""
    clean = printable(text)
    return clean if len(clean) <= most else f"{clean[:most]}…"


def in_one_line(text: str) -> str:
    """A reason that an operator gives, as lists and logs have it: such characters are blanks."""
    return "".join(mark if mark.isprintable() else " " for mark in text).strip()
