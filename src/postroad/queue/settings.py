"""The sections of the configuration that this package reads.

`[queue]` and `[destinations.NAME]`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

from postroad.model import Address
from postroad.model.units import Duration
from postroad.queue.rate import RateText

__all__ = ["DestinationSettings", "QueueSettings"]

_HOUR = 3600.0
_DAY = 86_400.0

SHORTEST_RETRY = 1.0
"""Seconds. With less, a failing message would spin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSettings:
    """`[queue]`: how often and how much at once. 0 switches a limit off.

    Attributes:
        minimal_backoff: seconds from a failed attempt to the next one at the least; also the first
            pause of a destination that does not answer, whose pauses double up to ten minutes.
        maximal_backoff: seconds from a failed attempt to the next one at the most, but for the
            spread of up to a quarter that keeps retries from coming all at once.
        retry: seconds from one failed attempt to the next, one after the other, but for the spread;
            the last repeats. Empty: by age, within the two above, as Postfix does.
        lifetime: seconds after which mail that could not be delivered returns to its sender;
            0: never.
        bounce_lifetime: the same for mail from the null sender, which is dropped then.
        delay_warning: seconds after which a sender is told, once for each recipient, that its
            mail still waits; 0: never.
        delay_warning_to: whether only those senders are told that asked for it (RFC 3461,
            NOTIFY=DELAY), or also those that did not say.
        bounce_size_limit: octets up to which a message returns whole when its sender asked for
            that (RFC 3461, RET=FULL); of a larger one the header returns. 0: any number.
        double_bounce_to: an address that is told of mail from the null sender that could not be
            delivered, as Postfix's 2bounce_notice_recipient; empty: nobody, the log has it.
        soft_bounce: whether what a next hop refuses for good is tried again as if it were refused
            for now, as Postfix's soft_bounce; mail that is too old returns all the same.
        defer_transports: transports, and destinations as `dest:example.net`, whose mail waits until
            the name is taken out, as Postfix's defer_transports.
        active_limit: recipients that may be in memory at once; the rest wait in the spool.
        destination_concurrency: deliveries to one destination at once, at the most, per worker.
            Domains whose mail goes to the same site are one destination.
        initial_concurrency: deliveries to one destination at once before any succeeded, if
            destination_concurrency allows so many.
        concurrency: deliveries at once by one transport (SMTP, LMTP, Maildirs), per worker.
        recipients_per_delivery: recipients of one message that share one delivery, at the most.
    """

    minimal_backoff: Duration = 300.0
    maximal_backoff: Duration = 4000.0
    retry: tuple[Duration, ...] = ()
    lifetime: Duration = 5 * _DAY
    bounce_lifetime: Duration = 5 * _DAY
    delay_warning: Duration = 4 * _HOUR
    delay_warning_to: Literal["asked", "everybody"] = "asked"
    bounce_size_limit: int = 50_000
    double_bounce_to: str = ""
    soft_bounce: bool = False
    defer_transports: tuple[str, ...] = ()
    active_limit: int = 10_000
    destination_concurrency: int = 20
    initial_concurrency: int = 5
    concurrency: int = 100
    recipients_per_delivery: int = 50

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, int | float) and value < 0:
                raise ValueError(f"{field.name} cannot be negative")
        if 0 < self.maximal_backoff < self.minimal_backoff:
            raise ValueError("maximal_backoff cannot be shorter than minimal_backoff")
        _check_pauses(self.retry)
        if self.double_bounce_to:
            Address.parse(self.double_bounce_to)


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationSettings:
    """`[destinations.NAME]`: what holds for mail to some destination instead of `[queue]`.

    NAME is a domain, `.example.com` for all below one, a next hop as `[relay] smarthost` has it,
    `site:` and the domain of the hosts that take the mail, or `transport:` and a transport's name.
    Key by key the nearest that says something holds: domain, parent domain, site, transport. A
    domain that has concurrency or a rate of its own is counted by itself; the others by their site.
    All workers count together.

    Attributes:
        concurrency: deliveries at once, at the most; 0: any number. Left out: as
            `[queue] destination_concurrency`.
        initial_concurrency: the same before any succeeded. Left out: as in `[queue]`.
        rate: deliveries in a time, evenly spaced, such as "30/min". Empty: any number.
        messages_per_connection: messages after which a connection is closed; 0: any number. Left
            out: as in `[delivery]`.
        recipients_per_delivery: recipients of one message that share one delivery; 0: any number.
            Left out: as in `[queue]`.
        minimal_backoff: seconds, as in `[queue]`. Left out: as there.
        maximal_backoff: seconds, as in `[queue]`. Left out: as there.
        retry: seconds from one failed attempt to the next, as in `[queue]`. Empty: as there, unless
            this table says something of backoffs.
        priority: added to the priority of its messages, -9 to 9: higher goes first (RFC 6710).
        total_concurrency: deliveries at once by a transport, whatever their destinations, per
            worker; 0: any number. Only for `transport:NAME`. Left out: `[queue] concurrency`.
    """

    concurrency: int | None = None
    initial_concurrency: int | None = None
    rate: RateText = ""
    messages_per_connection: int | None = None
    recipients_per_delivery: int | None = None
    minimal_backoff: Duration | None = None
    maximal_backoff: Duration | None = None
    retry: tuple[Duration, ...] = ()
    priority: int = 0
    total_concurrency: int | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, int | float) and value < 0 and field.name != "priority":
                raise ValueError(f"{field.name} cannot be negative")
        if not -9 <= self.priority <= 9:
            raise ValueError("priority is a number from -9 to 9")
        shortest, longest = self.minimal_backoff, self.maximal_backoff
        if shortest is not None and longest is not None and 0 < longest < shortest:
            raise ValueError("maximal_backoff cannot be shorter than minimal_backoff")
        _check_pauses(self.retry)


def _check_pauses(retry: tuple[float, ...]) -> None:
    if any(pause < SHORTEST_RETRY for pause in retry):
        raise ValueError(f"retry holds pauses of at least {SHORTEST_RETRY:.0f} second")
