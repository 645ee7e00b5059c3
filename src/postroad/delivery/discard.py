"""Throws mail away: what a route says is to be (discard(8)), and what comes for our probes' sender.

That address must take mail, because whoever we probe may probe it in turn (ADDRESS_VERIFICATION
of Postfix, which does the same), and nobody listens to it.
"""

from __future__ import annotations

from postroad.delivery.transport import Delivery
from postroad.model import Outcome, Reply, Report, Status

__all__ = ["DISCARD", "DiscardTransport"]

DISCARD = "discard"
"""The transport's name, and its next hop for mail to the sender of our probes."""

_DONE = Reply.of(250, "2.0.0", "undeliverable postmaster notification discarded")


class DiscardTransport:
    """Implements `Transport`."""

    relays = False

    async def deliver(self, delivery: Delivery) -> Report:
        """See `Transport.deliver`; the next hop is the reason, for the log."""
        why = delivery.nexthop
        done = _DONE if why == DISCARD else Reply.of(250, "2.0.0", why)
        sent = [Outcome(one.id, Status.SENT, done) for one in delivery.recipients]
        return Report(tuple(sent), "none")
