"""The JSON in a mail that may be a report (RFC 8460 §5.3), within bounds. Pure.

Strangers write these mails. So parts are found by looking for boundaries once from the start to the
end, only as deep as forwarders nest them, and nothing is unpacked beyond a bound. The library's
parser of mail is not used: its time grows with the depth of nesting times the number of lines.
"""

from __future__ import annotations

import binascii
import re
import zlib
from collections.abc import Iterable, Iterator
from email.message import Message

from postroad.reports.report import Malformed

__all__ = ["MOST_JSON", "MOST_MAIL", "report_in", "unpacked"]

MOST_MAIL = 4_194_304
"""Octets of a mail that is looked at."""

MOST_JSON = 2_097_152
"""Octets of a report, unpacked. Those of the largest providers have some ten thousand; as objects
it takes at most some thirty times as much while it is read."""

MOST_HEADER = 65_536
"""Octets of a header section, of the mail or of a part."""

MOST_PARTS = 50
"""Parts of a multipart that are looked at."""

DEEPEST = 4
"""Multiparts in multiparts; a report has one, a mailing list adds one."""

_KINDS = frozenset({"application/tlsrpt+gzip", "application/tlsrpt+json"})

_LOOSE = frozenset(
    {
        "application/gzip",
        "application/x-gzip",
        "application/json",
        "application/octet-stream",
    }
)
"""What senders use in place of those, for a file whose name ends as a report's does."""

_FIELD = re.compile(
    rb"(?im)^(content-(?:type|transfer-encoding|disposition))[ \t]*:(.*(?:\n[ \t].*)*)"
)
_HEADER_END = re.compile(rb"\r?\n\r?\n")
MOST_VALUE = 2_000  # characters of one of those fields


def report_in(chunks: Iterable[bytes]) -> bytes:
    """The JSON of a report.

    Args:
        chunks: a mail, header and body.

    Raises:
        Malformed: there is none.
    """
    pieces, size = [], 0
    for chunk in chunks:
        pieces.append(chunk)
        size += len(chunk)
        if size > MOST_MAIL:
            raise Malformed(f"the mail is longer than {MOST_MAIL} octets")
    for head, body in _parts(b"".join(pieces), 0):
        if _is_report(head):
            return unpacked(_decoded(head, body))
    raise Malformed("the mail has no part that is a report")


def unpacked(octets: bytes) -> bytes:
    """What is in a gzip file, or the octets where they are none.

    Raises:
        Malformed: the file is damaged, or holds too much.
    """
    if octets[:2] != b"\x1f\x8b":
        if len(octets) > MOST_JSON:
            raise Malformed(f"the report is longer than {MOST_JSON} octets")
        return octets
    unpacking = zlib.decompressobj(wbits=31)
    try:
        found = unpacking.decompress(octets, MOST_JSON + 1)
    except zlib.error:
        raise Malformed("the gzip file is damaged") from None
    if len(found) > MOST_JSON:
        raise Malformed(f"the report is longer than {MOST_JSON} octets, unpacked")
    if not unpacking.eof:
        raise Malformed("the gzip file has no end")
    return found


def _parts(octets: bytes, depth: int) -> Iterator[tuple[Message, bytes]]:
    """The parts that are no multiparts, each with what its header says."""
    head, body = _split(octets)
    if head.get_content_maintype() != "multipart":
        yield head, body
        return
    boundary = head.get_boundary()
    if not boundary or depth >= DEEPEST:
        return
    for part in _between(body, boundary):
        yield from _parts(part, depth + 1)


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
    for count, found in enumerate(delimiter.finditer(body)):
        if start is not None:
            yield body[start : found.start()]
        if found[1] or count >= MOST_PARTS:
            return
        start = found.end()
    if start is not None:
        yield body[start:]


def _is_report(head: Message) -> bool:
    kind = head.get_content_type()
    if kind in _KINDS:
        return True
    name = head.get_filename("").lower()
    return kind in _LOOSE and name.endswith((".json.gz", ".json"))


def _decoded(head: Message, body: bytes) -> bytes:
    match str(head.get("content-transfer-encoding", "")).strip().lower():
        case "base64":
            try:
                return binascii.a2b_base64(body)
            except binascii.Error:
                raise Malformed("the base64 is damaged") from None
        case "quoted-printable":
            return binascii.a2b_qp(body)
    return body
