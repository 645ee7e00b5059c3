"""The section `[greylist]` of the configuration."""

from __future__ import annotations

from dataclasses import dataclass

from postroad.model.units import Duration

__all__ = ["GreylistSettings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GreylistSettings:
    """`[greylist]`: how long strangers wait, where a restriction list has `greylist`.

    A stranger is a network (a /24 of IPv4 or a /64 of IPv6) that has not yet brought mail from
    this sender to this recipient. The defaults are postgrey's. All workers share what they know.

    Attributes:
        delay: seconds until a stranger that comes again may pass. 0: nobody waits.
        retry_window: seconds within which it has to come again; later it is a new stranger.
            0: whenever it comes again.
        remember: seconds for which one that passed is known after its last mail. 0: for ever.
        auto_whitelist_clients: how often a network must have come again and passed (counted once
            an hour) before all its mail passes. 0: never.
        known_senders: whether those whom a user of ours has written to pass at once.
        entries: how many strangers that wait, strangers that passed, networks and known senders
            are remembered, of each so many; the oldest go first. 0: no limit.
    """

    delay: Duration = 300.0
    retry_window: Duration = 172_800.0
    remember: Duration = 3_024_000.0
    auto_whitelist_clients: int = 5
    known_senders: bool = True
    entries: int = 100_000
