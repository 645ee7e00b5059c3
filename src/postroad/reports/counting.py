"""Counts of what came of TLS, in memory until they are written down.

`seen` is called for each handshake and must be quick; who writes the counts to the file takes them
all at once. A server that talks to very many hosts between two writings loses details first, and
then counts, never memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from postroad.reports.session import SUCCESS, Session, day_of

__all__ = ["Counting", "Counts", "Key"]

Key = tuple[int, Session]
"""A day, and what happened on it."""

Counts = Mapping[Key, int]

MOST_DETAILED = 10_000
"""Different failures in detail between two writings, some 5 MB; others are counted in short."""

MOST = 20_000
"""Different things in all; what comes beyond is only counted as missed."""


class Counting:
    """Belongs to an event loop.

    Attributes:
        enabled: whether anything is counted.
    """

    def __init__(self, now: Callable[[], float], *, enabled: bool) -> None:
        """Nothing is counted yet.

        Args:
            now: seconds since the epoch.
            enabled: whether anything is to be.
        """
        self.enabled = enabled
        self._now = now
        self._counts: dict[Key, int] = {}
        self._missed = 0

    def seen(self, session: Session) -> None:
        """Count one. Never fails."""
        counts = self._counts
        key = (day_of(self._now()), session if session.result != SUCCESS else session.in_short)
        if key not in counts:
            if len(counts) >= MOST_DETAILED:
                key = (key[0], session.in_short)
            if len(counts) >= MOST and key not in counts:
                self._missed += 1
                return
        counts[key] = counts.get(key, 0) + 1

    def take(self) -> tuple[Counts, int]:
        """What was counted since the last time, and how many were not."""
        taken, self._counts = self._counts, {}
        missed, self._missed = self._missed, 0
        return taken, missed
