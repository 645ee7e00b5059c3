"""Whether one destination is alive at all, and when a dead one is asked again. Pure.

A destination that nothing has been delivered to is dead with the first delivery that gets no
answer: trying its other mail would be in vain. One that has just taken mail may have lost a single
connection. There it takes a *windowful* of failures without an answer between them, as with
Postfix (default_destination_concurrency_failed_cohort_limit = 1): a failure counts as one part in
so many as there are deliveries allowed, and each makes the window smaller, so that five in a row
are enough where twenty were allowed.

While it is dead nothing is sent. After a pause the next mail to come is the probe. Pauses double
from one failed probe to the next, up to `Schedule.longest_pause`.
"""

from __future__ import annotations

from postroad.model import Reply
from postroad.queue.schedule import Schedule

__all__ = ["Liveness"]


class Liveness:
    """What is known of one destination.

    Attributes:
        retry_at: when a dead destination may be probed, seconds since the epoch.
        reason: the reply that a dead destination's other mail is deferred with; `None`: alive.
        proven: whether it has answered since it was last dead or unknown.
    """

    __slots__ = ("_doubt", "_pause", "_since", "proven", "reason", "retry_at")

    def __init__(self) -> None:
        self._pause = 0.0
        self._since = 0
        self._doubt = 0.0  # windowfuls of failures since the last answer
        self.proven = False
        self.retry_at = 0.0
        self.reason: Reply | None = None

    def answered(self) -> bool:
        """It took a delivery, refused it or put it off, in its own words; whether it was dead."""
        was_dead = self.reason is not None
        self.reason, self._pause, self._doubt, self.proven = None, 0.0, 0.0, True
        return was_dead

    def unanswered(
        self,
        reason: Reply,
        schedule: Schedule,
        now: float,
        *,
        began: int,
        ordered: int,
        allowed: int,
    ) -> bool:
        """It did not answer.

        Args:
            reason: what the attempt ended with.
            schedule: shortest and longest pause.
            now: seconds since the epoch.
            began: `Attempt.began` of the attempt.
            ordered: how many attempts have been ordered so far.
            allowed: how many deliveries were allowed at once.

        Returns:
            Whether it is dead, and that is news. An attempt that began before the destination was
            found dead says nothing new, and must not make the pause longer.
        """
        if self.reason is not None and began < self._since:
            return False
        self._doubt += 1 / allowed
        if self.reason is None and self.proven and self._doubt < 1:
            return False
        self._pause = min(max(self._pause * 2, schedule.shortest), schedule.longest_pause)
        self._since = ordered
        self.proven = False
        self.reason = reason
        self.retry_at = now + self._pause
        return True

    def revive(self) -> None:
        """Forget that it was dead."""
        self.reason, self._pause, self._doubt = None, 0.0, 0.0
