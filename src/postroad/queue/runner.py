"""Carries out the plan: claims due mail, runs deliveries, writes down what became of them.

It knows neither SMTP nor SQL nor how decisions are made; the planner decides, the transports
deliver, the spool remembers. One runner serves one shard on one event loop.

Theory of operation. Workers, at most `concurrency` for each transport, are coroutines that live as
long as the runner. Each takes the next thing to do: find the routes of a message that came in, or
make the delivery the planner orders; with nothing to do it parks until somebody rouses it. So a
delivery costs no task of its own, and begins in the loop turn after its message was committed. A
feeder claims what is due whenever the window has room. A settlement writes results in groups.
Before anything is begun the spool is asked whether the message has been held in the meantime; what
has goes back to it.

Order makes it safe. A recipient is settled only after its delivery was taken, its retry decided,
or its bounce acknowledged by the door; a crash anywhere repeats work and loses none. Whatever a
transport, a router or the door throws is an outcome here, with a notice for the operator.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from postroad.delivery import Delivery, Transport
from postroad.delivery.routing import FILTER
from postroad.model import Outcome, Reply, Report, Status, StoredRecipient
from postroad.model.journal import Journal, Level, Notice
from postroad.queue.alarm import Alarm
from postroad.queue.attempt import Admission, Attempt, Destination
from postroad.queue.conclusion import Conclusion, Whose, nobody
from postroad.queue.delivery_log import DeliveryLog
from postroad.queue.notifier import Door, Notifier
from postroad.queue.planner import Planner
from postroad.queue.routes import Router, Routes
from postroad.queue.schedule import Schedule
from postroad.queue.settings import QueueSettings
from postroad.queue.settlement import Settlement
from postroad.queue.wishes import Wishes
from postroad.spool import Claim, Claimed, Done, Retry, SpoolError

__all__ = ["Router", "Runner", "Spool"]

_NEVER = float("inf")
_CLAIM = 100  # recipients; a claim is put off until there is room for so many
_MOST_CLAIMED = 1000  # recipients by one claim, so that none holds the spool up for long
_UNLIMITED = 1 << 30
_CLAIM_PAUSE = 5.0  # seconds after a claim that failed or brought nothing
_RELAYS = frozenset({"smtp", FILTER})  # the transports that hand mail on to other servers
_NO_TRANSPORT = Reply.of(451, "4.3.5", "mail transport unavailable")
_MISHAP = Reply.of(451, "4.3.0", "internal error in the mail transport")


class Spool(Protocol):
    """The shard, as the runner sees it."""

    async def claim(self, now: float, limit: int) -> Claim:
        """Take recipients that are due."""
        ...

    async def settle(self, results: Sequence[Done | Retry]) -> list[str]:
        """Write results; returns the queue ids of which nothing is left."""
        ...

    async def release(self, recipient_ids: Sequence[int]) -> None:
        """Take claimed recipients back untried, so that a later claim finds them."""
        ...

    def withholds(self, queue_id: str) -> bool:
        """Whether a message with claimed recipients was held since they were claimed."""
        ...


class Runner:
    """Delivers the mail of one shard."""

    def __init__(
        self,
        *,
        spool: Spool,
        router: Router,
        transports: Mapping[str, Transport],
        door: Door,
        journal: Journal,
        clock: Callable[[], float],
        settings: QueueSettings,
        hostname: str,
        bounced: Whose = nobody,
    ) -> None:
        """Take the parts.

        Args:
            spool: the shard whose mail this is.
            router: gives each address its route.
            transports: by the name that routes use.
            door: takes bounces.
            journal: where events go.
            clock: seconds since the epoch.
            settings: `[queue]`.
            hostname: our name, for bounces.
            bounced: told of each failure of mail that an account submitted.
        """
        self._spool = spool
        self._routes = Routes(router, journal)
        self._transports = transports
        self._journal = journal
        self._log = DeliveryLog(journal)
        self._clock = clock
        self._planner = Planner(settings)
        self._schedule = schedule = Schedule(settings)
        self._settlement = Settlement(spool, journal, self._settled)
        self._conclusion = Conclusion(
            self._settlement.put,
            Notifier(door, journal, hostname, settings, schedule),
            Wishes(settings, schedule),
            schedule,
            bounced,
        )
        self._batch = max(1, min(_CLAIM, settings.active_limit // 20 or 1))
        self._most = settings.concurrency * max(len(transports), 1) or _UNLIMITED
        self._most_unsettled = settings.active_limit or _UNLIMITED
        self._alarm = Alarm()
        self._inbox: deque[Admission] = deque()
        self._unsettled = 0  # recipients with a verdict that is not written yet
        self._next_due = 0.0  # when the spool has mail to claim, as far as is known
        self._group: asyncio.TaskGroup | None = None
        self._ended = asyncio.Event()
        self._workers: set[asyncio.Task[None]] = set()
        self._parked: list[asyncio.Future[None]] = []
        self._stopping = False

    def add(self, claimed: Claimed) -> None:
        """Take a message that was just committed, claimed for us.

        Cheap and synchronous; its deliveries begin in the next turn of the loop. What does not fit
        goes back to the spool and is claimed when there is room. A message that waits has no
        recipient for us now; where its sender said until when, that is a time to look at the spool.
        """
        if claimed.recipients:
            self._admit(claimed, fresh=True)
        elif claimed.message.envelope.hold_until is not None:
            self._look_at(claimed.message.envelope.hold_until)

    def wake(self) -> None:
        """Look at the spool now: something changed there that did not pass through here."""
        self._next_due = 0.0
        self._alarm.ring()
        self._settlement.hurry()

    def flush(self) -> None:
        """Wake, and forget that any destination was found dead."""
        self._planner.flush()
        self._rouse()
        self.wake()

    async def run(self) -> None:
        """Deliver until drained or cancelled. To be called once."""
        try:
            async with asyncio.TaskGroup() as self._group:
                self._group.create_task(self._settlement.run())
                for _ in range(len(self._inbox)):
                    self._rouse()
                await self._feed()
        finally:
            self._ended.set()

    async def drain(self, timeout: float) -> None:  # noqa: ASYNC109 - cuts off workers, not itself
        """Begin nothing new, let running deliveries end, write their results, end `run`.

        What was not begun, or did not end in time, stays claimed until the shard is opened again.

        Args:
            timeout: seconds after which running deliveries are cut off.
        """
        self._stopping = True
        self._alarm.ring()
        while self._parked:
            self._rouse()
        if self._workers:
            await asyncio.wait(self._workers, timeout=timeout)
        for worker in self._workers:
            worker.cancel()
        if self._workers:
            await asyncio.wait(self._workers)
        self._settlement.close()
        if self._group is not None:
            await self._ended.wait()

    def _admit(self, claimed: Claimed, *, fresh: bool) -> None:
        admission, count = None, 0
        if not self._stopping and self._unsettled < self._most_unsettled:
            admission = self._planner.admit(
                claimed.message, claimed.recipients, self._clock(), fresh=fresh
            )
        if admission is not None:
            count = len(admission.recipients)
            self._inbox.append(admission)
            self._rouse()
        if count < len(claimed.recipients):
            self._settlement.give_back([each.id for each in claimed.recipients[count:]])

    async def _feed(self) -> None:
        """Claim what is due whenever there is room for it."""
        while not self._stopping:
            now, room = self._clock(), self._room()
            wait = _NEVER  # without room: until a settlement rings
            if room >= self._batch:
                wait = self._next_due - now
                if wait <= 0:
                    await self._claim(now, room)
                    continue
            await self._alarm.sleep(wait)

    async def _claim(self, now: float, room: int) -> None:
        self._next_due = _NEVER  # what happens during the claim may bring it forward
        try:
            claim = await self._spool.claim(now, min(room, _MOST_CLAIMED))
        except SpoolError as error:
            self._journal(Notice("qmgr", f"the spool could not be read: {error}", Level.ERROR))
            self._next_due = min(self._next_due, now + _CLAIM_PAUSE)
            return
        for claimed in claim.messages:
            self._admit(claimed, fresh=False)
        if claim.next_due is not None:
            soonest = 0.0 if claim.messages else now + _CLAIM_PAUSE
            due = claim.next_due if claim.next_due > now else soonest
            self._next_due = min(self._next_due, due)

    def _room(self) -> int:
        """Recipients that may be claimed: those with an unwritten verdict still take room."""
        return self._planner.room - self._unsettled

    def _settled(self, count: int, due: float) -> None:
        self._unsettled -= count
        self._look_at(due)

    def _look_at(self, due: float) -> None:
        """Remember that the spool has mail at this time; wake the feeder where that matters."""
        sooner = due < self._next_due
        self._next_due = min(self._next_due, due)
        if sooner or (self._next_due <= self._clock() and self._room() >= self._batch):
            self._alarm.ring()

    def _rouse(self) -> None:
        """Have one more worker look for work, if one may."""
        while self._parked:
            sleeper = self._parked.pop()
            if not sleeper.done():
                sleeper.set_result(None)
                return
        if self._group is not None and len(self._workers) < self._most and not self._stopping:
            worker = self._group.create_task(self._work())
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)

    async def _work(self) -> None:
        while not self._stopping:
            if self._inbox:
                await self._enter(self._inbox.popleft())
                continue
            attempt = self._planner.next()
            if attempt is None:
                sleeper = asyncio.get_running_loop().create_future()
                self._parked.append(sleeper)
                await sleeper
                continue
            if self._planner.ready:
                self._rouse()
            await self._perform(attempt)

    async def _enter(self, admission: Admission) -> None:
        """Find the route of each recipient and let the planner have them."""
        if self._spool.withholds(admission.message.queue_id):
            self._planner.dismiss(admission)
            self._settlement.give_back([each.id for each in admission.recipients])
            return
        owed = [each for each in admission.recipients if each.owed is not None]
        wanting = [each for each in admission.recipients if each.owed is None]
        routes = await self._routes.of(admission.message, wanting)
        now = self._clock()
        if owed:
            await self._report(admission, owed, now)
        is_late = self._schedule.missed(admission.message, now)
        verdicts = []
        for route, group in routes.items():
            if is_late:
                verdicts += self._planner.expire(admission, tuple(group), now)
            elif isinstance(route, Reply):
                verdicts += self._planner.defer(admission, tuple(group), route, now)
            else:
                destination = Destination(route.transport, route.nexthop)
                verdicts += self._planner.add(admission, tuple(group), destination, now)
        if verdicts:
            self._unsettled += len(verdicts)
            self._log.untried(verdicts, now)
            await self._conclusion.draw(verdicts, "none", now, relayed=False)

    async def _report(
        self, admission: Admission, owed: Sequence[StoredRecipient], now: float
    ) -> None:
        """Send the reports that are all that is left to do for these recipients."""
        verdicts = self._planner.report(admission, tuple(owed))
        self._unsettled += len(verdicts)
        await self._conclusion.draw(verdicts, "none", now, relayed=False)

    async def _perform(self, attempt: Attempt) -> None:
        if self._spool.withholds(attempt.message.queue_id):
            self._planner.forgo(attempt)
            self._settlement.give_back([each.id for each in attempt.recipients])
            return
        if attempt.message.envelope.deliver_by is not None:
            now = self._clock()
            if self._schedule.missed(attempt.message, now):
                await self._withdraw(attempt, now)
                return
        report = await self._deliver(attempt)
        now = self._clock()
        verdicts = self._planner.finished(attempt, report, now)
        self._unsettled += len(verdicts)
        tried = len(attempt.recipients)
        self._log.tried(verdicts[:tried], attempt, report, now)
        self._log.untried(verdicts[tried:], now)
        relayed = attempt.destination.transport in _RELAYS
        await self._conclusion.draw(verdicts, report.relay, now, relayed=relayed)

    async def _withdraw(self, attempt: Attempt, now: float) -> None:
        """Do not make a delivery: while it waited its turn, its deadline went by."""
        verdicts = self._planner.withdraw(attempt, now)
        self._unsettled += len(verdicts)
        self._log.untried(verdicts, now)
        await self._conclusion.draw(verdicts, "none", now, relayed=False)

    async def _deliver(self, attempt: Attempt) -> Report:
        transport = self._transports.get(attempt.destination.transport)
        if transport is None:
            words = f"there is no transport named {attempt.destination.transport}"
            return self._mishap(attempt, _NO_TRANSPORT, words)
        try:
            return await transport.deliver(
                Delivery(attempt.message, attempt.recipients, attempt.destination.nexthop)
            )
        except Exception as error:  # noqa: BLE001 - a fault elsewhere defers mail, no more
            words = f"transport {attempt.destination.transport} failed: {error!r}"
            return self._mishap(attempt, _MISHAP, words)

    def _mishap(self, attempt: Attempt, reply: Reply, words: str) -> Report:
        self._journal(Notice("qmgr", f"{attempt.message.queue_id}: {words}", Level.ERROR))
        deferred = (Outcome(each.id, Status.DEFERRED, reply) for each in attempt.recipients)
        return Report(tuple(deferred), "none")
