"""Single values of a report: texts, domains, addresses, counts, times. Pure.

What cannot be understood is empty or `None`; whether that matters is for who reads the report.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from postroad.model.ip_address import ip_of
from postroad.model.printable import printable

__all__ = ["MOST_TEXT", "address", "count_of", "domain_of", "line", "moment", "quoted", "word"]

MOST_TEXT = 255
"""Characters of a text that are kept; domains have 253."""

MOST_COUNT = 10**12
"""Messages of a record; a larger number is nobody's."""

_LATEST = 32_503_680_000  # the year 3000, seconds since the epoch


def line(text: str) -> str:
    """One line of printable characters."""
    text = " ".join(text[:MOST_TEXT].split())
    return printable(text)


def quoted(text: str) -> str:
    """A line that a stranger chose, so that nobody takes it for words of ours.

    Args:
        text: printable, as `line` makes it.
    """
    return '"{}"'.format(text.replace('"', "'"))


def word(text: str) -> str:
    """A keyword in lower case; longer ones than any are cut."""
    return text.lower()[:20]


def domain_of(text: str) -> str:
    """A domain in lower case, without the root's dot."""
    return text.lower().rstrip(".")


def address(text: str) -> str:
    """An IP address as it is always written; empty for what is none."""
    if "%" in text:  # a zone, which is nobody's but the receiver's
        return ""
    return str(ip_of(text.strip("[] ")) or "")


_NUMBER = re.compile(r"\+?([0-9]{1,18})(?:\.[0-9]*)?\Z", re.ASCII)


def count_of(text: str) -> int | None:
    """A number of messages; `None`: it is none, or nobody's."""
    found = _NUMBER.match(text)
    if found is None or int(found[1]) > MOST_COUNT:
        return None
    return int(found[1])


def moment(text: str) -> int | None:
    """Seconds since the epoch; some write a date."""
    found = _NUMBER.match(text)
    if found is not None:
        seconds = int(found[1])
    else:
        try:
            date = datetime.fromisoformat(text)
            aware = date if date.tzinfo is not None else date.replace(tzinfo=UTC)
            seconds = int(aware.timestamp())
        except (ValueError, OverflowError):
            return None
    return seconds if 0 <= seconds <= _LATEST else None
