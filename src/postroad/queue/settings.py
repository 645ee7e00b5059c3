"""The section of the configuration that this package reads: `[queue]`."""

from __future__ import annotations

from dataclasses import dataclass, fields

from postroad.model.units import Duration

__all__ = ["QueueSettings"]

_DAY = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSettings:
    """`[queue]`: how often and how much at once. 0 switches a limit off.

    Attributes:
        minimal_backoff: seconds from a failed attempt to the next one at the least; also the first
            pause of a destination that does not answer, whose pauses double up to ten minutes.
        maximal_backoff: seconds from a failed attempt to the next one at the most, but for the
            spread of up to a quarter that keeps retries from coming all at once.
        lifetime: seconds after which mail that could not be delivered returns to its sender;
            0: never.
        bounce_lifetime: the same for mail from the null sender, which is dropped then.
        active_limit: recipients that may be in memory at once; the rest wait in the spool.
        destination_concurrency: deliveries to one destination at once, at the most.
        initial_concurrency: deliveries to one destination at once before any succeeded, if
            destination_concurrency allows so many.
        concurrency: deliveries at once by one transport (SMTP, LMTP, Maildirs), per worker.
        recipients_per_delivery: recipients of one message that share one delivery, at the most.
    """

    minimal_backoff: Duration = 300.0
    maximal_backoff: Duration = 4000.0
    lifetime: Duration = 5 * _DAY
    bounce_lifetime: Duration = 5 * _DAY
    active_limit: int = 10_000
    destination_concurrency: int = 20
    initial_concurrency: int = 5
    concurrency: int = 100
    recipients_per_delivery: int = 50

    def __post_init__(self) -> None:
        for field in fields(self):
            if getattr(self, field.name) < 0:
                raise ValueError(f"{field.name} cannot be negative")
        if 0 < self.maximal_backoff < self.minimal_backoff:
            raise ValueError("maximal_backoff cannot be shorter than minimal_backoff")
