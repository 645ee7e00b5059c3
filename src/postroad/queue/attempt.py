"""The planner's vocabulary: admission, destination, attempt, verdict.

Values only. The planner speaks in these instead of the transports' own classes, so that it can be
tested, and read, without them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from postroad.model import Reply, Status, StoredMessage, StoredRecipient

__all__ = ["Admission", "Attempt", "Destination", "Verdict"]


class Destination(NamedTuple):
    """What deliveries must share to be counted together: the transport and its next hop."""

    transport: str
    nexthop: str


@dataclass(frozen=True, slots=True)
class Admission:
    """Recipients of one message that were let into memory together.

    Attributes:
        message: the message.
        recipients: those that were let in; at least one.
        entered: when, seconds since the epoch.
        fresh: whether they just came in; otherwise they were read back from the spool.
    """

    message: StoredMessage
    recipients: tuple[StoredRecipient, ...]
    entered: float
    fresh: bool


@dataclass(frozen=True, slots=True)
class Attempt:
    """One delivery to be made now.

    Attributes:
        destination: where to.
        admission: what, and how it came into memory.
        recipients: for whom; at least one of the admission's.
        began: how many attempts the planner had ordered before; tells old news from new.
    """

    destination: Destination
    admission: Admission
    recipients: tuple[StoredRecipient, ...]
    began: int

    @property
    def message(self) -> StoredMessage:
        """The message to be delivered."""
        return self.admission.message


class Verdict(NamedTuple):
    """What is to be done about one recipient now.

    Attributes:
        message: its message.
        recipient: who.
        status: `SENT`: forget it; `DEFERRED`: try again at `retry_at`; `BOUNCED`: tell the sender.
        reply: why; what the log and the bounce say.
        retry_at: seconds since the epoch; meaningful when deferred.
        from_peer: whether the reply is the next hop's own words.
        expired: whether only its age made the failure permanent; `reply` is the last reason.
        tried: whether there was an attempt; mail that had to wait without one counts none.
        late: whether only its sender's deadline did (RFC 2852); `reply` is the last reason.
        dsn_passed, by_passed: as of the `Outcome`, when sent.
        relay: as of the `Outcome`: empty where it is the report's.
    """

    message: StoredMessage
    recipient: StoredRecipient
    status: Status
    reply: Reply
    retry_at: float = 0.0
    from_peer: bool = False
    expired: bool = False
    tried: bool = True
    late: bool = False
    dsn_passed: bool = False
    by_passed: bool = False
    relay: str = ""
