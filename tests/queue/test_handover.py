"""What a transport throws defers the mail, and is told; nothing else comes of it."""

from __future__ import annotations

import asyncio

import pytest

from postroad.delivery import Delivery
from postroad.model import Outcome, Reply, Report, Status
from postroad.model.journal import Event, Level, Notice
from postroad.queue.attempt import Admission, Attempt, Destination
from postroad.queue.handover import Handover
from queue_mail import NOON, crowd, message

MAIL = message(queue_id="Q1")
TO = crowd(2)
ADMISSION = Admission(MAIL, TO, NOON, fresh=True)
ATTEMPT = Attempt(Destination("smtp", "next.test"), ADMISSION, TO, 0, messages_per_connection=7)


class Carrier:
    relays = True

    def __init__(self, throws: BaseException | None = None) -> None:
        self.throws = throws
        self.deliveries: list[Delivery] = []

    async def deliver(self, delivery: Delivery) -> Report:
        self.deliveries.append(delivery)
        if self.throws is not None:
            raise self.throws
        sent = Reply.of(250, "2.0.0", "Ok")
        return Report(tuple(Outcome(each.id, Status.SENT, sent) for each in TO), "next.test")


async def test_what_is_handed_over() -> None:
    carrier, said = Carrier(), list[Event]()
    report = await Handover(said.append).to(carrier, ATTEMPT)
    assert carrier.deliveries == [Delivery(MAIL, TO, "next.test", 7)]
    assert (report.relay, said) == ("next.test", [])


@pytest.mark.parametrize(
    ("carrier", "reply", "words"),
    [
        (None, "451 4.3.5 mail transport unavailable", "there is no transport named smtp"),
        (
            Carrier(ValueError("odd")),
            "451 4.3.0 internal error in the mail transport",
            "transport smtp failed: ValueError('odd')",
        ),
        (
            Carrier(asyncio.CancelledError("by itself")),
            "451 4.3.0 internal error in the mail transport",
            "transport smtp failed: CancelledError('by itself')",
        ),
    ],
)
async def test_a_fault_is_an_outcome(carrier: Carrier | None, reply: str, words: str) -> None:
    said: list[Event] = []
    report = await Handover(said.append).to(carrier, ATTEMPT)
    assert [(each.recipient_id, each.status, str(each.reply)) for each in report.outcomes] == [
        (each.id, Status.DEFERRED, reply) for each in TO
    ]
    assert not report.unreachable
    assert said == [Notice("qmgr", f"Q1: {words}", Level.ERROR)]


async def test_our_own_cancellation_is_none_of_these() -> None:
    class Slow(Carrier):
        async def deliver(self, delivery: Delivery) -> Report:
            await asyncio.Event().wait()
            raise AssertionError

    said: list[Event] = []
    task = asyncio.create_task(Handover(said.append).to(Slow(), ATTEMPT))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert said == []


async def test_who_got_the_mail_before_a_fault_has_got_it() -> None:
    sent = Outcome(TO[0].id, Status.SENT, Reply.of(250, "2.0.0", "Ok"), relay="mx.test")

    class Halfway(Carrier):
        async def deliver(self, delivery: Delivery) -> Report:
            delivery.parted([sent])
            return await super().deliver(delivery)

    said: list[Event] = []
    report = await Handover(said.append).to(Halfway(ValueError("odd")), ATTEMPT)
    assert report.outcomes[0] == sent
    assert report.outcomes[1].status is Status.DEFERRED
    assert len(said) == 1
