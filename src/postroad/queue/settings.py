"""The section of the configuration that this package reads: `[queue]`."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

from postroad.model.units import Duration

__all__ = ["QueueSettings"]

_HOUR = 3600.0
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
        delay_warning: seconds after which a sender is told, once for each recipient, that its
            mail still waits; 0: never.
        delay_warning_to: whether only those senders are told that asked for it (RFC 3461,
            NOTIFY=DELAY), or also those that did not say.
        bounce_size_limit: octets up to which a message returns whole when its sender asked for
            that (RFC 3461, RET=FULL); of a larger one the header returns. 0: any number.
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
    delay_warning: Duration = 4 * _HOUR
    delay_warning_to: Literal["asked", "everybody"] = "asked"
    bounce_size_limit: int = 50_000
    active_limit: int = 10_000
    destination_concurrency: int = 20
    initial_concurrency: int = 5
    concurrency: int = 100
    recipients_per_delivery: int = 50

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, str) and value < 0:
                raise ValueError(f"{field.name} cannot be negative")
        if 0 < self.maximal_backoff < self.minimal_backoff:
            raise ValueError("maximal_backoff cannot be shorter than minimal_backoff")
