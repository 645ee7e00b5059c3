"""Files of the drop that cannot be queued now: until when each of them waits, and which is next.

Only names and times: why a file waits is the log's, and what is done with it then the pick-up's.
Lost with the process on purpose, for after a start everything is tried at once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

__all__ = ["FIRST_PAUSE", "LONGEST_PAUSE", "Waits"]

FIRST_PAUSE, LONGEST_PAUSE = 10.0, 600.0
"""Seconds until a message is tried again that cannot be queued now; twice as many each time."""


@dataclass(frozen=True, slots=True)
class _Wait:
    """A file that is tried again.

    Attributes:
        pause: seconds that it waits this time.
        until: until when, by the clock that nobody sets.
    """

    pause: float
    until: float


class Waits:
    """Belongs to an event loop.

    Args:
        elapsed: seconds since some moment, by a clock that nobody sets.
    """

    def __init__(self, elapsed: Callable[[], float]) -> None:
        self._elapsed = elapsed
        self._waits: dict[str, _Wait] = {}

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waits)

    def is_due(self, name: str) -> bool:
        """Whether a file is to be tried now."""
        waiting = self._waits.get(name)
        return waiting is None or self._elapsed() >= waiting.until

    def first(self) -> float | None:
        """Seconds until the first of them is due; `None` if nothing waits."""
        if not self._waits:
            return None
        return min(each.until for each in self._waits.values()) - self._elapsed()

    def later(self, name: str, pause: float = FIRST_PAUSE) -> float:
        """Let a file wait, twice as long as the last time.

        Args:
            name: the file's.
            pause: seconds, where it has not waited before.

        Returns:
            Seconds that it waits.
        """
        before = self._waits.get(name)
        pause = pause if before is None else min(before.pause * 2, LONGEST_PAUSE)
        self._waits[name] = _Wait(pause, self._elapsed() + pause)
        return pause

    def end(self, name: str) -> None:
        """The file is done with."""
        self._waits.pop(name, None)

    def keep(self, names: Collection[str]) -> None:
        """Forget all files but these."""
        self._waits = {name: one for name, one in self._waits.items() if name in names}
