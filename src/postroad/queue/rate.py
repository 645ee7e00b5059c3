"""A rate as an operator writes it, and the even pace that keeps it. Pure.

A rate is kept by spacing, not by counting: of 30 in a minute one goes every two seconds, as with
Postfix's destination_rate_delay, and not thirty at once and then none. A destination that counts
over some window of its own never sees more than the rate in it, wherever that window begins.

What was not used is not saved up, but for `LEEWAY`: a sleeper wakes some milliseconds late, and at
100 a second that would cost a good part of the rate.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator

__all__ = ["LEEWAY", "MOST_PER_SECOND", "Pace", "Rate", "RateText", "parse_rate"]

LEEWAY = 0.1
"""Seconds by which a delivery may be early. The long-run rate stays what it is."""

MOST_PER_SECOND = 100_000
"""More than any machine delivers: such a rate is a slip of the hand."""

_STEPS = 10
"""Deliveries by which all workers together may be ahead of an even pace."""

_SHORTEST_PART = 1.0
"""Seconds, the shortest window that the counters of all workers know."""

_SECONDS = {
    "s": 1.0,
    "sec": 1.0,
    "second": 1.0,
    "m": 60.0,
    "min": 60.0,
    "minute": 60.0,
    "h": 3600.0,
    "hour": 3600.0,
    "d": 86_400.0,
    "day": 86_400.0,
}
_RATE = re.compile(r"([0-9]{1,9})\s*/\s*([a-z]+)\Z")


@dataclass(frozen=True, slots=True)
class Rate:
    """So many in a time.

    Attributes:
        count: how many; at least 1.
        seconds: in how long.
    """

    count: int
    seconds: float

    @property
    def interval(self) -> float:
        """Seconds from one to the next."""
        return self.seconds / self.count

    @property
    def part(self) -> Rate:
        """The same rate over a shorter time, in which several who keep it may run ahead of it."""
        seconds = max(_STEPS * self.interval, _SHORTEST_PART)
        if seconds >= self.seconds:
            return self
        return Rate(max(int(seconds / self.interval), 1), seconds)


def parse_rate(text: str) -> Rate | None:
    """Read `"30/min"`, `"2/s"`, `"500/h"` or `"10000/d"`; empty: no rate.

    Raises:
        ValueError: it is none of these.
    """
    if not text:
        return None
    found = _RATE.match(text.strip().lower())
    seconds = _SECONDS.get(found[2]) if found else None
    if found is None or seconds is None:
        raise ValueError('a rate is a number and a time, such as "30/min", "2/s" or "500/h"')
    rate = Rate(int(found[1]), seconds)
    if rate.count == 0:
        raise ValueError("a rate of 0 would deliver nothing; leave rate out, or defer_transports")
    if rate.count > MOST_PER_SECOND * seconds:
        raise ValueError(f"a rate is {MOST_PER_SECOND} a second at the most")
    return rate


def _readable(value: object) -> object:
    if isinstance(value, str):
        parse_rate(value)
    return value


RateText = Annotated[str, BeforeValidator(_readable)]
"""A text that `parse_rate` reads; configuration refuses any other."""


class Pace:
    """Keeps a rate, one step after the other.

    Attributes:
        opens_at: when the next may go, seconds since the epoch.
    """

    __slots__ = ("_due", "interval", "opens_at")

    def __init__(self, rate: Rate) -> None:
        self.interval = rate.interval
        self._due = 0.0  # when the next would go at an even pace
        self.opens_at = 0.0

    def step(self, now: float) -> None:
        """One goes, `now` (seconds since the epoch)."""
        self._due = max(self._due, now) + self.interval
        if self._due - now > self.interval + 1.0:  # the clock was set back
            self._due = now + self.interval
        self.opens_at = self._due - min(LEEWAY, self.interval)
