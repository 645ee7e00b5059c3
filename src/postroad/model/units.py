"""Units an operator writes: durations such as `5d`, `1h30m` or `300`.

Postfix's suffixes (s, m, h, d, w); a number alone is seconds.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator

__all__ = ["Duration", "parse_duration"]

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_PART = re.compile(r"(\d+)([smhdw])")
_WHOLE = re.compile(r"(?:\d+[smhdw])+\Z")


def parse_duration(value: object) -> float:
    """Seconds from `"5d"`, `"1h30m"`, `"300"` or a number.

    Raises:
        ValueError: it is none of these, or negative.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError('a duration is a number of seconds or text such as "5d" or "1h30m"')
    if isinstance(value, str):
        if _WHOLE.match(value):
            return float(sum(int(n) * _SECONDS[unit] for n, unit in _PART.findall(value)))
        if not value.isdigit():
            raise ValueError('a duration is a number of seconds or text such as "5d" or "1h30m"')
    if float(value) < 0:
        raise ValueError("a duration cannot be negative")
    return float(value)


Duration = Annotated[float, BeforeValidator(parse_duration)]
"""Seconds. Configuration accepts what `parse_duration` reads."""
