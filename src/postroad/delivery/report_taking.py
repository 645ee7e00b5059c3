"""Mail for an address that reports about TLS come to: read on its way to the mailbox.

A transport before the one that stores mail. The report is kept first, and the mail stored then: a
crash between them reads the same report again, which is known by its id, and no mail is lost. An
address of this kind needs no mailbox; where a report was kept, its mail has arrived.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from postroad.delivery.transport import Delivery, Transport
from postroad.model import Outcome, Reply, Report, Status, StoredRecipient
from postroad.reports.received import Arrival
from postroad.reports.receiving import Receptive

__all__ = ["ReportTaking"]

_KEPT = Reply.of(250, "2.0.0", "kept as a report about TLS")


class ReportTaking:
    """Implements `Transport`."""

    def __init__(
        self, storing: Transport, reports: Receptive, now: Callable[[], float] = time.time
    ) -> None:
        """Before a transport.

        Args:
            storing: stores mail.
            reports: takes reports.
            now: seconds since the epoch.
        """
        self._storing = storing
        self._reports = reports
        self._now = now

    @property
    def relays(self) -> bool:
        """See `Transport.relays`."""
        return self._storing.relays

    async def deliver(self, delivery: Delivery) -> Report:
        """See `Transport.deliver`."""
        is_for = self._reports.is_for
        taking = [
            each for each in delivery.recipients if is_for(each.original) or is_for(each.address)
        ]
        if not taking:
            return await self._storing.deliver(delivery)
        message = delivery.message
        arrival = Arrival(self._now(), message.envelope.sender_text, message.queue_id)
        is_kept = await self._reports.take(message.content, arrival)
        report = await self._storing.deliver(delivery)
        return _settled(report, taking) if is_kept else report


def _settled(report: Report, taking: list[StoredRecipient]) -> Report:
    """No mailbox is no failure for these."""
    ids = {each.id for each in taking}
    outcomes = tuple(
        Outcome(each.recipient_id, Status.SENT, _KEPT)
        if each.recipient_id in ids and _is_nobody(each)
        else each
        for each in report.outcomes
    )
    return report._replace(outcomes=outcomes)


def _is_nobody(outcome: Outcome) -> bool:
    return outcome.status is Status.BOUNCED and outcome.reply.enhanced == "5.1.1"
