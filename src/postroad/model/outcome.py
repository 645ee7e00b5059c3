"""What became of a delivery attempt. Failure is a value here, never an exception."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from postroad.model.reply import Reply

__all__ = ["Action", "Outcome", "Report", "Status"]


class Status(Enum):
    """Postfix's words for the end of an attempt, as its log shows them."""

    SENT = "sent"
    DEFERRED = "deferred"
    BOUNCED = "bounced"


class Action(Enum):
    """What a delivery status notification tells of a recipient, RFC 3464 §2.3.3."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    RELAYED = "relayed"
    EXPANDED = "expanded"


class Outcome(NamedTuple):
    """One recipient's result. A tuple, as one is made for each recipient of each attempt.

    Attributes:
        recipient_id: `StoredRecipient.id`.
        status: sent, to be tried again, or never to be tried again.
        reply: the next hop's words, or ours in its form (`code` and `enhanced` are always set).
        from_peer: whether the words are the next hop's (the bounce says so, RFC 3464 §2.3.6).
        dsn_passed: when sent: whether the next hop offered DSN and was told what the sender wants
            to hear of; reports of success are its business then (RFC 3461 §5.2.1).
        by_passed: when sent: whether the next hop offered DELIVERBY and was told the time that is
            left (RFC 2852 §4).
        relay: the next hop whose result this is; empty where it is the report's.
        of_recipient: whether the next hop said it of this recipient, and not of the sender or the
            message: in reply to RCPT.
        aside: what the log tells behind the reply, and the sender is not told; empty: nothing.
    """

    recipient_id: int
    status: Status
    reply: Reply
    from_peer: bool = False
    dsn_passed: bool = False
    by_passed: bool = False
    relay: str = ""
    of_recipient: bool = False
    aside: str = ""


class Report(NamedTuple):
    """What one attempt of a transport brought, for all recipients it was given.

    A tuple, as one is made for each attempt.

    Attributes:
        outcomes: exactly one for each recipient of the attempt.
        relay: the next hop of those that name none, as logs show it: `local`, `none`,
            `mx.example.net[192.0.2.1]:25`.
        setup: seconds until the connection was ready (the c of `delays=a/b/c/d`).
        transfer: seconds of the transaction itself (the d).
        unreachable: the destination as a whole did not answer, so that trying its other mail
            now would be in vain.
        throttled: whether the next hop said that it gets too much at once; the runner reads that
            from its replies, transports need not set it.
        tls: how safe the last transaction's connection was, `Verified/TLSv1.3`; empty: plain text.
    """

    outcomes: tuple[Outcome, ...]
    relay: str
    setup: float = 0.0
    transfer: float = 0.0
    unreachable: bool = False
    tls: str = ""
    throttled: bool = False
