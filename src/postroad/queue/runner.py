"""Carries out the plan: claims due mail, runs deliveries, writes down what became of them.

It knows neither SMTP nor SQL nor how decisions are made; the planner decides, the transports
deliver, the spool remembers. One runner serves one shard on one event loop.

Theory of operation. Workers (`Crew`), at most `concurrency` for each transport, live as long as the
runner. Each takes the next thing to do: let a message that came in enter (`Entry`: its routes and
sites), or make the delivery the planner orders; with nothing to do it sleeps until somebody rouses
it. So a delivery begins in the loop turn after its message was committed. No more than half of the
workers let messages enter at once: where routes or sites are stuck, what has entered goes on. One
that finds nothing because a rate says so has a worker roused when it is time. A `Feeder` claims
what is due whenever the window has room. A `Settlement` writes results in groups. Before anything
is begun the spool is asked what of it has been held, removed or given up in the meantime; that goes
back to it.

Order makes it safe. A recipient is settled only after its delivery was taken, its retry decided,
or its bounce acknowledged by the door; a crash anywhere repeats work and loses none. Whatever a
transport, a router or the door throws is an outcome here, with a notice for the operator.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

from postroad.delivery import Transport
from postroad.model import Outcome, Report, Status, StoredMessage, StoredRecipient
from postroad.model.journal import Journal
from postroad.queue.allowance import UNLIMITED, Allowances
from postroad.queue.attempt import Admission, Attempt, Verdict
from postroad.queue.conclusion import Conclusion, Whose, nobody
from postroad.queue.copies import copies
from postroad.queue.crew import Crew
from postroad.queue.delivery_log import DeliveryLog
from postroad.queue.entry import Entry
from postroad.queue.feeder import Feeder
from postroad.queue.gate import Commons
from postroad.queue.handover import Handover
from postroad.queue.notifier import Door, Notifier
from postroad.queue.planner import Planner
from postroad.queue.postponement import CROWDED
from postroad.queue.remarks import Refused, Remarks, unheard
from postroad.queue.routes import Router, Routes
from postroad.queue.schedule import Schedule
from postroad.queue.settings import DestinationSettings, QueueSettings
from postroad.queue.settlement import Settlement
from postroad.queue.sites import SiteFinder, Sites
from postroad.queue.suspension import SUSPENDED, Suspension
from postroad.queue.wishes import Wishes
from postroad.spool import Claim, Claimed, Done, Retry

__all__ = ["Router", "Runner", "Spool"]


def _nowhere(_: str) -> SiteFinder | None:
    """Nobody knows sites: each next hop is by itself."""
    return None


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

    def withheld(self, recipient_ids: Sequence[int]) -> Collection[int]:
        """Which of these claimed recipients an operator held, removed or gave up since."""
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
        refused: Refused = unheard,
        destinations: Mapping[str, DestinationSettings] | None = None,
        commons: Commons | None = None,
        finder: Callable[[str], SiteFinder | None] = _nowhere,
        suspension: Suspension | None = None,
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
            refused: told of each refusal for good by another server.
            destinations: `[destinations.NAME]`, by NAME.
            commons: what all workers count together; `None`: there is no other.
            finder: who finds the sites of a transport's next hops.
            suspension: which mail waits for an operator; left out: what `settings` say.
        """
        self._spool = spool
        self._transports = transports
        self._door = door
        self._journal = journal
        self._log = DeliveryLog(journal)
        self._remarks = Remarks(journal, refused)
        self._clock = clock
        self._hostname = hostname
        self._bounced = bounced
        if suspension is None:  # not «or»: one without a name in it is false
            suspension = Suspension(settings.defer_transports)
        self._suspension = suspension
        self._settlement = Settlement(spool, journal, self._settled)
        self._feeder = Feeder(spool, journal, clock, self._room, self._claimed)
        allowances = Allowances(settings, destinations)
        self._planner = Planner(settings, allowances, commons)
        self._sites = Sites(finder, clock)
        self._entry = Entry(
            self._planner, Routes(router, journal), self._sites, self._suspension, clock
        )
        self._inbox: deque[Admission] = deque()
        self._entering = 0  # workers that let messages enter
        self._unsettled = 0  # recipients with a verdict that is not written yet
        self._crew = Crew(self._work, clock)
        self._handover = Handover(journal)
        self._is_running = False
        self._ended = asyncio.Event()
        self._take(settings, allowances)

    def replace(
        self, settings: QueueSettings, destinations: Mapping[str, DestinationSettings]
    ) -> None:
        """Go by other settings from now on. What runs, and what was learnt of destinations, stays.

        Raises:
            OSError: the file of suspended transports cannot be read; all else has changed.
        """
        allowances = Allowances(settings, destinations)
        self._planner.replace(settings, allowances)
        self._take(settings, allowances)
        self._crew.rouse()
        self.wake()
        self._suspension.configure(settings.defer_transports)

    def _take(self, settings: QueueSettings, allowances: Allowances) -> None:
        """What is made anew when settings change."""
        self._schedule = schedule = Schedule(settings)
        self._conclusion = Conclusion(
            self._settlement.put,
            Notifier(self._door, self._journal, self._hostname, settings, schedule),
            Wishes(settings, schedule),
            schedule,
            bounced=self._bounced,
            journal=self._journal,
        )
        self._feeder.resize(settings.active_limit)
        most = sum(allowances.concurrency(name) for name in self._transports)
        self._crew.most = min(max(most, settings.concurrency), UNLIMITED) or UNLIMITED
        self._most_entering = max(1, self._crew.most // 2)
        self._most_unsettled = settings.active_limit or UNLIMITED

    def add(self, claimed: Claimed) -> None:
        """Take a message that was just committed, claimed for us.

        Cheap and synchronous; its deliveries begin in the next turn of the loop. What does not fit
        goes back to the spool and is claimed when there is room. A message that waits has no
        recipient for us now; where its sender said until when, that is a time to look at the spool.
        """
        if claimed.recipients:
            for copy in copies(claimed):
                self._admit(copy, fresh=True)
        elif claimed.message.envelope.hold_until is not None:
            self._feeder.look_at(claimed.message.envelope.hold_until)

    def wake(self) -> None:
        """Look at the spool now: something changed there that did not pass through here."""
        self._feeder.look_now()
        self._settlement.hurry()

    def flush(self) -> None:
        """Wake, and forget that any destination was found dead."""
        self._planner.flush()
        self._crew.rouse()
        self.wake()

    async def run(self) -> None:
        """Deliver until drained or cancelled. To be called once."""
        try:
            async with asyncio.TaskGroup() as group:
                self._is_running = True
                self._crew.begin(group)
                group.create_task(self._settlement.run())
                for _ in range(len(self._inbox)):
                    self._crew.rouse()
                await self._feeder.run()
        finally:
            self._sites.close()
            self._crew.close()
            self._ended.set()

    async def drain(self, timeout: float) -> None:  # noqa: ASYNC109 - cuts off workers, not itself
        """Begin nothing new, let running deliveries end, write their results, end `run`.

        What was not begun, or did not end in time, stays claimed until the shard is opened again.

        Args:
            timeout: seconds after which running deliveries are cut off.
        """
        self._feeder.close()
        await self._crew.stop(timeout)
        self._settlement.close()
        if self._is_running:
            await self._ended.wait()

    def _claimed(self, claimed: Claimed) -> None:
        for copy in copies(claimed):
            self._admit(copy, fresh=False)

    def _admit(self, claimed: Claimed, *, fresh: bool) -> None:
        admission, count = None, 0
        if not self._crew.stopping and self._unsettled < self._most_unsettled:
            admission = self._planner.admit(
                claimed.message, claimed.recipients, self._clock(), fresh=fresh
            )
        if admission is not None:
            count = len(admission.recipients)
            self._inbox.append(admission)
            self._crew.rouse()
        rest = claimed.recipients[count:]
        if rest and (fresh or self._crew.stopping):
            self._settlement.give_back([each.id for each in rest])
        elif rest:
            self._crowd_out(claimed.message, rest)

    def _crowd_out(self, message: StoredMessage, recipients: Sequence[StoredRecipient]) -> None:
        """Have recipients come back later: more of their sender is in memory than its share."""
        at = self._planner.back_at(message, len(recipients), self._clock())
        self._unsettled += len(recipients)
        for each in recipients:
            self._settlement.put(Retry(each.id, at, each.reason or str(CROWDED), tried=False))

    def _room(self) -> int:
        """Recipients that may be claimed: those with an unwritten verdict still take room."""
        return self._planner.room - self._unsettled

    def _settled(self, count: int, due: float) -> None:
        self._unsettled -= count
        self._feeder.look_at(due)

    async def _work(self) -> None:
        while not self._crew.stopping:
            if self._inbox and self._entering < self._most_entering:
                await self._enter(self._inbox.popleft())
                continue
            attempt = self._planner.next(self._clock())
            if self._planner.opens_at is not None:
                self._crew.rouse_at(self._planner.opens_at)
            if attempt is None:
                await self._crew.roused()
                continue
            if self._planner.ready:
                self._crew.rouse()
            await self._perform(attempt)

    async def _enter(self, admission: Admission) -> None:
        """Let a message enter the planner, and settle what of it cannot."""
        recipients = self._still_wanted(admission, admission.recipients)
        owed = [each for each in recipients if each.owed is not None]
        wanting = [each for each in recipients if each.owed is None]
        if owed:
            await self._report(admission, owed, self._clock())
        if not wanting:
            return
        self._entering += 1
        try:
            verdicts = await self._entry.of(admission, wanting, self._schedule)
        finally:
            self._entering -= 1
        await self._conclude(verdicts, self._clock())

    async def _report(
        self, admission: Admission, owed: Sequence[StoredRecipient], now: float
    ) -> None:
        """Send the reports that are all that is left to do for these recipients."""
        verdicts = self._planner.report(admission, tuple(owed), now)
        self._unsettled += len(verdicts)
        self._log.untried([each for each in verdicts if each.status is Status.BOUNCED], now)
        await self._conclusion.draw(verdicts, "none", now, relayed=False)

    async def _perform(self, attempt: Attempt) -> None:
        recipients = self._still_wanted(attempt.admission, attempt.recipients)
        if recipients is not attempt.recipients:
            attempt = attempt._replace(recipients=recipients)
        if not recipients:
            self._planner.forgo(attempt, self._clock())
            return
        given_up = self._given_up(attempt)
        if given_up is not None:
            await self._conclude(given_up, self._clock())
            return
        transport = self._transports.get(attempt.destination.transport)
        relayed = transport is not None and transport.relays
        delivered: dict[int, Outcome] = {}
        try:
            report = await self._handover.to(transport, attempt, delivered)
        except asyncio.CancelledError:
            if delivered:
                self._cut_off(attempt, delivered, relayed=relayed)
            raise
        now = self._clock()
        report = self._remarks.on(attempt, report, now, relays=relayed)
        verdicts = self._planner.finished(attempt, report, now)
        self._unsettled += len(verdicts)
        tried = len(attempt.recipients)
        self._log.tried(verdicts[:tried], attempt, report, now)
        self._log.untried(verdicts[tried:], now)
        await self._conclusion.draw(verdicts, report.relay, now, relayed=relayed)

    def _cut_off(
        self, attempt: Attempt, delivered: Mapping[int, Outcome], *, relayed: bool
    ) -> None:
        """Write down who has got the mail before the others of the attempt were cut off."""
        now = self._clock()
        recipients = tuple([each for each in attempt.recipients if each.id in delivered])
        report = Report(tuple(delivered.values()), "none")
        attempt = attempt._replace(recipients=recipients)
        verdicts = self._planner.finished(attempt, report, now)
        self._unsettled += len(verdicts)
        self._log.tried(verdicts, attempt, report, now)
        self._conclusion.cut_off(verdicts, now, relayed=relayed)

    def _still_wanted(
        self, admission: Admission, recipients: tuple[StoredRecipient, ...]
    ) -> tuple[StoredRecipient, ...]:
        """Those that may be begun. What an operator does not want begun goes back to the spool."""
        withheld = self._spool.withheld([each.id for each in recipients])
        if not withheld:
            return recipients
        gone = tuple(each for each in recipients if each.id in withheld)
        self._planner.dismiss(admission, gone, self._clock())
        self._settlement.give_back([each.id for each in gone])
        return tuple(each for each in recipients if each.id not in withheld)

    def _given_up(self, attempt: Attempt) -> list[Verdict] | None:
        """Verdicts on a delivery that must not be made any more; `None`: it is to be made.

        While it waited its turn, its deadline went by, or an operator suspended where it goes.
        """
        if attempt.message.envelope.deliver_by is not None:
            now = self._clock()
            if self._schedule.missed(attempt.message, now):
                return self._planner.withdraw(attempt, now)
        if self._suspension:
            to, holds_back = attempt.destination, self._suspension.holds_back
            if any(holds_back(to, each) for each in attempt.recipients):
                return self._planner.put_off(attempt, SUSPENDED, self._clock())
        return None

    async def _conclude(self, verdicts: list[Verdict], now: float) -> None:
        """Log and write verdicts that came without an attempt."""
        if verdicts:
            self._unsettled += len(verdicts)
            self._log.untried(verdicts, now)
            await self._conclusion.draw(verdicts, "none", now, relayed=False)
