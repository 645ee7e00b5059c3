"""How many deliveries one destination may have at once, and whether it is alive at all.

It knows counts and times, not messages. Success widens the window by one, a failed attempt halves
it; that is how a sender finds out what a receiver bears without being told. A destination that
does not answer is dead: nothing is sent until its pause is over, then one delivery is the probe.
Pauses double from one failed probe to the next, up to ten minutes.
"""

from __future__ import annotations

from postroad.model import Reply
from postroad.queue.schedule import Schedule
from postroad.queue.settings import QueueSettings

__all__ = ["Window"]

_UNLIMITED = 1 << 30


class Window:
    """The concurrency and the liveness of one destination.

    Attributes:
        running: deliveries that were begun and have not ended.
        retry_at: when a dead destination may be probed, seconds since the epoch.
        reason: the reply that a dead destination's other mail is deferred with; `None`: alive.
    """

    __slots__ = ("_initial", "_limit", "_most", "_pause", "_since", "reason", "retry_at", "running")

    def __init__(self, settings: QueueSettings) -> None:
        self._most = settings.destination_concurrency or _UNLIMITED
        self._initial = min(settings.initial_concurrency or self._most, self._most)
        self._limit = self._initial
        self._pause = 0.0
        self._since = 0
        self.running = 0
        self.retry_at = 0.0
        self.reason: Reply | None = None

    @property
    def limit(self) -> int:
        """Deliveries allowed at once now."""
        return self._limit if self.reason is None else 1

    @property
    def free(self) -> int:
        """Deliveries that may begin now."""
        return self.limit - self.running

    def succeeded(self) -> None:
        """The destination took a delivery, or refused it with its own words."""
        if self.reason is not None:
            self.revive()
        elif self._limit < self._most:
            self._limit += 1

    def failed(self) -> None:
        """The destination answered, and put everybody off."""
        if self.reason is not None:
            self.revive()
        else:
            self._limit = max(1, self._limit // 2)

    def unreachable(
        self, reason: Reply, schedule: Schedule, now: float, *, began: int, ordered: int
    ) -> bool:
        """The destination did not answer.

        Args:
            reason: what the attempt ended with.
            schedule: shortest and longest pause.
            now: seconds since the epoch.
            began: `Attempt.began` of the attempt.
            ordered: how many attempts have been ordered so far.

        Returns:
            Whether that is news. An attempt that began before the destination was found dead says
            nothing new, and must not make the pause longer.
        """
        if self.reason is not None and began < self._since:
            return False
        self._pause = min(max(self._pause * 2, schedule.shortest), schedule.longest_pause)
        self._since = ordered
        self.reason = reason
        self.retry_at = now + self._pause
        return True

    def revive(self) -> None:
        """Forget that the destination was dead."""
        self.reason = None
        self._pause = 0.0
        self._limit = self._initial
