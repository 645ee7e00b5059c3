"""The protocol of spamd, version 1.5: one request, one answer, octets in and values out.

SpamAssassin's `spamd/PROTOCOL` says what there is. `SYMBOLS` is what is asked: the score, the
threshold and the names of the tests, and not the message again, so that an answer is small. No I/O
here.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from postroad.filters.scoring import read_points
from postroad.model.printable import printable

__all__ = ["MOST_ANSWER", "Garbled", "Symbols", "read_symbols", "request"]

MOST_ANSWER = 65_536
"""Octets: some thousand names of tests, far more than there are in one message."""

_FIRST = re.compile(rb"SPAMD/\d+\.\d+ +(\d{1,5}) +([^\r\n]*)\Z")
_SPAM = re.compile(
    rb"\s*(true|yes|false|no)\s*;\s*(-?[0-9.]{1,20})\s*/\s*(-?[0-9.]{1,20})\s*\Z", re.IGNORECASE
)


class Garbled(Exception):
    """The answer is none of the protocol's, or says that there is no verdict; the text says why."""


class Symbols(NamedTuple):
    """A verdict.

    Attributes:
        is_spam: by SpamAssassin's own threshold.
        points: the score.
        required: that threshold.
        tests: names of what was found.
    """

    is_spam: bool
    points: float
    required: float
    tests: tuple[str, ...]


def request(length: int, user: str = "") -> bytes:
    """The head of a request.

    Args:
        length: octets of the message that follows.
        user: whose preferences hold; empty: the daemon's own.
    """
    lines = ["SYMBOLS SPAMC/1.5", f"Content-length: {length}"]
    if user:
        lines.append(f"User: {user}")
    return "".join(f"{each}\r\n" for each in (*lines, "")).encode()


def read_symbols(answer: bytes) -> Symbols:
    """Read a whole answer.

    Raises:
        Garbled: it is none, or none that helps.
    """
    head, found, body = answer.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    first = _FIRST.match(lines[0])
    if first is None:
        raise Garbled("the connection ended without an answer" if not answer else "nonsense")
    if int(first[1]):
        raise Garbled(f"it says {_plain(first[2])}")
    fields = dict(_field(line) for line in lines[1:])
    verdict = _SPAM.match(fields.get(b"spam", b""))
    if not found or verdict is None:
        raise Garbled("an answer without a score")
    length = fields.get(b"content-length", b"")
    if length.isdigit() and len(length) < 10 and len(body) < int(length):
        raise Garbled("the answer ended in the middle")
    points, required = read_points(verdict[2].decode()), read_points(verdict[3].decode())
    if points is None or required is None:
        raise Garbled("an answer without a score")
    tests = tuple(each.strip() for each in body.decode("ascii", "replace").split(","))
    is_spam = verdict[1].lower() in (b"true", b"yes")
    return Symbols(is_spam, points, required, tuple(each for each in tests if each))


def _field(line: bytes) -> tuple[bytes, bytes]:
    name, _, value = line.partition(b":")
    return name.strip().lower(), value.strip()


def _plain(octets: bytes) -> str:
    text = octets[:200].decode("ascii", "replace")
    return printable(text)
