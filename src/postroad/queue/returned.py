"""What a report returns of the original message (RFC 3461 §4.3), as the last part of it.

Its header; or all of it, where the sender asked for that with RET=FULL, the report is of a failure,
and the message is small enough. A whole message goes into its part as it is (RFC 2046 §5.2.1 lets
nobody encode it), so one that could not travel as text does not return whole: binary content, or
lines that are too long. Nor does one that may travel under TLS only (RFC 8689 §5).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from postroad.model import Action, BodyType, Content, Return, StoredMessage
from postroad.queue.delivery_status import takes_utf8

__all__ = ["Returned", "header_section", "returned"]

HEADER_LIMIT = 65_536  # octets of the original's header that are returned
_LINE_LIMIT = 998  # octets without CRLF, RFC 5322 §2.1.1
_BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n|\0")


@dataclass(frozen=True, slots=True)
class Returned:
    """What goes back.

    Attributes:
        octets: the message or its header section.
        whole: which of them.
    """

    octets: bytes = b""
    whole: bool = False

    def kind(self, message: StoredMessage) -> str:
        """The content type of the part: RFC 6522 §4, RFC 6533 §4 where it may be UTF-8."""
        octets = self.octets
        if not octets.isascii() and takes_utf8(message.envelope) and _is_utf8(octets):
            return "message/global" if self.whole else "message/global-headers"
        return "message/rfc822" if self.whole else "text/rfc822-headers"


def returned(message: StoredMessage, action: Action, limit: int) -> Returned:
    """Read what a report returns of its original; may block, where the content is a file.

    Args:
        message: the original.
        action: what is reported.
        limit: octets up to which a message returns whole; 0 for any number.

    Raises:
        SpoolError: the content cannot be read.
    """
    envelope, content = message.envelope, message.content
    is_wanted = (
        envelope.ret is Return.FULL
        and action is Action.FAILED
        and not envelope.require_tls
        and envelope.body is not BodyType.BINARY_MIME
    )
    if is_wanted and (not limit or content.size <= limit):
        octets = b"".join(content.chunks())
        if not _BARE.search(octets) and not _has_long_line(octets):
            return Returned(octets, whole=True)
    return Returned(header_section(content))


def header_section(content: Content, limit: int = HEADER_LIMIT) -> bytes:
    """The header of a message without its closing empty line: whole lines, at most `limit` octets.

    Lines over 998 octets are cut there. What would end a line anywhere else becomes a blank.
    """
    start = _start(content, limit)
    if not start or start.startswith(b"\r\n"):
        return b""
    head, end, _ = start.partition(b"\r\n\r\n")
    if not end or len(head) + 2 > limit:
        head = head[: head.rfind(b"\r\n", 0, limit)] if b"\r\n" in head[:limit] else head[:limit]
    found = head.removesuffix(b"\r\n").split(b"\r\n")
    return b"".join(_BARE.sub(b" ", _cut(line)) + b"\r\n" for line in found)


def _start(content: Content, limit: int) -> bytes:
    """The first chunks, up to the one with the end of the header, or with too much of it."""
    start = b""
    for chunk in content.chunks():
        start += chunk
        if len(start) > limit or b"\r\n\r\n" in start or start.startswith(b"\r\n"):
            break
    return start


def _has_long_line(octets: bytes) -> bool:
    """Whether a line is over 998 octets. Goes from one end of a line to the last one in reach."""
    at = 0
    while len(octets) - at > _LINE_LIMIT:
        end = octets.rfind(b"\r\n", at, at + _LINE_LIMIT + 2)
        if end < 0:
            return True
        at = end + 2
    return False


def _is_utf8(octets: bytes) -> bool:
    try:
        octets.decode()
    except UnicodeDecodeError:
        return False
    return True


_BROKEN = re.compile(rb"[\xc0-\xff][\x80-\xbf]*\Z")


def _cut(line: bytes) -> bytes:
    """At most 998 octets of a line; no UTF-8 character is cut in two."""
    if len(line) <= _LINE_LIMIT:
        return line
    cut = line[:_LINE_LIMIT]
    return _BROKEN.sub(b"", cut) if 0x80 <= line[_LINE_LIMIT] < 0xC0 else cut
