"""What an outcome means for a recipient: done with, try again then, or never again. Pure.

It knows schedules and outcomes, not destinations or turns; the planner tells it how long a
destination's mail has to wait. Two ends come without a next hop's refusal: the message's age, and
the deadline after which its sender does not want it delivered (RFC 2852, mode R).
"""

from __future__ import annotations

from postroad.model import Outcome, Reply, Status, StoredMessage, StoredRecipient
from postroad.queue.attempt import Verdict
from postroad.queue.hint import hinted_pause
from postroad.queue.schedule import Schedule
from postroad.queue.stored_reply import stored_reply

__all__ = ["Judgement"]

_HEEDED = 3
"""Attempts of which the next hop's own words say when to come again; it may say them for ever."""

_UNTRIED = Reply.of(451, "4.4.7", "it was not tried before its deadline")
_NO_OUTCOME = Reply.of(451, "4.3.0", "the transport gave no outcome for this recipient")


class Judgement:
    """Verdicts by one schedule.

    Attributes:
        schedule: when to try again, and when to give up.
    """

    __slots__ = ("_schedule", "_soft", "schedule")

    def __init__(self, schedule: Schedule, *, soft: bool = False) -> None:
        """Take what decides.

        Args:
            schedule: when to try again.
            soft: whether what is refused for good is tried again all the same (soft_bounce).
        """
        self.schedule = self._schedule = schedule
        self._soft = soft

    def of(
        self,
        message: StoredMessage,
        recipient: StoredRecipient,
        outcome: Outcome | None,
        now: float,
        not_before: float = 0.0,
    ) -> Verdict:
        """The verdict on a recipient that was tried.

        Args:
            message: its message.
            recipient: who.
            outcome: what the transport said of it, if it said anything.
            now: seconds since the epoch.
            not_before: when the destination may be tried again, seconds since the epoch.
        """
        if outcome is None:
            return self.later(message, recipient, _NO_OUTCOME, now, not_before)
        reply, peer = outcome.reply, outcome.from_peer
        if outcome.status is Status.DEFERRED or (self._soft and outcome.status is Status.BOUNCED):
            relay = outcome.relay
            if reply.is_permanent:
                reply = _softened(reply)
            return self.later(message, recipient, reply, now, not_before, peer=peer, relay=relay)
        return Verdict(
            message,
            recipient,
            outcome.status,
            reply,
            0.0,
            peer,
            dsn_passed=outcome.dsn_passed,
            by_passed=outcome.by_passed,
            relay=outcome.relay,
            aside=outcome.aside,
        )

    def later(
        self,
        message: StoredMessage,
        recipient: StoredRecipient,
        why: Reply,
        now: float,
        not_before: float = 0.0,
        *,
        peer: bool = False,
        tried: bool = True,
        relay: str = "",
    ) -> Verdict:
        """The verdict on a recipient that could not be reached now; `peer`: in whose words."""
        over = self._over(message, recipient, why, now, peer=peer, tried=tried, relay=relay)
        if over is not None:
            return over
        at = self._schedule.retry_at(message, recipient, now)
        hint = hinted_pause(why) if peer and recipient.attempts < _HEEDED else None
        if hint is not None:
            at = self._schedule.hinted(message, recipient, hint, now)
        at = max(at, not_before)
        at = self._schedule.not_late(message, at, now)
        status = Status.DEFERRED
        return Verdict(message, recipient, status, why, at, peer, tried=tried, relay=relay)

    def overtaken(self, message: StoredMessage, recipient: StoredRecipient, now: float) -> Verdict:
        """The verdict on a recipient whose deadline was over before it could be tried (again)."""
        return self.later(message, recipient, _last_reason(recipient), now, tried=False)

    def suspended(
        self,
        message: StoredMessage,
        recipient: StoredRecipient,
        why: Reply,
        end: float,
        now: float,
    ) -> Verdict:
        """The verdict on a recipient that is not tried: its destination is dead until `end`."""
        over = self._over(message, recipient, why, now, peer=False, tried=False)
        if over is not None:
            return over
        at = self._schedule.not_late(message, end, now)
        return Verdict(message, recipient, Status.DEFERRED, why, at, tried=False)

    def sent_back(
        self,
        message: StoredMessage,
        recipient: StoredRecipient,
        why: Reply,
        end: float,
        now: float,
    ) -> Verdict:
        """The verdict on a recipient for which there is no room until `end`: never the last one.

        Nothing is wrong with where it goes, and however old it is, it has its attempt to come.
        """
        at = self._schedule.not_late(message, end, now)
        return Verdict(message, recipient, Status.DEFERRED, why, at, tried=False)

    def _over(
        self,
        message: StoredMessage,
        recipient: StoredRecipient,
        why: Reply,
        now: float,
        *,
        peer: bool,
        tried: bool,
        relay: str = "",
    ) -> Verdict | None:
        """The last verdict on a recipient whose time is over; `None` while it is not."""
        late = self._schedule.missed(message, now)
        expired = not late and self._schedule.expired(message, now)
        if not late and not expired:
            return None
        return Verdict(
            message, recipient, Status.BOUNCED, why, 0.0, peer, expired, tried, late, relay=relay
        )


def _softened(reply: Reply) -> Reply:
    """A permanent refusal as the temporary one that soft_bounce takes it for."""
    enhanced = reply.enhanced and f"4{reply.enhanced[1:]}"
    return Reply(reply.code - 100, enhanced, reply.lines)


def _last_reason(recipient: StoredRecipient) -> Reply:
    if not recipient.reason:
        return _UNTRIED
    return stored_reply(recipient.reason) or Reply.of(451, "4.4.7", recipient.reason)
