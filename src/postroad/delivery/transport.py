"""What every transport has in common: what it is given and what it owes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from postroad.model import Outcome, Reply, Report, StoredMessage, StoredRecipient

__all__ = ["UNREADABLE", "Delivery", "Transport"]

UNREADABLE = Reply.of(451, "4.3.0", "the message cannot be read from the queue at present")
"""What is said of each recipient when the spool fails in the middle of a delivery."""


def _nobody(_: Sequence[Outcome]) -> None:
    """Nobody asks before the end."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt: a message, the recipients that share a next hop, and that next hop.

    Attributes:
        message: the message as the spool holds it.
        recipients: at least one; all were routed to the same transport and next hop.
        nexthop: `Route.nexthop`, in the spelling the transport understands.
        messages_per_connection: messages after which the connection is closed; 0: any number;
            `None`: as the transport's own settings say.
        parted: told of the outcomes of one part of the recipients while another part is still to
            be tried: whoever cuts the delivery off then knows who must not get it again. The
            report at the end has them too.
    """

    message: StoredMessage
    recipients: tuple[StoredRecipient, ...]
    nexthop: str
    messages_per_connection: int | None = None
    parted: Callable[[Sequence[Outcome]], None] = field(default=_nobody, compare=False)


class Transport(Protocol):
    """A way to the recipients: SMTP, LMTP, a Maildir."""

    @property
    def relays(self) -> bool:
        """Whether mail goes on to another server, not to its mailbox (RFC 3464 §2.3.3)."""
        ...

    async def deliver(self, delivery: Delivery) -> Report:
        """Try once.

        Returns:
            exactly one outcome for each recipient of the delivery; failures of the network, of
            the next hop and of the spool are outcomes, never exceptions.
        """
        ...
