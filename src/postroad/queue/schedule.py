"""When to try again, and when to give up. Pure arithmetic on ages and identities.

As Postfix does it, the pause before the next attempt is the message's age, not less than
`minimal_backoff` and not more than `maximal_backoff`: the pauses double, and no counter has to
survive a crash for it. Up to a quarter is added, chosen by the recipient's identity, so that mail
which failed together does not come back together, and a test can foretell it.
"""

from __future__ import annotations

from postroad.model import StoredMessage
from postroad.queue.settings import QueueSettings

__all__ = ["Schedule"]

_SHORTEST = 1.0  # seconds; with a minimal_backoff of 0 a failing message must not spin
_LONGEST_PAUSE = 600.0  # seconds
_SPREAD = 0.25
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

    __slots__ = ("_bounce_lifetime", "_lifetime", "longest", "longest_pause", "shortest")

    def __init__(self, settings: QueueSettings) -> None:
        self.shortest = max(settings.minimal_backoff, _SHORTEST)
        longest = settings.maximal_backoff or float("inf")
        self.longest = max(longest, self.shortest)
        self.longest_pause = max(min(longest, _LONGEST_PAUSE), self.shortest)
        self._lifetime = settings.lifetime or float("inf")
        self._bounce_lifetime = settings.bounce_lifetime or float("inf")

    def retry_at(self, message: StoredMessage, recipient_id: int, now: float) -> float:
        """When to try a recipient again that failed at `now`; seconds since the epoch."""
        pause = min(max(now - message.queued, self.shortest), self.longest)
        return now + pause + self.spread(recipient_id, pause)

    def expired(self, message: StoredMessage, now: float) -> bool:
        """Whether the message is too old for another attempt (RFC 5321 §4.5.4.1)."""
        null = message.envelope.sender is None
        return now - message.queued >= (self._bounce_lifetime if null else self._lifetime)

    def spread(self, identity: int, pause: float) -> float:
        """Seconds to add to a pause; the same for the same identity, up to a quarter of it."""
        return pause * _SPREAD * ((identity * _GOLDEN) & 0xFFFF_FFFF) / 0x1_0000_0000
