"""How many files of one user may lie in `taken` at a time: the rest of his wait in `new`.

What waits in `taken` is listed at every look, so it needs a bound; and it has one for each user, so
that nobody's waiting mail is in the way of another's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

__all__ = ["MOST_TAKEN", "Shares"]

MOST_TAKEN = 1000
"""Files of one user: as many as are kept aside of him, and listed in some milliseconds."""


class Shares:
    """Of one look into the drop.

    Args:
        most: how many files of a user, by his number, may be taken or waiting.
    """

    def __init__(self, most: Callable[[int], int] = lambda _: MOST_TAKEN) -> None:
        self._most = most
        self._taken: Counter[int] = Counter()
        self.held: set[int] = set()

    def count(self, uid: int) -> None:
        """A file of a user is in `taken` already."""
        self._taken[uid] += 1

    def admits(self, uid: int) -> bool:
        """Count one more file of a user, if that may be taken; else he is among `held`."""
        if self._taken[uid] >= min(MOST_TAKEN, self._most(uid)):
            self.held.add(uid)
            return False
        self._taken[uid] += 1
        return True
