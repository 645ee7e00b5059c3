"""The parts of a mail that may bring a report (RFC 2046), within bounds. Pure.

Strangers write these mails. So parts are found by looking for boundaries once from the start to the
end, only as deep as forwarders nest them. The library's parser of mail is not used: its time grows
with the depth of nesting times the number of lines.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable, Iterator
from email.message import Message

from postroad.reports.arrival import Malformed

__all__ = ["decoded", "held", "parts"]

MOST_HEADER = 65_536
"""Octets of a header section, of the mail or of a part."""

MOST_PARTS = 200
"""Parts of a mail that are looked at, multiparts and those in them all together."""

DEEPEST = 4
"""Multiparts in multiparts; a report has one, a mailing list adds one."""

_FIELD = re.compile(
    rb"(?im)^(content-(?:type|transfer-encoding|disposition))[ \t]*:(.*(?:\n[ \t].*)*)"
)
_HEADER_END = re.compile(rb"\r?\n\r?\n")
_FORWARDED = "message/rfc822"
MOST_VALUE = 2_000  # characters of one of those fields


def held(chunks: Iterable[bytes], most: int) -> bytes:
    """A whole mail.

    Args:
        chunks: header and body, in pieces.
        most: octets that there may be.

    Raises:
        Malformed: there are more.
    """
    pieces, size = [], 0
    for chunk in chunks:
        pieces.append(chunk)
        size += len(chunk)
        if size > most:
            raise Malformed(f"the mail is longer than {most} octets")
    return b"".join(pieces)


def parts(octets: bytes, *, mails: int = 0) -> Iterator[tuple[Message, bytes]]:
    """The parts that are no multiparts, each with what its header says of its content.

    Args:
        octets: a mail, header and body.
        mails: how deep mails that were forwarded as an attachment are taken apart as well; those
            within are parts like any other.
    """
    return _parts(octets, mails, 0, iter(range(MOST_PARTS)))


def _parts(
    octets: bytes, mails: int, depth: int, room: Iterator[int]
) -> Iterator[tuple[Message, bytes]]:
    """Of a mail or a part of one, in so many multiparts; each one takes of the room for all."""
    if next(room, None) is None:
        return
    head, body = _split(octets)
    if mails and head.get_content_type() == _FORWARDED:
        yield from _parts(body, mails - 1, 0, room)
        return
    if head.get_content_maintype() != "multipart":
        yield head, body
        return
    boundary = head.get_boundary()
    if not boundary or depth >= DEEPEST:
        return
    for part in _between(body, boundary):
        yield from _parts(part, mails, depth + 1, room)


def _split(octets: bytes) -> tuple[Message, bytes]:
    """Header and body. Of the header the fields about content are kept."""
    if octets.startswith((b"\r\n", b"\n")):
        return Message(), octets
    end = _HEADER_END.search(octets, 0, MOST_HEADER)
    section = octets[: end.start()] if end else octets[:MOST_HEADER]
    head = Message()
    for name, value in _FIELD.findall(section):
        key = name.decode("ascii").lower()
        if key not in head:
            head[key] = " ".join(value.decode("latin-1")[:MOST_VALUE].split())
    return head, octets[end.end() :] if end else b""


def _between(body: bytes, boundary: str) -> Iterator[bytes]:
    """What stands between delimiters (RFC 2046 §5.1.1)."""
    try:
        mark = re.escape(boundary.encode("latin-1"))
    except UnicodeEncodeError:
        return
    delimiter = re.compile(rb"(?m)^--" + mark + rb"(--)?[ \t]*\r?$\n?")
    start = None
    for found in delimiter.finditer(body):
        if start is not None:
            yield body[start : found.start()]
        if found[1]:
            return
        start = found.end()
    if start is not None:
        yield body[start:]


def decoded(head: Message, body: bytes) -> bytes:
    """The octets of a part as they were before they became mail.

    Raises:
        Malformed: the encoding is damaged.
    """
    match str(head.get("content-transfer-encoding", "")).strip().lower():
        case "base64":
            try:
                return binascii.a2b_base64(body)
            except binascii.Error:
                raise Malformed("the base64 is damaged") from None
        case "quoted-printable":
            return binascii.a2b_qp(body)
    return body
