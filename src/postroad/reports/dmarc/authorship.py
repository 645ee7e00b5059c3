"""Whose word a report is: the author's domain of its mail, where our border has proved it. Pure.

Mail with reports has to pass DMARC (RFC 9990 §3.5, RFC 7489 §7.2.1.1). What our border found stands
above our Received field, where nothing is but what this server put there; so it is read there and
nowhere else. Mail that was not verified here has nobody's word.
"""

from __future__ import annotations

from collections.abc import Iterable

from postroad.mailauth.results.reading import read
from postroad.model.fields import Fields

__all__ = ["proved_author"]

MOST_HEADER = 65_536
"""Octets of a header section that are looked at, from the top."""

_RESULTS = "authentication-results"


def proved_author(chunks: Iterable[bytes], authserv_id: str) -> str:
    """The author's domain; empty where it is not proved.

    Args:
        chunks: a mail as it was stored.
        authserv_id: the name that our results stand under.
    """
    for field in _header(chunks):
        if field.key == "received":
            break
        if field.key != _RESULTS:
            continue
        results = read(field)
        if results is None or results.authserv_id.lower() != authserv_id.lower():
            continue
        found = [each for each in results.results if each.method == "dmarc"]
        if len(found) == 1 and found[0].result == "pass":
            return found[0].value("header", "from").lower()
        return ""
    return ""


def _header(chunks: Iterable[bytes]) -> Fields:
    octets = b""
    for chunk in chunks:
        octets += chunk[:MOST_HEADER]
        if b"\r\n\r\n" in octets or len(octets) >= MOST_HEADER:
            break
    section = octets.partition(b"\r\n\r\n")[0][:MOST_HEADER]
    return Fields.of(section + b"\r\n")
