"""Days: reports are about whole ones, in UTC (RFC 8460 §4.1, RFC 7489 §7.2). Pure."""

from __future__ import annotations

__all__ = ["DAY", "day_of"]

DAY = 86_400
"""Seconds of a day."""


def day_of(now: float) -> int:
    """The number of a day since the epoch, in UTC.

    Args:
        now: seconds since the epoch.
    """
    return int(now // DAY)
