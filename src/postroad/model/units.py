"""Units an operator writes: durations such as `5d`, `1h30m` or `300`.

Postfix's suffixes (s, m, h, d, w); a number alone is seconds.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator

__all__ = ["LONGEST", "Duration", "parse_duration"]

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_PART = re.compile(r"([0-9]+)([smhdw])")
_WHOLE = re.compile(r"(?:[0-9]{1,15}[smhdw]){1,20}\Z")
_NUMBER = re.compile(r"[0-9]{1,15}\Z")

LONGEST = 3650 * 86_400.0
"""Seconds in ten years, the longest duration there is. Added to the time of today it is a time that
every clock and every file can hold, and HOLDFOR has digits for it (RFC 4865 §4.2)."""


def parse_duration(value: object) -> float:
    """Seconds from `"5d"`, `"1h30m"`, `"300"` or a number.

    Raises:
        ValueError: it is none of these, negative, or longer than `LONGEST`.
    """
    seconds = _seconds(value)
    if seconds < 0:
        raise ValueError("a duration cannot be negative")
    if not seconds <= LONGEST:
        raise ValueError("a duration is ten years at the most; 0 switches a limit off")
    return float(seconds)


def _seconds(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    if isinstance(value, str):
        if _WHOLE.match(value):
            return sum(int(number) * _SECONDS[unit] for number, unit in _PART.findall(value))
        if _NUMBER.match(value):
            return int(value)
    raise ValueError('a duration is a number of seconds or text such as "5d" or "1h30m"')


Duration = Annotated[float, BeforeValidator(parse_duration)]
"""Seconds. Configuration accepts what `parse_duration` reads."""
