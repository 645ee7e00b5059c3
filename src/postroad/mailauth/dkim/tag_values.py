"""What the tags of a signature may hold, as DKIM and ARC share it (RFC 6376 §3.5, RFC 8617 §4.1).

Values only, and no results: what follows from a tag that holds something else is said where the
signature is read.
"""

from __future__ import annotations

import re

from postroad.model.address import domain_key
from postroad.net.dns_records import to_ascii

__all__ = [
    "BLANKS",
    "FIELD_NAME",
    "LENGTH",
    "LONGEST_NAME",
    "MOST_NAMES",
    "SHA256_OCTETS",
    "TIME",
    "domain_name",
    "is_domain_name",
    "signed_names",
]

LONGEST_NAME = 253
"""Characters of `d=` and of `s=`: no name in the DNS is longer (RFC 1035 §3.1)."""

MOST_NAMES = 1_000
"""Names of `h=`."""

SHA256_OCTETS = 32
"""Of `bh=`."""

TIME = re.compile(r"[0-9]{1,12}\Z")
"""`t=` and `x=`, seconds since the epoch."""

LENGTH = re.compile(r"[0-9]{1,76}\Z")
"""`l=`, octets."""

FIELD_NAME = re.compile(r"[\x21-\x39\x3c-\x7e]+\Z")
"""One name of `h=`."""

BLANKS = re.compile(r"[ \t\r\n]+")
"""What may stand between the parts of a value, and means nothing there."""

_DOMAIN = re.compile(r"[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\Z")


def domain_name(text: str) -> str:
    """A domain name in A-labels and lower case (RFC 8616 §2); empty where it is none."""
    if len(text) > LONGEST_NAME:
        return ""
    text = domain_key(text)
    name = text if text.isascii() else to_ascii(text)
    return name if is_domain_name(name) else ""


def is_domain_name(text: str) -> bool:
    """Whether it is a name in A-labels as it stands."""
    return len(text) <= LONGEST_NAME and _DOMAIN.match(text) is not None


def signed_names(text: str) -> tuple[str, ...]:
    """The names of `h=`, without the blanks around them; one more than `MOST_NAMES` at most."""
    return tuple([BLANKS.sub("", name) for name in text.split(":", MOST_NAMES)])
