"""Tables made of tables: `unionmap:{a, b}` and `pipemap:{a, b}` (DATABASE_README).

They hold what they are made of, and close none of it: whoever opened it does.
"""

from __future__ import annotations

from collections.abc import Sequence

from postroad.tables.braces import content, words
from postroad.tables.table import Table, TableMistake

__all__ = ["PipeTable", "UnionTable", "part_names"]

MAX_VALUES = 10_000
"""Answers that a union is said to have; with more ways to join them, it is said to have any."""


class _Combined:
    """What is made of other tables."""

    __slots__ = ("_parts", "name")

    def __init__(self, name: str, parts: Sequence[Table]) -> None:
        self.name = name
        self._parts = parts

    @property
    def takes_parts(self) -> bool:
        """As the first one, which is what Postfix goes by."""
        return self._parts[0].takes_parts

    async def close(self) -> None:
        """Nothing is held."""


class UnionTable(_Combined):
    """Every table is asked; all that is found is joined by commas."""

    __slots__ = ()

    async def find(self, key: str) -> str | None:
        """What was found, joined.

        Raises:
            TableUnavailable: one of them cannot answer, so the answer is not whole.
        """
        found = [value for part in self._parts if (value := await part.find(key)) is not None]
        joined = ",".join(each for each in found if each)
        return joined or None

    def values(self) -> frozenset[str] | None:
        """Every way in which some of them may answer together."""
        joined = {""}
        for part in self._parts:
            own = part.values()
            if own is None or len(joined) * (len(own) + 1) > MAX_VALUES:
                return None
            joined |= {f"{left},{right}" if left else right for left in joined for right in own}
        return frozenset(joined - {""})


class PipeTable(_Combined):
    """The first table is asked for the key, each other one for what the one before answered."""

    __slots__ = ()

    async def find(self, key: str) -> str | None:
        """The last one's answer; none where any of them has none.

        Raises:
            TableUnavailable: one of them cannot answer.
        """
        value: str | None = key
        for part in self._parts:
            value = None if value is None else await part.find(value)
        return value

    def values(self) -> frozenset[str] | None:
        """Those of the last one."""
        return self._parts[-1].values()


def part_names(rest: str) -> list[str]:
    """The names in `{a, b}`.

    Raises:
        TableMistake: it is not of this form, or empty.
    """
    names = words(content(rest))
    if not names:
        raise TableMistake('expected tables, "{TYPE:REST, TYPE:REST}"')
    return names
