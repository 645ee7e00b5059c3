"""When to try again, and when to give up. Pure arithmetic on ages and identities.

As Postfix does it, the pause before the next attempt is the message's age, not less than
`minimal_backoff` and not more than `maximal_backoff`: the pauses double, and no counter has to
survive a crash for it. Up to a quarter is added, chosen by the recipient's identity, so that mail
which failed together does not come back together, and a test can foretell it.

An operator may name the pauses instead (`retry`): then the number of attempts that were made says
which is next, and the last repeats. The spread is added to these as well.

Two things shift that. A message that was held until a time its sender chose has its age from there
(RFC 4865 §4.1). And where a sender said by when a message ought to be delivered (RFC 2852), the
next attempt comes no later than that moment, whatever the pause: then it is seen to be late.
"""

from __future__ import annotations

from postroad.model import ByMode, StoredMessage, StoredRecipient
from postroad.queue.settings import QueueSettings

__all__ = ["Schedule"]

_SHORTEST = 1.0  # seconds; with a minimal_backoff of 0 a failing message must not spin
_LONGEST_PAUSE = 600.0  # seconds
_SPREAD = 0.25
_SHORTEST_HINT = 30.0  # seconds; whatever a next hop says, its mail is not tried more often
_LONGEST_HINT = (
    14_400.0  # and not more seldom, even without a maximal_backoff; greylisting ends sooner
)
_HINT_SPREAD = 240.0  # a pause that was named gets at most a minute of spread
_GOLDEN = 0x9E37_79B9  # 2^32 divided by the golden ratio: consecutive ids land far apart


class Schedule:
    """The retry schedule of `[queue]`.

    Attributes:
        shortest: seconds from a failed attempt to the next at the least.
        longest: the same at the most, without the spread.
        longest_pause: seconds from one probe of a dead destination to the next at the most. It is
            shorter than `longest`, because one probe costs little, and all the mail for a
            smarthost waits for it.
    """

    __slots__ = ("_bounce_lifetime", "_lifetime", "_pauses", "longest", "longest_pause", "shortest")

    def __init__(self, settings: QueueSettings) -> None:
        self._pauses = pauses = settings.retry
        self.shortest = max(pauses[0] if pauses else settings.minimal_backoff, _SHORTEST)
        longest = max(pauses, default=settings.maximal_backoff) or float("inf")
        self.longest = max(longest, self.shortest)
        self.longest_pause = max(min(longest, _LONGEST_PAUSE), self.shortest)
        self._lifetime = settings.lifetime or float("inf")
        self._bounce_lifetime = settings.bounce_lifetime or float("inf")

    def retry_at(self, message: StoredMessage, recipient: StoredRecipient, now: float) -> float:
        """When to try a recipient again that failed at `now`; seconds since the epoch."""
        pause = self._pause(message, recipient, now)
        return self.not_late(message, now + pause + self.spread(recipient.id, pause), now)

    def hinted(
        self, message: StoredMessage, recipient: StoredRecipient, pause: float, now: float
    ) -> float:
        """When to try again where the next hop named a pause, in seconds, within our bounds.

        Not after the last attempt is due: a stranger's words must not keep mail from its sender.
        """
        pause = min(max(pause, _SHORTEST_HINT), _LONGEST_HINT, self.longest)
        at = now + pause + self.spread(recipient.id, min(pause, _HINT_SPREAD))
        return min(at, max(self.until(message), now + self.shortest))

    def _pause(self, message: StoredMessage, recipient: StoredRecipient, now: float) -> float:
        if self._pauses:
            return self._pauses[min(recipient.attempts, len(self._pauses) - 1)]
        return min(max(self.age(message, now), self.shortest), self.longest)

    def not_late(self, message: StoredMessage, at: float, now: float) -> float:
        """The time `at`, or the message's deadline where that is sooner and yet to come."""
        by = message.envelope.deliver_by
        return by.deadline if by is not None and now < by.deadline < at else at

    def age(self, message: StoredMessage, now: float) -> float:
        """Seconds since the message was there to be delivered."""
        return now - self._released(message)

    def expired(self, message: StoredMessage, now: float) -> bool:
        """Whether the message is too old for another attempt (RFC 5321 §4.5.4.1)."""
        return now >= self._end(message)

    def missed(self, message: StoredMessage, now: float) -> bool:
        """Whether the message must not be delivered any more, as it is late (RFC 2852 §4.1)."""
        by = message.envelope.deliver_by
        return by is not None and by.mode is ByMode.RETURN and now >= by.deadline

    def until(self, message: StoredMessage) -> float:
        """Until when there will be attempts, seconds since the epoch; infinity: for ever."""
        by, end = message.envelope.deliver_by, self._end(message)
        return min(end, by.deadline) if by is not None and by.mode is ByMode.RETURN else end

    def given_up(self, message: StoredMessage, now: float) -> bool:
        """Whether even a report on the message comes too late: both lifetimes are over."""
        return now >= self._released(message) + self._lifetime + self._bounce_lifetime

    def _end(self, message: StoredMessage) -> float:
        null = message.envelope.sender is None
        return self._released(message) + (self._bounce_lifetime if null else self._lifetime)

    def _released(self, message: StoredMessage) -> float:
        hold = message.envelope.hold_until
        return message.queued if hold is None or hold < message.queued else hold

    def spread(self, identity: int, pause: float) -> float:
        """Seconds to add to a pause; the same for the same identity, up to a quarter of it."""
        return pause * _SPREAD * ((identity * _GOLDEN) & 0xFFFF_FFFF) / 0x1_0000_0000
