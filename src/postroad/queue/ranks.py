"""A queue of several ranks: the highest first, but nobody waits for ever.

The ranks are the priorities of messages (RFC 6710), -9 to 9. Whatever waits in the highest rank
goes first. But when a rank has gone before lower ones `PATIENCE` times, the next turn is theirs, by
the same rule among themselves. So of all turns at least one in nine goes below the highest rank,
one in eighty-one below the second, and so on: less, never nothing.

Where all mail is of one rank, as nearly all mail is, this is one queue.
"""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

__all__ = ["PATIENCE", "Ranks"]

T = TypeVar("T")

PATIENCE = 8
"""Turns in succession that a rank has while lower ones wait."""


class _Rank(Generic[T]):
    __slots__ = ("priority", "queue", "served")

    def __init__(self, priority: int) -> None:
        self.priority = priority
        self.queue: deque[T] = deque()
        self.served = 0


class Ranks(Generic[T]):
    """The queue. Its ranks, once made, stay; there are nineteen at the most."""

    __slots__ = ("_ranks",)

    def __init__(self) -> None:
        self._ranks: list[_Rank[T]] = []

    def __bool__(self) -> bool:
        """Whether anything waits."""
        for rank in self._ranks:  # noqa: SIM110 - asked for at every turn: no generator
            if rank.queue:
                return True
        return False

    def put(self, priority: int, item: T) -> None:
        """Let an item wait behind the others of its rank."""
        self._rank(priority).queue.append(item)

    def put_first(self, priority: int, item: T) -> None:
        """Let an item wait before the others of its rank."""
        self._rank(priority).queue.appendleft(item)

    def take(self) -> T:
        """The item whose turn it is.

        Raises:
            IndexError: nothing waits.
        """
        ranks = self._ranks
        rank = ranks[0] if len(ranks) == 1 else self._choose()
        return rank.queue.popleft()

    def clear(self) -> None:
        """Nothing waits any more."""
        self._ranks.clear()

    def _choose(self) -> _Rank[T]:
        waiting = [rank for rank in self._ranks if rank.queue]
        for rank in waiting[:-1]:
            if rank.served < PATIENCE:
                rank.served += 1
                return rank
            rank.served = 0
        return waiting[-1]

    def _rank(self, priority: int) -> _Rank[T]:
        for rank in self._ranks:
            if rank.priority == priority:
                return rank
        made: _Rank[T] = _Rank(priority)
        self._ranks.append(made)
        self._ranks.sort(key=lambda rank: -rank.priority)
        return made
