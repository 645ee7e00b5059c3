"""Reading the members of JSON objects (RFC 8259 §4) that were kept, or that somebody else wrote.

What is absent, or of another type than it should be, is the nothing of its type: a record that is
damaged, or of another release, says less and stops nobody.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TypeAlias

__all__ = ["Record", "finite", "mapping", "number_of", "sequence", "text_of", "whole_of"]

Record: TypeAlias = Mapping[str, object]
"""A JSON object."""

_NOTHING: Record = {}


def mapping(value: object) -> Record:
    """An object, or an empty one."""
    return value if isinstance(value, Mapping) else _NOTHING


def sequence(value: object) -> Sequence[object]:
    """An array, or an empty one."""
    return value if isinstance(value, list) else ()


def text_of(record: Record, key: str) -> str:
    """A member that is a string, or an empty one."""
    value = record.get(key)
    return value if isinstance(value, str) else ""


def number_of(record: Record, key: str) -> float:
    """A member that is a number, or 0."""
    value = record.get(key)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else 0.0


def finite(value: object) -> float | None:
    """A number that is none of the infinite ones, which `json` reads as well; or none at all."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:  # a whole number that is larger than any other
        return None
    return found if math.isfinite(found) else None


def whole_of(record: Record, key: str) -> int:
    """A member that is a number without a fraction, or 0."""
    value = record.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
