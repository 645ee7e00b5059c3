"""Lines with octets over 127, written as quoted-printable (RFC 2045 §6.7), piece by piece.

Knows nothing of messages: it gets the octets of lines and their ends. A line end stays one, so
text remains text; whatever else is not printable ASCII becomes `=XX`. A line may be of any length:
no more than one line of output is held.
"""

from __future__ import annotations

import re

__all__ = ["QuotedPrintable"]

_ROOM = 73
"""Octets after which a line is broken softly. With a last `=XX` and the `=` of the soft break that
makes 76 at the most, which is the limit (RFC 2045 §6.7, rule 5)."""

_UNSAFE = re.compile(rb"[^\t -<>-~]")
_SPELT = {bytes([octet]): b"=%02X" % octet for octet in range(256)}
_SOFT_BREAK = b"=\r\n"


class QuotedPrintable:
    """Encodes the lines of one body."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = b""

    def feed(self, text: bytes) -> bytes:
        """What can be written of a line, or of a part of one, that goes on with `text`.

        Args:
            text: octets without the line's end.
        """
        line = self._held + _UNSAFE.sub(_spelt, text)
        parts: list[bytes] = []
        at = 0
        while (after := _break(line, at)) < len(line):
            parts += (line[at:after], _SOFT_BREAK)
            at = after
        self._held = line[at:]
        return b"".join(parts)

    def end_line(self) -> bytes:
        """The rest of the line, without its end. A blank there would get lost (rule 3)."""
        rest, self._held = self._held, b""
        if rest.endswith((b" ", b"\t")):
            return rest[:-1] + _SPELT[rest[-1:]]
        return rest


def _spelt(found: re.Match[bytes]) -> bytes:
    return _SPELT[found[0]]


def _break(line: bytes, at: int) -> int:
    """Where the line that begins at `at` is to be broken: never within an `=XX`."""
    last = at + _ROOM
    if line[last - 1 : last] == b"=":
        return last + 2
    if line[last - 2 : last - 1] == b"=":
        return last + 1
    return last
