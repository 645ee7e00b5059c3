"""The planner's vocabulary: a destination, an attempt to reach it, a verdict on a recipient.

Values only. The planner speaks in these instead of the transports' own classes, so that it can be
tested, and read, without them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from postroad.model import Reply, Status, StoredMessage, StoredRecipient

__all__ = ["Attempt", "Destination", "Verdict"]


class Destination(NamedTuple):
    """What deliveries must share to be counted together: the transport and its next hop."""

    transport: str
    nexthop: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """One delivery to be made now.

    Attributes:
        destination: where to.
        message: what.
        recipients: for whom; at least one.
        entered: when these recipients came into memory, seconds since the epoch.
        began: how many attempts the planner had ordered before; tells old news from new.
    """

    destination: Destination
    message: StoredMessage
    recipients: tuple[StoredRecipient, ...]
    entered: float
    began: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be done about one recipient now.

    Attributes:
        message: its message.
        recipient: who.
        status: `SENT`: forget it; `DEFERRED`: try again at `retry_at`; `BOUNCED`: tell the sender.
        reply: why; what the log and the bounce say.
        retry_at: seconds since the epoch; meaningful when deferred.
        from_peer: whether the reply is the next hop's own words.
        expired: whether only its age made the failure permanent; `reply` is the last reason.
    """

    message: StoredMessage
    recipient: StoredRecipient
    status: Status
    reply: Reply
    retry_at: float = 0.0
    from_peer: bool = False
    expired: bool = False
