"""An attempt handed over to its transport, and its report taken.

Whatever a transport throws is an outcome here, with a notice for the operator: a fault elsewhere
defers mail, and no more. A recipient who had got the mail before it keeps that outcome.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from postroad.delivery import Delivery, Transport
from postroad.model import Outcome, Reply, Report, Status
from postroad.model.journal import Journal, Level, Notice
from postroad.queue.attempt import Attempt
from postroad.queue.cancellation import is_ours

__all__ = ["Handover"]

_NO_TRANSPORT = Reply.of(451, "4.3.5", "mail transport unavailable")
_MISHAP = Reply.of(451, "4.3.0", "internal error in the mail transport")


class Handover:
    """Has attempts made."""

    __slots__ = ("_journal",)

    def __init__(self, journal: Journal) -> None:
        """Args: `journal` is where faults of transports go."""
        self._journal = journal

    async def to(
        self,
        transport: Transport | None,
        attempt: Attempt,
        delivered: dict[int, Outcome] | None = None,
    ) -> Report:
        """Make an attempt.

        Args:
            transport: that of the attempt; `None`: there is none of its name.
            attempt: what is delivered where.
            delivered: gets the outcomes, by recipient, of those whose part of the mail was
                delivered while others were still to be tried; for when that is cut off.
        """
        sent: dict[int, Outcome] = {} if delivered is None else delivered
        if transport is None:
            words = f"there is no transport named {attempt.destination.transport}"
            return self._mishap(attempt, _NO_TRANSPORT, words, sent)

        def parted(outcomes: Sequence[Outcome]) -> None:
            sent.update((one.recipient_id, one) for one in outcomes if one.status is Status.SENT)

        words = f"transport {attempt.destination.transport} failed"
        try:
            return await transport.deliver(
                Delivery(
                    attempt.message,
                    attempt.recipients,
                    attempt.destination.nexthop,
                    attempt.messages_per_connection,
                    parted,
                )
            )
        except asyncio.CancelledError as error:
            if is_ours():
                raise
            return self._mishap(attempt, _MISHAP, f"{words}: {error!r}", sent)
        except Exception as error:  # noqa: BLE001 - a fault elsewhere defers mail, no more
            return self._mishap(attempt, _MISHAP, f"{words}: {error!r}", sent)

    def _mishap(
        self, attempt: Attempt, reply: Reply, words: str, sent: Mapping[int, Outcome]
    ) -> Report:
        self._journal(Notice("qmgr", f"{attempt.message.queue_id}: {words}", Level.ERROR))
        outcomes = (
            sent.get(each.id) or Outcome(each.id, Status.DEFERRED, reply)
            for each in attempt.recipients
        )
        return Report(tuple(outcomes), "none")
