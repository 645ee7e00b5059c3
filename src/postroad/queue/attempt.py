"""The planner's vocabulary: admission, destination, attempt, verdict.

Values only. The planner speaks in these instead of the transports' own classes, so that it can be
tested, and read, without them.
"""

from __future__ import annotations

from typing import NamedTuple

from postroad.model import Envelope, Reply, Status, StoredMessage, StoredRecipient

__all__ = ["Admission", "Attempt", "Destination", "Verdict", "turn_of"]


class Destination(NamedTuple):
    """Where deliveries go.

    Attributes:
        transport: the transport's name.
        nexthop: the next hop, in the spelling of that transport.
        site: whose hosts these are; destinations of one transport and site are counted together.
            Empty: only this one.
    """

    transport: str
    nexthop: str
    site: str = ""


class Admission(NamedTuple):
    """Recipients of one message that were let into memory together. A tuple, as `Attempt` is.

    Attributes:
        message: the message.
        recipients: those that were let in; at least one.
        entered: when, seconds since the epoch.
        fresh: whether they just came in; otherwise they were read back from the spool.
        turn: whose turn the message takes; see `turn_of`.
    """

    message: StoredMessage
    recipients: tuple[StoredRecipient, ...]
    entered: float
    fresh: bool
    turn: str = ""


class Attempt(NamedTuple):
    """One delivery to be made now. A tuple, as one is made for each delivery.

    Attributes:
        destination: where to.
        admission: what, and how it came into memory.
        recipients: for whom; at least one of the admission's.
        began: how many attempts the planner had ordered before; tells old news from new.
        messages_per_connection: after how many messages the connection is to be closed; 0: after
            any number; `None`: as the transport does.
    """

    destination: Destination
    admission: Admission
    recipients: tuple[StoredRecipient, ...]
    began: int
    messages_per_connection: int | None = None

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
        aside: as of the `Outcome`: for the log alone.
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
    aside: str = ""


def turn_of(envelope: Envelope) -> str:
    """Whose turn a message takes.

    What follows a plus sign does not count: mailing lists write a different reverse-path into
    each copy (`list+user=example.net@…`), and all of them are one sender.
    """
    sender = envelope.sender
    if sender is None:
        return ""
    return f"{sender.local.partition('+')[0]}@{sender.domain}".lower()
