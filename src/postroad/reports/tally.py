"""Counts in memory, until they are written down.

What is counted comes with each message or handshake and must be quick; who writes the counts to the
file takes them all at once. A server to which very many different things happen between two
writings loses details first, and then counts, never memory.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Generic, Protocol, Self, TypeVar

__all__ = ["Counts", "Seen", "Tally"]


class Seen(Hashable, Protocol):
    """Something that happens often."""

    @property
    def in_short(self) -> Self:
        """The same without what only helps to find the cause."""
        ...


_Seen = TypeVar("_Seen", bound=Seen)

Counts = Mapping[tuple[int, _Seen], int]
"""How often what happened, by the number of the day since the epoch."""


class Tally(Generic[_Seen]):
    """Belongs to an event loop."""

    def __init__(self, most_detailed: int, most: int) -> None:
        """Nothing is counted yet.

        Args:
            most_detailed: different things in detail; others are counted in short.
            most: different things in all; what comes beyond is only counted as missed.
        """
        self._most_detailed = most_detailed
        self._most = most
        self._counts: dict[tuple[int, _Seen], int] = {}
        self._missed = 0

    def count(self, day: int, seen: _Seen) -> None:
        """Count one. Never fails."""
        counts = self._counts
        key = (day, seen)
        if key not in counts:
            if len(counts) >= self._most_detailed:
                key = (day, seen.in_short)
            if len(counts) >= self._most and key not in counts:
                self._missed += 1
                return
        counts[key] = counts.get(key, 0) + 1

    def take(self) -> tuple[Counts[_Seen], int]:
        """What was counted since the last time, and how many were not."""
        taken, self._counts = self._counts, {}
        missed, self._missed = self._missed, 0
        return taken, missed
