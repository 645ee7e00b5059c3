"""Mail for an address that reports of others come to: read on its way to the mailbox.

A transport before the one that stores mail. The report is kept first, and the mail stored then: a
crash between them reads the same report again, which is known by its id, and no mail is lost. An
address of this kind needs no mailbox; where a report was kept, its mail has arrived. What brought
none, and has no mailbox, is set aside where an operator finds it, if somebody does that.

An address may be one for reports of several kinds. Then a mail is read by each kind, and that the
others find nothing of theirs in it is no trouble.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from postroad.delivery.transport import Delivery, Transport
from postroad.model import Content, Outcome, Reply, Report, Status
from postroad.reports.arrival import Arrival, Receptive

__all__ = ["ReportTaking", "SettingAside", "Taker"]

_ASIDE = Reply.of(250, "2.0.0", "no report that could be read, set aside for the postmaster")


class SettingAside(Protocol):
    """Who keeps mail that brought no report; `reports.aside.Aside` does."""

    async def keep(self, queue_id: str, content: Content) -> bool:
        """Keep a mail. Never fails.

        Returns:
            Whether it is on the disk now.
        """
        ...


@dataclass(frozen=True, slots=True)
class Taker:
    """Who takes one kind of reports.

    Attributes:
        reports: reads and keeps them.
        kept: what is said of mail whose report was kept.
        aside: keeps mail that brought none; `None`: it goes the way of all mail for nobody.
    """

    reports: Receptive
    kept: str
    aside: SettingAside | None = None

    def ids_of(self, delivery: Delivery) -> frozenset[int]:
        """The recipients that are its addresses."""
        is_for = self.reports.is_for
        return frozenset(
            [
                each.id
                for each in delivery.recipients
                if is_for(each.original) or is_for(each.address)
            ]
        )


@dataclass(frozen=True, slots=True)
class _Taken:
    """What became of a mail: recipients for whom a report was kept, and who found none."""

    kept: dict[int, Reply] = field(default_factory=dict)
    failed: list[tuple[Taker, frozenset[int], str]] = field(default_factory=list)


class ReportTaking:
    """Implements `Transport`."""

    def __init__(
        self, storing: Transport, takers: Sequence[Taker], now: Callable[[], float] = time.time
    ) -> None:
        """Before a transport.

        Args:
            storing: stores mail.
            takers: take reports.
            now: seconds since the epoch.
        """
        self._storing = storing
        self._takers = tuple(takers)
        self._now = now

    @property
    def relays(self) -> bool:
        """See `Transport.relays`."""
        return self._storing.relays

    async def deliver(self, delivery: Delivery) -> Report:
        """See `Transport.deliver`."""
        found = [(each, each.ids_of(delivery)) for each in self._takers]
        wanted = [(taker, ids) for taker, ids in found if ids]
        if not wanted:
            return await self._storing.deliver(delivery)
        taken = await self._taken(delivery, wanted)
        report = _settled(await self._storing.deliver(delivery), taken.kept)
        message = delivery.message
        for taker, ids, _ in taken.failed:
            if taker.aside is None or not any(map(_is_nobody, _of(report, ids))):
                continue
            if await taker.aside.keep(message.queue_id, message.content):
                report = _settled(report, dict.fromkeys(ids, _ASIDE))
        return report

    async def _taken(
        self, delivery: Delivery, wanted: Sequence[tuple[Taker, frozenset[int]]]
    ) -> _Taken:
        message, taken = delivery.message, _Taken()
        arrival = Arrival(self._now(), message.envelope.sender_text, message.queue_id)
        for taker, ids in wanted:
            words = await taker.reports.take(message.content, arrival)
            if words:
                taken.failed.append((taker, ids, words))
            else:
                taken.kept.update(dict.fromkeys(ids, Reply.of(250, "2.0.0", taker.kept)))
        for taker, ids, words in taken.failed:
            if not ids <= taken.kept.keys():
                taker.reports.complain(words)
        return taken


def _of(report: Report, ids: frozenset[int]) -> list[Outcome]:
    return [each for each in report.outcomes if each.recipient_id in ids]


def _settled(report: Report, replies: Mapping[int, Reply]) -> Report:
    """No mailbox is no failure for these."""
    outcomes = tuple(
        Outcome(each.recipient_id, Status.SENT, replies[each.recipient_id])
        if each.recipient_id in replies and _is_nobody(each)
        else each
        for each in report.outcomes
    )
    return report._replace(outcomes=outcomes)


def _is_nobody(outcome: Outcome) -> bool:
    return outcome.status is Status.BOUNCED and outcome.reply.enhanced == "5.1.1"
