"""What SMTP and LMTP delivery share: sessions used again, and reports made from answers.

How a session comes about is a `Search`; everything after that is the same for both.

Theory of operation. A message goes to its recipients in one transaction, or in several where the
server said that it takes no more at once (RFC 9422). A recipient that a host defers is offered to
the next host in the same attempt, as Postfix does it, until `session_limit` hosts were asked; what
the last host said of it counts. So a message is late only when every host is unwilling.

Three things end the matter at the host where they happen. A refusal for good does, for the hosts of
a domain speak for it. So does a fault of ours, as a content that cannot be read. And so does a
session that broke when the message was sent and no answer to it had come: the host may have taken
it, and to offer it to the next one at once would make a second copy likely. It waits, and the log
says that it may arrive twice.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from postroad.delivery.envelope import split, transaction_of
from postroad.delivery.pool import Road, SessionPool
from postroad.delivery.probe import Probed
from postroad.delivery.search import Search, Searching
from postroad.delivery.session import Session, Unready
from postroad.delivery.settings import DeliverySettings
from postroad.delivery.sources import AnySource, Sources
from postroad.delivery.tls_required import is_about_tls, is_relaxed
from postroad.delivery.transport import UNREADABLE, Delivery
from postroad.model import Outcome, Reply, Report, Status, StoredRecipient
from postroad.model.journal import Journal, Notice
from postroad.smtp.client import Answer, Transaction
from postroad.spool import SpoolError

__all__ = ["Courier"]

_Recipients = tuple[StoredRecipient, ...]

_USED_UP = Answer(
    Reply.of(451, "4.3.2", "this source address has sent its share of today"), from_peer=False
)


class _Carried(NamedTuple):
    """What one session did for a delivery.

    Attributes:
        report: the outcomes of those that it was offered.
        left: recipients that have to wait for another transaction.
        deferred: recipients that another host may be asked about.
        told: for the log: why they were deferred.
    """

    report: Report
    left: _Recipients = ()
    deferred: _Recipients = ()
    told: str = ""


class Courier:
    """Carries deliveries over sessions."""

    def __init__(
        self,
        searching: Searching,
        settings: DeliverySettings,
        clock: Callable[[], float],
        now: Callable[[], float] = time.time,
        *,
        sources: Sources | None = None,
        journal: Journal | None = None,
        plain_after: float = math.inf,
    ) -> None:
        """Take how to begin.

        Args:
            searching: finds sessions.
            settings: how long sessions are kept, and how many hosts are asked.
            clock: seconds, for the times in reports.
            now: seconds since the epoch, for deadlines.
            sources: counts what is sent from each of our addresses.
            journal: told of hosts that defer what another one is offered then.
            plain_after: age of a message in seconds from which on it is `Road.waited`.
        """
        self._searching = searching
        self._pool = SessionPool(settings.idle_timeout, settings.connection_lifetime)
        self._session_limit = settings.session_limit
        self._clock = clock
        self._now = now
        self._sources = sources or AnySource()
        self._journal = journal
        self._plain_after = plain_after

    async def deliver(self, delivery: Delivery) -> Report:
        """See `Transport.deliver`."""
        carried = await self._try(delivery)
        report, left = carried.report, carried.left
        if not left:
            return report
        while left:
            _tell_of_part(delivery, report)
            part = replace(delivery, recipients=left)
            more = await self._try(part)
            report, left = _joined(report, more.report), more.left
        return report._replace(outcomes=_in_order(report.outcomes, delivery.recipients))

    async def probe(self, nexthop: str, transaction: Transaction) -> Probed:
        """What a next hop says of a recipient, without a message; see `Probing.probe`."""
        road = Road(nexthop)
        kept = self._pool.take(road)
        if kept is not None:
            probed = await self._ask(kept, road, transaction)
            if kept.core.answered or kept.core.is_idle:
                return probed
        session = await self._searching(road, self._pool).next()
        if isinstance(session, Unready):
            reply = session.answer.reply
            return Probed(session.answer, session.relay, unreachable=not reply.is_permanent)
        return await self._ask(session, road, transaction)

    def close(self) -> None:
        """Close idle sessions now and the others as soon as their message is done."""
        self._pool.close()

    # One host after the other --------------------------------------------------------------------

    async def _try(self, delivery: Delivery) -> _Carried:
        """Offer the recipients to one host after the other, those that still wait for a word."""
        started = self._clock()
        message = delivery.message
        waited = self._now() - message.arrived >= self._plain_after
        road = Road(delivery.nexthop, message.envelope.require_tls, waited=waited)
        session = self._pool.take(road)
        carried = None
        if session is not None:
            carried = await self._carry(session, road, delivery, started)
            # A session that was closed while it lay idle has taken nothing of the message, unless
            # all of it went out with the commands: then it may have, and the message waits.
            core = session.core
            if not (core.answered or core.is_idle or core.doubtful):
                carried = session = None
            elif not carried.deferred:
                return carried
        return await self._go_on(delivery, road, started, carried, session)

    async def _go_on(
        self,
        delivery: Delivery,
        road: Road,
        started: float,
        carried: _Carried | None,
        session: Session | None,
    ) -> _Carried:
        """The hosts after the first session, or all of them where there was none."""
        search: Search = self._searching(road, self._pool)
        asked = 0 if carried is None else 1
        while True:
            if carried is not None:
                _tell_of_part(delivery, carried.report)
            found = await search.next(session)
            if isinstance(found, Unready):
                if carried is not None:
                    return carried
                if not road.relaxed and await self._would_rather_arrive(found, delivery):
                    road = road._replace(relaxed=True)
                    search = self._searching(road, self._pool)
                    continue
                return _Carried(self._refused(found, delivery, started))
            session = found
            if carried is None:
                carried = await self._carry(session, road, delivery, started)
            else:
                self._note(delivery, carried.told)
                part = replace(delivery, recipients=carried.deferred)
                carried = _follow(carried, await self._carry(session, road, part, self._clock()))
            asked += 1
            if not carried.deferred or asked == self._session_limit:
                return carried

    async def _would_rather_arrive(self, found: Unready, delivery: Delivery) -> bool:
        """Whether only a policy of TLS stops a message that asks not to be stopped by one."""
        message = delivery.message
        if message.envelope.require_tls or not is_about_tls(found):
            return False
        try:
            return await is_relaxed(message.content)
        except SpoolError:
            return False  # it waits, as it would without the field

    async def _carry(
        self, session: Session, road: Road, delivery: Delivery, started: float
    ) -> _Carried:
        """One transaction."""
        ready = self._clock()
        if delivery.messages_per_connection is not None:
            session.limit = delivery.messages_per_connection
        message, recipients = delivery.message, delivery.recipients
        left: _Recipients = ()
        offered = session.core.extensions
        if offered.limits is not None:
            recipients, left = split(recipients, offered.limits)
        transaction = transaction_of(message, recipients, self._now)
        retried = True
        try:
            if session.source is None:
                answers = await session.send(transaction, message.content)
            else:
                answers = await self._send_counted(session, transaction, delivery)
        except SpoolError:
            session.close()  # in the middle of a content that means: drop it without an end
            answers = (Answer(UNREADABLE, from_peer=False),) * len(delivery.recipients)
            recipients, left, retried = delivery.recipients, (), False
        except BaseException:  # cancelled: the peer must not wait
            said = session.said
            session.abort()
            heard = tuple([recipients[at] for at in said])
            outcomes = _outcomes(heard, tuple(said.values()), dsn_passed=offered.dsn)
            _tell_of_part(delivery, Report(outcomes, session.relay))
            raise
        else:
            self._pool.put(road, session)
        done = self._clock()
        by_passed = offered.deliver_by is not None and message.envelope.deliver_by is not None
        outcomes = _outcomes(recipients, answers, dsn_passed=offered.dsn, by_passed=by_passed)
        report = Report(outcomes, session.relay, ready - started, done - ready, False, session.tls)
        for outcome in outcomes:
            if outcome.status is Status.DEFERRED and retried and not session.core.doubtful:
                return _with_deferred(report, left, recipients, answers)
        return _Carried(report, left)

    async def _send_counted(
        self, session: Session, transaction: Transaction, delivery: Delivery
    ) -> tuple[Answer, ...]:
        """Send from an address of ours that may have sent enough for today."""
        source = session.source
        assert source is not None
        if not await self._sources.begin(source, session.host):
            session.close()
            return (_USED_UP,) * len(transaction.recipients)
        answers = await session.send(transaction, delivery.message.content)
        worst = max((answer.reply for answer in answers), key=lambda reply: reply.code)
        self._sources.ended(source, session.host, worst)
        return answers

    async def _ask(self, session: Session, road: Road, transaction: Transaction) -> Probed:
        try:
            answers = await session.ask(transaction)
        except BaseException:  # cancelled: the peer must not wait
            session.abort()
            raise
        self._pool.put(road, session)
        return Probed(answers[0], session.relay)

    def _refused(self, unready: Unready, delivery: Delivery, started: float) -> Report:
        reply = unready.answer.reply
        # What only a message with REQUIRETLS asks for says nothing of the destination's other mail.
        security = (reply.enhanced or "").startswith("4.7.")
        asked_too_much = delivery.message.envelope.require_tls and security
        return Report(
            _outcomes(delivery.recipients, (unready.answer,) * len(delivery.recipients)),
            unready.relay,
            self._clock() - started,
            unreachable=not reply.is_permanent and not asked_too_much,
        )

    def _note(self, delivery: Delivery, told: str) -> None:
        if self._journal is not None:
            self._journal(Notice("smtp", f"{delivery.message.queue_id}: {told}"))


def _tell_of_part(delivery: Delivery, report: Report) -> None:
    relay = report.relay
    delivery.parted([one if one.relay else one._replace(relay=relay) for one in report.outcomes])


def _with_deferred(
    report: Report, left: _Recipients, recipients: _Recipients, answers: Sequence[Answer]
) -> _Carried:
    """The same with those of whom another host may be asked.

    Words of ours that are no loss of the connection are about the message, or about this host's
    lack of something that another one may have: 4.3.0 is the former.
    """
    pairs = [
        (recipient, answer)
        for recipient, answer in zip(recipients, answers, strict=True)
        if 400 <= answer.reply.code < 500 and (answer.from_peer or answer.reply.enhanced != "4.3.0")
    ]
    if not pairs:
        return _Carried(report, left)
    said = Probed(pairs[0][1], report.relay).words
    return _Carried(report, left, tuple([recipient for recipient, _ in pairs]), said)


def _follow(before: _Carried, after: _Carried) -> _Carried:
    """The recipients that were deferred, as another host took them; the others as they were."""
    left = before.left + after.left
    waiting = {each.id for each in after.left}
    kept = [each for each in before.report.outcomes if each.recipient_id not in waiting]
    report = before.report._replace(outcomes=tuple(kept))
    joined = _joined(report, after.report)
    return _Carried(joined, left, after.deferred, after.told)


def _joined(before: Report, after: Report) -> Report:
    """Both; where they speak of the same recipient, the later word counts."""
    outcomes = {
        each.recipient_id: each if each.relay else each._replace(relay=before.relay)
        for each in before.outcomes
    }
    for each in after.outcomes:
        outcomes[each.recipient_id] = each if each.relay else each._replace(relay=after.relay)
    return Report(
        tuple(outcomes.values()),
        before.relay,
        before.setup + after.setup,
        before.transfer + after.transfer,
        before.unreachable and after.unreachable,
        after.tls or before.tls,
    )


def _in_order(outcomes: Sequence[Outcome], recipients: _Recipients) -> tuple[Outcome, ...]:
    found = {outcome.recipient_id: outcome for outcome in outcomes}
    return tuple([found[recipient.id] for recipient in recipients])


def _outcomes(
    recipients: Sequence[StoredRecipient],
    answers: Sequence[Answer],
    *,
    dsn_passed: bool = False,
    by_passed: bool = False,
) -> tuple[Outcome, ...]:
    return tuple(
        [
            Outcome(
                recipient.id,
                _status(answer.reply),
                answer.reply,
                answer.from_peer,
                dsn_passed,
                by_passed,
                of_recipient=answer.command == "RCPT TO",
            )
            for recipient, answer in zip(recipients, answers, strict=True)
        ]
    )


def _status(reply: Reply) -> Status:
    if reply.code < 300:
        return Status.SENT
    return Status.BOUNCED if reply.is_permanent else Status.DEFERRED
