"""Who is to be looked at again, and when. Pure: time is an argument.

Deliveries that wait for a rate wait for a moment, and nothing else will remind anybody of it. The
planner asks here what has come due, and tells its caller when to ask next.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Generic, TypeVar

__all__ = ["Timetable"]

T = TypeVar("T")


class Timetable(Generic[T]):
    """Things with the time at which each is due, the soonest first."""

    __slots__ = ("_count", "_heap")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, T]] = []
        self._count = 0  # makes entries of one moment comparable, and keeps their order

    @property
    def soonest(self) -> float | None:
        """When the next thing is due, seconds since the epoch; `None`: nothing is."""
        return self._heap[0][0] if self._heap else None

    def put(self, at: float, thing: T) -> None:
        """Let a thing be due at this time."""
        self._count += 1
        heapq.heappush(self._heap, (at, self._count, thing))

    def due(self, now: float) -> Iterator[T]:
        """Take out what is due."""
        while self._heap and self._heap[0][0] <= now:
            yield heapq.heappop(self._heap)[2]
