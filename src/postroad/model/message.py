"""A message that the spool has acknowledged, and its recipients."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Flag
from typing import NamedTuple, Protocol

from postroad.model.address import Address
from postroad.model.envelope import SAME, Envelope, Notify, Same
from postroad.model.outcome import Action

__all__ = [
    "BLANK",
    "Addressee",
    "Content",
    "StoredMessage",
    "StoredRecipient",
    "Told",
    "Waybill",
]


class Told(Flag):
    """Of which delays of a recipient's mail the sender was told.

    Each is told of once. Whoever was told that the deadline is over needs no word of a mere delay
    after that; the other way round both are news.
    """

    NOTHING = 0
    DELAY = 1
    DEADLINE = 2


class Waybill(NamedTuple):
    """What goes with a message besides its envelope: whose it is, and how it is to be handled.

    No next hop sees it. A tuple, as one is made for each message.

    Attributes:
        login: the account that submitted it, `Login.accountable`; empty for none.
        client: the IP address it came from; empty where there is none.
        held: why it waits for an operator to release it; empty: it does not.
        content_filter: what it goes through instead of to the hosts of its recipients, as
            `next_hop.parse_filter` reads it; empty for nothing.
        listener: the name of the listener that it came in by; empty for mail that was made here.
    """

    login: str = ""
    client: str = ""
    held: str = ""
    content_filter: str = ""
    listener: str = ""


BLANK = Waybill()
"""Of mail that nobody in particular brought, to be delivered as usual."""


class Content(Protocol):
    """The octets of a stored message: lines ended by CRLF only, no dot-stuffing."""

    @property
    def size(self) -> int:
        """Octets in all."""
        ...

    def chunks(self) -> Iterator[bytes]:
        """The octets in order, in pieces of bounded size; may be called again from the start."""
        ...


class Addressee(NamedTuple):
    """One recipient of a message that is about to be stored.

    Attributes:
        address: where the message goes, after alias expansion.
        original: what RCPT TO said.
        notify, orcpt, owed, sender, reason: as of the `StoredRecipient` it becomes.
    """

    address: Address
    original: Address
    notify: Notify | None = None
    orcpt: str = ""
    owed: Action | None = None
    sender: Address | Same | None = SAME
    reason: str = ""


class StoredRecipient(NamedTuple):
    """One recipient of a stored message. A tuple, as one is made for each of many recipients.

    Attributes:
        id: permanent identity within the shard; never a position in a list.
        address: where the message goes, after alias expansion.
        original: what RCPT TO said.
        attempts: deliveries tried so far.
        notify: which notices the sender wants; `None` where it did not say (RFC 3461 §4.1).
        orcpt: the sender's own name for it, `type;address` decoded; empty for none.
        told: of which delays the sender was told.
        owed: the report that is all that is left to do: nothing is delivered to it any more. So
            it is of an alias that is a list, whose members are recipients of their own.
        reason: why the last attempt failed; empty before the first, and while it is not known.
            Of what is owed from the start, the reply that the report is about.
        sender: the reverse-path of its copy, who is also told what became of it; `SAME`: the
            message's own.
    """

    id: int
    address: Address
    original: Address
    attempts: int = 0
    notify: Notify | None = None
    orcpt: str = ""
    told: Told = Told.NOTHING
    owed: Action | None = None
    reason: str = ""
    sender: Address | Same | None = SAME

    @property
    def original_recipient(self) -> str:
        """The original recipient as `type;address`, decoded: ORCPT, or else what RCPT TO said.

        A relay passes this on as ORCPT (RFC 3461 §5.2.1, RFC 6533 §4).
        """
        if self.orcpt:
            return self.orcpt
        original = self.original
        return f"{'rfc822' if original.is_ascii else 'utf-8'};{original}"


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message on stable storage.

    Attributes:
        queue_id: short, sortable, unique across workers and restarts.
        envelope: sender and content needs.
        arrived: when the first command of its transaction came, seconds since the epoch.
        queued: when it was committed, seconds since the epoch.
        content: header and body.
        waybill: who brought it, and what is to be done with it besides delivery.
    """

    queue_id: str
    envelope: Envelope
    arrived: float
    queued: float
    content: Content
    waybill: Waybill = BLANK
