"""What SMTP and LMTP delivery share: sessions used again, and reports made from answers.

How a session comes about is given as a function; everything after that is the same for both.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from postroad.delivery.pool import SessionPool
from postroad.delivery.session import Session, Unready
from postroad.delivery.settings import DeliverySettings
from postroad.delivery.transport import UNREADABLE, Delivery
from postroad.model import Outcome, Reply, Report, Status
from postroad.smtp.client import Answer, Transaction
from postroad.spool import SpoolError

__all__ = ["Courier", "OpenSession"]

OpenSession = Callable[[str], Awaitable[Session | Unready]]
"""Gives a new session with a next hop, ready for a transaction, or says why there is none."""


class Courier:
    """Carries deliveries over sessions."""

    def __init__(
        self, open_session: OpenSession, settings: DeliverySettings, clock: Callable[[], float]
    ) -> None:
        """Take how to begin.

        Args:
            open_session: makes sessions.
            settings: how long sessions are kept.
            clock: seconds, for the times in reports.
        """
        self._open_session = open_session
        self._pool = SessionPool(settings.idle_timeout)
        self._clock = clock

    async def deliver(self, delivery: Delivery) -> Report:
        """See `Transport.deliver`."""
        started = self._clock()
        transaction = _transaction(delivery)
        kept = self._pool.take(delivery.nexthop)
        if kept is not None:
            report = await self._carry(kept, delivery, transaction, started)
            # A session that was closed while it lay idle has taken nothing of the message.
            if kept.core.answered or kept.core.is_idle:
                return report
        session = await self._open_session(delivery.nexthop)
        if isinstance(session, Unready):
            return self._refused(session, delivery, started)
        return await self._carry(session, delivery, transaction, started)

    def close(self) -> None:
        """Close idle sessions now and the others as soon as their message is done."""
        self._pool.close()

    async def _carry(
        self, session: Session, delivery: Delivery, transaction: Transaction, started: float
    ) -> Report:
        ready = self._clock()
        try:
            answers = await session.send(transaction, delivery.message.content)
        except SpoolError:
            session.close()  # in the middle of a content that means: drop it without an end
            return _unreadable(delivery, session.relay, ready - started, self._clock() - ready)
        except BaseException:  # cancelled: the peer must not wait
            session.abort()
            raise
        done = self._clock()
        self._pool.put(delivery.nexthop, session)
        outcomes = _outcomes(delivery, answers)
        return Report(outcomes, session.relay, ready - started, done - ready)

    def _refused(self, unready: Unready, delivery: Delivery, started: float) -> Report:
        answers = (unready.answer,) * len(delivery.recipients)
        return Report(
            _outcomes(delivery, answers),
            unready.relay,
            self._clock() - started,
            unreachable=not unready.answer.reply.is_permanent,
        )


def _transaction(delivery: Delivery) -> Transaction:
    message = delivery.message
    envelope = message.envelope
    return Transaction(
        envelope.sender_text,
        tuple([str(recipient.address) for recipient in delivery.recipients]),
        message.content.size,
        envelope.body,
        envelope.smtputf8,
    )


def _outcomes(delivery: Delivery, answers: Sequence[Answer]) -> tuple[Outcome, ...]:
    return tuple(
        [
            Outcome(recipient.id, _status(answer.reply), answer.reply, answer.from_peer)
            for recipient, answer in zip(delivery.recipients, answers, strict=True)
        ]
    )


def _unreadable(delivery: Delivery, relay: str, setup: float, transfer: float) -> Report:
    answers = (Answer(UNREADABLE, from_peer=False),) * len(delivery.recipients)
    return Report(_outcomes(delivery, answers), relay, setup, transfer)


def _status(reply: Reply) -> Status:
    if reply.code < 300:
        return Status.SENT
    return Status.BOUNCED if reply.is_permanent else Status.DEFERRED
