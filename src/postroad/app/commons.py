"""What the queues of all workers count together: places at a destination, and its rate.

The queue knows names and rates, the counters keys and windows; this joins them. Counts are on the
shelf of our own limits, because only there what a dead worker held is given back.
"""

from __future__ import annotations

from postroad.limits.counters import Counters, Window
from postroad.queue.rate import Rate

__all__ = ["QueueCommons"]

_HELD = "deliveries"
_SPENT = "destination rate"


class QueueCommons:
    """Implements the queue's `Commons` over the counters that workers share."""

    def __init__(self, counters: Counters) -> None:
        """Take the counters.

        Args:
            counters: of our own limits.
        """
        self._counters = counters
        self._windows: dict[Rate, Window] = {}  # as many as the configuration has rates

    def enter(self, name: str) -> int:
        """See `Commons.enter`."""
        return self._counters.enter(_HELD, name)

    def leave(self, name: str) -> None:
        """See `Commons.leave`."""
        self._counters.leave(_HELD, name)

    def spent(self, name: str, rate: Rate, now: float) -> int:
        """See `Commons.spent`."""
        return self._counters.count(self._window(rate), name, now)

    def spend(self, name: str, rate: Rate, now: float) -> None:
        """See `Commons.spend`."""
        self._counters.add(self._window(rate), name, now)

    def _window(self, rate: Rate) -> Window:
        window = self._windows.get(rate)
        if window is None:
            window = self._windows[rate] = Window(_SPENT, rate.seconds)
        return window
