"""How a message is made ready to be hashed: `simple` or `relaxed` (RFC 6376 §3.4).

Signing, verifying and ARC share them. A body comes in pieces of any size and goes out in pieces;
what is held back is at most a line end, and a count of empty lines.

Theory of operation. All heavy work is done by `bytes.replace`, which costs what the octets cost,
whatever they are: a megabyte of blanks is no dearer than a megabyte of text. Runs of blanks are
halved until none is left, long ones by longer steps first. What cannot be decided yet stays for
the next piece: a blank at its end, of which a line end would make nothing, a CR, and empty lines,
which count only if something follows them.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

from postroad.model.fields import Field

__all__ = ["BodyCanonicalization", "Canonicalization", "header_field", "ways_of"]

_CRLF = b"\r\n"
_RUNS = (b" " * 64, b" " * 8, b"  ")

LINES_AT_ONCE = 4096
"""Empty lines that go out in one piece: a body may be gigabytes of them."""


class Canonicalization(Enum):
    """How a header or a body is made ready."""

    SIMPLE = "simple"
    RELAXED = "relaxed"


def ways_of(text: str) -> tuple[Canonicalization, Canonicalization] | None:
    """What `c=` says of header and body; `None`: neither of these two ways, or no way at all.

    A body that is not named is `simple` (RFC 6376 §3.5).
    """
    header, _, body = text.lower().partition("/")
    try:
        return Canonicalization(header.strip()), Canonicalization(body.strip() or "simple")
    except ValueError:
        return None


def header_field(field: Field, way: Canonicalization) -> bytes:
    """One field, with its line end (RFC 6376 §3.4.1, §3.4.2)."""
    if way is Canonicalization.SIMPLE:
        return field.octets
    name, _, value = field.octets.partition(b":")
    text = _single(value.replace(_CRLF, b"")).strip(b" ")
    return name.rstrip(b" \t\r\n").lower() + b":" + text + _CRLF


def _single(octets: bytes) -> bytes:
    """With one space in place of each run of blanks."""
    octets = octets.replace(b"\t", b" ")
    for run in _RUNS:
        while run in octets:
            octets = octets.replace(run, b" ")
    return octets


class BodyCanonicalization:
    """A body on its way through (RFC 6376 §3.4.3, §3.4.4)."""

    __slots__ = ("_empty", "_has_text", "_is_relaxed", "_tail")

    def __init__(self, way: Canonicalization) -> None:
        self._is_relaxed = way is Canonicalization.RELAXED
        self._tail = b""  # what may still be part of a line end
        self._empty = 0  # line ends that count only if something follows
        self._has_text = False

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """Take octets; gives what is certain now."""
        octets = self._tail + piece if self._tail else piece
        if self._is_relaxed:
            octets = _single(octets).replace(b" \r\n", _CRLF)
        end = len(octets)
        if octets.endswith(b"\r"):
            end -= 1
        if self._is_relaxed and octets.endswith(b" ", 0, end):
            end -= 1
        self._tail = octets[end:]
        text, empty = _without_line_ends(octets[:end])
        if text:
            yield from self._line_ends()
            yield text
            self._has_text = True
        self._empty += empty

    def end(self) -> Iterator[bytes]:
        """Nothing more comes; gives the rest."""
        rest = self._tail.strip(b" ") if self._is_relaxed else self._tail
        if rest:
            yield from self._line_ends()
            yield rest
            self._has_text = True
        if self._has_text or not self._is_relaxed:
            yield _CRLF

    def _line_ends(self) -> Iterator[bytes]:
        whole, rest = divmod(self._empty, LINES_AT_ONCE)
        for _ in range(whole):
            yield _CRLF * LINES_AT_ONCE
        if rest:
            yield _CRLF * rest
        self._empty = 0


def _without_line_ends(octets: bytes) -> tuple[bytes, int]:
    """The octets without the line ends at their end, and how many these are."""
    text = octets.rstrip(_CRLF)
    ends = len(octets) - len(text)
    if octets.endswith(_CRLF * (ends // 2)) and not ends % 2:
        return text, ends // 2
    # A lone CR or LF is among them: text like any other. Pairs are counted as single octets.
    tail = octets[len(text) :].replace(_CRLF, b"\0")
    count = len(tail) - len(tail.rstrip(b"\0"))
    return octets[: len(octets) - 2 * count], count
