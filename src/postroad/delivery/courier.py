"""What SMTP and LMTP delivery share: sessions used again, and reports made from answers.

How a session comes about is given as a function; everything after that is the same for both. A
message goes to its recipients in one transaction, or in several where the server said that it
takes no more at once (RFC 9422).
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence

from postroad.delivery.envelope import split, transaction_of
from postroad.delivery.pool import Road, SessionPool
from postroad.delivery.probe import Probed
from postroad.delivery.session import Session, Unready
from postroad.delivery.settings import DeliverySettings
from postroad.delivery.transport import UNREADABLE, Delivery
from postroad.model import Outcome, Reply, Report, Status, StoredRecipient
from postroad.smtp.client import Answer, Transaction
from postroad.spool import SpoolError

__all__ = ["Courier", "OpenSession"]

OpenSession = Callable[[Road], Awaitable[Session | Unready]]
"""Gives a new session with a next hop, ready for a transaction, or says why there is none."""


class Courier:
    """Carries deliveries over sessions."""

    def __init__(
        self,
        open_session: OpenSession,
        settings: DeliverySettings,
        clock: Callable[[], float],
        now: Callable[[], float] = time.time,
    ) -> None:
        """Take how to begin.

        Args:
            open_session: makes sessions.
            settings: how long sessions are kept.
            clock: seconds, for the times in reports.
            now: seconds since the epoch, for deadlines.
        """
        self._open_session = open_session
        self._pool = SessionPool(settings.idle_timeout)
        self._clock = clock
        self._now = now

    async def deliver(self, delivery: Delivery) -> Report:
        """See `Transport.deliver`."""
        report, left = await self._try(delivery)
        if not left:
            return report
        outcomes = {outcome.recipient_id: outcome for outcome in report.outcomes}
        setup, transfer = report.setup, report.transfer
        while left:
            part = Delivery(delivery.message, left, delivery.nexthop)
            more, left = await self._try(part)
            outcomes |= {one.recipient_id: one._replace(relay=more.relay) for one in more.outcomes}
            setup, transfer = setup + more.setup, transfer + more.transfer
        in_order = tuple(outcomes[recipient.id] for recipient in delivery.recipients)
        return Report(in_order, report.relay, setup, transfer)

    async def probe(self, nexthop: str, transaction: Transaction) -> Probed:
        """What a next hop says of a recipient, without a message; see `Probing.probe`."""
        road = Road(nexthop)
        kept = self._pool.take(road)
        if kept is not None:
            probed = await self._ask(kept, road, transaction)
            if kept.core.answered or kept.core.is_idle:
                return probed
        session = await self._open_session(road)
        if isinstance(session, Unready):
            reply = session.answer.reply
            return Probed(session.answer, session.relay, unreachable=not reply.is_permanent)
        return await self._ask(session, road, transaction)

    def close(self) -> None:
        """Close idle sessions now and the others as soon as their message is done."""
        self._pool.close()

    async def _try(self, delivery: Delivery) -> tuple[Report, tuple[StoredRecipient, ...]]:
        """One transaction: what it brought, and the recipients that have to wait for another."""
        started = self._clock()
        road = Road(delivery.nexthop, delivery.message.envelope.require_tls)
        kept = self._pool.take(road)
        if kept is not None:
            result = await self._carry(kept, road, delivery, started)
            # A session that was closed while it lay idle has taken nothing of the message.
            if kept.core.answered or kept.core.is_idle:
                return result
        session = await self._open_session(road)
        if isinstance(session, Unready):
            return self._refused(session, delivery, started), ()
        return await self._carry(session, road, delivery, started)

    async def _carry(
        self, session: Session, road: Road, delivery: Delivery, started: float
    ) -> tuple[Report, tuple[StoredRecipient, ...]]:
        ready = self._clock()
        message, recipients = delivery.message, delivery.recipients
        left: tuple[StoredRecipient, ...] = ()
        offered = session.core.extensions
        if offered.limits is not None:
            recipients, left = split(recipients, offered.limits)
        transaction = transaction_of(message, recipients, self._now)
        try:
            answers = await session.send(transaction, message.content)
        except SpoolError:
            session.close()  # in the middle of a content that means: drop it without an end
            answers = (Answer(UNREADABLE, from_peer=False),) * len(delivery.recipients)
            recipients, left = delivery.recipients, ()
        except BaseException:  # cancelled: the peer must not wait
            session.abort()
            raise
        else:
            self._pool.put(road, session)
        done = self._clock()
        by_passed = offered.deliver_by is not None and message.envelope.deliver_by is not None
        outcomes = _outcomes(recipients, answers, dsn_passed=offered.dsn, by_passed=by_passed)
        return Report(outcomes, session.relay, ready - started, done - ready), left

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
            )
            for recipient, answer in zip(recipients, answers, strict=True)
        ]
    )


def _status(reply: Reply) -> Status:
    if reply.code < 300:
        return Status.SENT
    return Status.BOUNCED if reply.is_permanent else Status.DEFERRED
