"""How much room something takes, as an operator writes it: `2048`, `500M`, `1 GiB`.

Binary units, with or without B or iB, as Dovecot's quota_rule has them.
"""

from __future__ import annotations

import re

__all__ = ["LARGEST", "UNITS", "parse_size"]

UNITS = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}
"""By how many bits each moves a number to the left."""

_SIZE = re.compile(r"([0-9]{1,15})\s*([KMGT]?)i?B?", re.IGNORECASE | re.ASCII)

LARGEST = (1 << 63) - 1
"""Octets: what a column of SQLite, and maildirsize for other programs, can hold."""


def parse_size(text: str) -> int:
    """Octets of `500M`, `1G`, `2048` and the like.

    Raises:
        ValueError: it is none of these, or more than `LARGEST`.
    """
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise ValueError('a size is a number of octets or text such as "500M" or "1G"')
    octets = int(found[1]) << UNITS[found[2].upper()]
    if octets > LARGEST:
        raise ValueError("a size is 8 million terabytes at the most")
    return octets
