"""Header fields that policy puts before a message's own (access(5), PREPEND).

They may come from a policy service, which may repeat what a stranger told it. So whatever it says,
each is one field: it cannot end the header section, begin another field, or be a line that no mail
server takes (RFC 5322 §2.1.1).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["MAX_PREPENDED", "field_lines", "prepended"]

MAX_PREPENDED = 65_536
"""Octets of prepended fields that a message gets, all of them together: more than any filter says,
and little beside the header that a message may bring itself."""

MAX_LINE = 998
"""Octets of a line without its end, RFC 5322 §2.1.1."""

_NAME = re.compile(rb"[!-9;-~]+[ \t]*:")
_UNSAFE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]+")
_BLANKS = re.compile(rb"[ \t]+")


def prepended(fields: Sequence[str]) -> tuple[bytes, tuple[str, ...]]:
    """Fields as they go into the message.

    Args:
        fields: each `Name: value`, without its line end.

    Returns:
        Their lines, and those fields that are left out: they are none, or there are too many.
    """
    lines: list[bytes] = []
    left_out: list[str] = []
    room = MAX_PREPENDED
    for field in fields:
        octets = field_lines(field)
        if not octets or len(octets) > room:
            left_out.append(field)
            continue
        room -= len(octets)
        lines.append(octets)
    return b"".join(lines), tuple(left_out)


def field_lines(field: str) -> bytes:
    """One field with its line ends, folded only where it must be; empty where it is none."""
    octets = _UNSAFE.sub(b" ", field.encode("utf-8", "replace")).strip()
    if _NAME.match(octets) is None:
        return b""
    if len(octets) <= MAX_LINE:
        return octets + b"\r\n"
    return b"\r\n".join(_folded(_BLANKS.sub(b" ", octets))) + b"\r\n"


def _folded(octets: bytes) -> list[bytes]:
    """Lines of a long field, each but the first with a blank before it (RFC 5322 §2.2.3).

    Folded at a blank where there is one; else between two characters, which puts one there.
    """
    lines: list[bytes] = []
    while len(octets) > MAX_LINE:
        at = octets.rfind(b" ", 1, MAX_LINE + 1)
        if at > len(_name(octets, first=not lines)):
            lines.append(octets[:at])
            octets = octets[at:]
            continue
        at = MAX_LINE
        while octets[at] & 0xC0 == 0x80:  # not in the middle of a character
            at -= 1
        lines.append(octets[:at])
        octets = b" " + octets[at:]
    lines.append(octets)
    return lines


def _name(octets: bytes, *, first: bool) -> bytes:
    """What must stay together with at least something behind it: the name and its colon."""
    match = _NAME.match(octets) if first else None
    return match[0] if match else b""
