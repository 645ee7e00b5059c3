"""Whether a message's header needs SMTPUTF8: octets over 127 in a header section (RFC 6532 §3).

The header of the message counts, of each MIME part, and of messages within. Parts are found by
lines that look like delimiters; no MIME is parsed. So it errs, where it errs, on the side of
need. It runs only for mail that was submitted with SMTPUTF8 and meets a server without.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from postroad.model import Content

__all__ = ["has_utf8_header"]

MAX_LINE = 65_536
"""Octets of a line that are held; the rest counts as a line of its own."""

_FIELD = re.compile(rb"[ \t]|[!-9;-~]+[ \t]*:")
_MESSAGE = re.compile(rb"content-type[ \t]*:[ \t]*message/", re.IGNORECASE)


def has_utf8_header(content: Content) -> bool:
    """Whether a header section of the content is more than ASCII.

    Raises:
        postroad.spool.SpoolError: the content cannot be read.
    """
    in_header, in_part, holds_message = True, False, False
    for line in _lines(content):
        if not in_header:
            in_header = in_part = line.startswith(b"--")
            holds_message = False
        elif not line:
            # The header of a message within follows at once.
            in_header, holds_message = holds_message, False
        elif in_part and not _FIELD.match(line):
            in_header = False  # a line of text that only began like a delimiter
        elif not line.isascii():
            return True
        elif _MESSAGE.match(line):
            holds_message = True
    return False


def _lines(content: Content) -> Iterator[bytes]:
    """The lines without their ends; the last one may lack it."""
    held = b""
    for chunk in content.chunks():
        *lines, held = (held + chunk).split(b"\r\n")
        yield from lines
        while len(held) > MAX_LINE:
            yield held[:MAX_LINE]
            held = held[MAX_LINE:]
    yield held
