"""What came of TLS, counted in memory until it is written down; see `tally`."""

from __future__ import annotations

from collections.abc import Callable

from postroad.reports import tally
from postroad.reports.day import day_of
from postroad.reports.tls.session import SUCCESS, Session

__all__ = ["Counting", "Counts"]

Counts = tally.Counts[Session]

MOST_DETAILED = 10_000
"""Different failures in detail between two writings, some 5 MB; others are counted in short."""

MOST = 20_000
"""Different things in all; what comes beyond is only counted as missed."""


class Counting:
    """Belongs to an event loop.

    Attributes:
        enabled: whether anything is counted.
    """

    def __init__(self, now: Callable[[], float], *, enabled: bool = False) -> None:
        """Nothing is counted yet.

        Args:
            now: seconds since the epoch.
            enabled: whether anything is to be.
        """
        self.enabled = enabled
        self._now = now
        self._tally: tally.Tally[Session] = tally.Tally(MOST_DETAILED, MOST)

    def seen(self, session: Session) -> None:
        """Count one. Never fails."""
        self._tally.count(
            day_of(self._now()), session if session.result != SUCCESS else session.in_short
        )

    def take(self) -> tuple[Counts, int]:
        """See `Tally.take`."""
        return self._tally.take()
