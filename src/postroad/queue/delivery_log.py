"""The line that the log gets for each verdict, as Postfix writes it at the end of an attempt."""

from __future__ import annotations

from collections.abc import Sequence

from postroad.model import SAME, Reply, Report
from postroad.model.journal import Journal
from postroad.model.message_events import Delivered
from postroad.queue.attempt import Attempt, Verdict

__all__ = ["DeliveryLog"]


class DeliveryLog:
    """Tells the journal of verdicts.

    Args:
        journal: where events go.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def tried(
        self, verdicts: Sequence[Verdict], attempt: Attempt, report: Report, now: float
    ) -> None:
        """Those of an attempt, which ended `now` (seconds since the epoch)."""
        entered = attempt.admission.entered
        before = entered - attempt.message.arrived
        waited = now - entered - report.setup - report.transfer
        delays = (max(before, 0.0), max(waited, 0.0), report.setup, report.transfer)
        for verdict in verdicts:
            relay = verdict.relay or report.relay
            self._tell(attempt.destination.transport, verdict, relay, delays, report.tls)

    def untried(self, verdicts: Sequence[Verdict], now: float) -> None:
        """Those that came without an attempt, `now` (seconds since the epoch)."""
        for verdict in verdicts:
            before = max(now - verdict.message.arrived, 0.0)
            self._tell("qmgr", verdict, "none", (before, 0.0, 0.0, 0.0))

    def _tell(
        self,
        service: str,
        verdict: Verdict,
        relay: str,
        delays: tuple[float, float, float, float],
        tls: str = "",
    ) -> None:
        recipient = verdict.recipient
        self._journal(
            Delivered(
                service,
                verdict.message.queue_id,
                recipient.address,
                recipient.original,
                relay,
                delays,
                verdict.status,
                _words(verdict),
                tls,
                "" if recipient.sender is SAME else str(recipient.sender or ""),
            )
        )


def _words(verdict: Verdict) -> Reply:
    reply = verdict.reply
    if verdict.late:
        words = f"the sender's deadline is over; the last reason was: {reply.text}"
        return Reply.of(554, "5.4.7", words)
    if verdict.expired:
        words = f"delivery time expired; the last reason was: {reply.text}"
        return Reply.of(reply.code, "4.4.7", words)
    if verdict.aside:
        return Reply.of(reply.code, reply.enhanced, f"{' '.join(reply.lines)}, {verdict.aside}")
    return reply
