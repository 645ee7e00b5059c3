"""The JSON in a mail that may be a report (RFC 8460 §5.3), within bounds. Pure.

Strangers write these mails, so nothing is unpacked beyond a bound.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from email.message import Message

from postroad.reports.arrival import Malformed
from postroad.reports.parts import decoded, held, parts

__all__ = ["MOST_JSON", "MOST_MAIL", "report_in", "unpacked"]

MOST_MAIL = 4_194_304
"""Octets of a mail that is looked at."""

MOST_JSON = 2_097_152
"""Octets of a report, unpacked. Those of the largest providers have some ten thousand; as objects
it takes at most some thirty times as much while it is read."""

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


def report_in(chunks: Iterable[bytes]) -> bytes:
    """The JSON of a report.

    Args:
        chunks: a mail, header and body.

    Raises:
        Malformed: there is none.
    """
    for head, body in parts(held(chunks, MOST_MAIL)):
        if _is_report(head):
            return unpacked(decoded(head, body))
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


def _is_report(head: Message) -> bool:
    kind = head.get_content_type()
    if kind in _KINDS:
        return True
    name = head.get_filename("").lower()
    return kind in _LOOSE and name.endswith((".json.gz", ".json"))
