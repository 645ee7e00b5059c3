"""A transport that records what it is given and says what the test tells it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from postroad.delivery import Delivery
from postroad.model import Outcome, Reply, Report, Status

Answer = Callable[[Delivery], Report]

SENT = Reply.of(250, "2.0.0", "Ok: queued")
LATER = Reply.of(450, "4.2.0", "try again later")
NEVER = Reply.of(550, "5.1.1", "no such user here")
SILENCE = Reply.of(451, "4.4.1", "connection timed out")


def answer(status: Status, reply: Reply, *, unreachable: bool = False) -> Answer:
    """The same outcome for every recipient."""

    def report(delivery: Delivery) -> Report:
        peer = not unreachable
        outcomes = tuple(Outcome(each.id, status, reply, peer) for each in delivery.recipients)
        relay = "none" if unreachable else "mx.example.net[192.0.2.1]:25"
        return Report(outcomes, relay, 0.25, 0.5, unreachable=unreachable)

    return report


SENDS = answer(Status.SENT, SENT)
DEFERS = answer(Status.DEFERRED, LATER)
BOUNCES = answer(Status.BOUNCED, NEVER)
SILENT = answer(Status.DEFERRED, SILENCE, unreachable=True)


class FakeTransport:
    """Delivers to a list.

    Sets `begun` at each delivery. While `gate` is cleared, deliveries wait at it; `running` and
    `most` count them.
    """

    def __init__(self, says: Answer = SENDS, *, relays: bool = True) -> None:
        self.says = says
        self.relays = relays
        self.deliveries: list[Delivery] = []
        self.begun = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()
        self.running = 0
        self.most = 0

    async def deliver(self, delivery: Delivery) -> Report:
        self.deliveries.append(delivery)
        self.begun.set()
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            if not self.gate.is_set():
                await self.gate.wait()
            return self.says(delivery)
        finally:
            self.running -= 1
