"""Values that are made for every message: dataclasses that nobody may change, and quickly made.

`@dataclass(frozen=True)` sets each field by way of `object.__setattr__`, which costs ten times a
plain assignment; a message makes some hundred fields. A `@value` is frozen to whoever checks types,
which is how mistakes are found here, and an ordinary dataclass with slots at run time. It has
equality and a hash as a frozen one has.

Everything that is not made for each command or message stays `@dataclass(frozen=True)`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

__all__ = ["value"]

_Class = TypeVar("_Class")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def value(cls: type[_Class]) -> type[_Class]:
    """Make a class a value."""
    return dataclass(slots=True, unsafe_hash=True)(cls)
