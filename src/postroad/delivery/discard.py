"""Throws mail away: what comes to the sender of our probes, to which nobody listens.

That address must take mail, because whoever we probe may probe it in turn (ADDRESS_VERIFICATION
of Postfix, which does the same).
"""

from __future__ import annotations

from postroad.delivery.transport import Delivery
from postroad.model import Outcome, Reply, Report, Status

__all__ = ["DISCARD", "DiscardTransport"]

DISCARD = "discard"
"""The transport's name, and its only next hop."""

_DONE = Reply.of(250, "2.0.0", "undeliverable postmaster notification discarded")


class DiscardTransport:
    """Implements `Transport`."""

    async def deliver(self, delivery: Delivery) -> Report:
        """See `Transport.deliver`."""
        sent = [Outcome(one.id, Status.SENT, _DONE) for one in delivery.recipients]
        return Report(tuple(sent), "none")
