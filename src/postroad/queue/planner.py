"""The plan: which delivery to make next, and what a finished one means. Pure.

It must not know sockets, clocks, the spool or the log. Time is an argument; every decision is a
return value that the runner carries out.

Theory of operation. Recipients are *admitted* (counted against the `Room` of `active_limit`),
then *added* to the line of their destination, then handed out by `next`, and leave memory with
the verdict that `finished` gives. Nothing waits here for a time to come, but for the next moment of
a rate: what has to wait is deferred, which means that it goes back to the spool and returns when
due. So memory holds only what could be delivered now.

Whose turn it is, is the `Rotation`'s business, of which each transport has its own (`Shares`); how
much may run, the `Gate`'s.

A destination that a report calls unreachable, and that `Liveness` finds dead, is dead for a while.
All its waiting mail is deferred to about the end of its pause, without being tried. After the pause
its first mail to come is the probe; a little more may wait for the probe's result, the rest is
deferred again. Where more waits for a living destination than its share of memory, the rest is
deferred as well (`Backlog`).
"""

from __future__ import annotations

from postroad.model import Reply, Report, Status, StoredMessage, StoredRecipient
from postroad.queue.allowance import Allowances
from postroad.queue.annex import is_within
from postroad.queue.attempt import Admission, Attempt, Destination, Verdict, turn_of
from postroad.queue.backlog import Crowds
from postroad.queue.feedback import Feedback, feedback
from postroad.queue.gate import Commons, Gate
from postroad.queue.line import Batch, Line
from postroad.queue.lines import Lines
from postroad.queue.owed import owed_reports
from postroad.queue.postponement import FEW, probing, return_at, sent_back, suspended
from postroad.queue.room import Room
from postroad.queue.settings import QueueSettings
from postroad.queue.shares import Share, Shares

__all__ = ["Planner"]

_NEWCOMER = 10  # recipients of a sender that has nothing waiting for a destination yet


class Planner:
    """The active window of one queue."""

    def __init__(
        self,
        settings: QueueSettings,
        allowances: Allowances | None = None,
        commons: Commons | None = None,
    ) -> None:
        """A planner without mail.

        Args:
            settings: `[queue]`.
            allowances: what each destination may do; left out: what `settings` say.
            commons: what all workers count together; `None`: there is no other.
        """
        self._allowances = allowances or Allowances(settings)
        self._room = Room(settings.active_limit)
        self._crowds = Crowds()
        self._shares = Shares(self._allowances)
        self._lines = Lines(self._allowances, commons)
        self._ordered = 0

    @property
    def active(self) -> int:
        """Recipients in memory."""
        return self._room.active

    @property
    def room(self) -> int:
        """How many recipients may be read back from the spool now."""
        return self._room.left

    @property
    def ready(self) -> bool:
        """Whether `next` is worth a call."""
        return self._shares.ready

    @property
    def opens_at(self) -> float | None:
        """When `next` is worth a call again though nothing happened, seconds since the epoch."""
        return self._lines.opens_at

    def replace(self, settings: QueueSettings, allowances: Allowances) -> None:
        """Go by other settings from now on; what runs and what was learnt stays."""
        self._allowances = allowances
        self._room.resize(settings.active_limit)
        self._shares.replace(allowances)
        for line, gate in self._lines.replace(allowances):
            self._move(line, gate)
        for gate in self._lines.gates:
            self._shares.of(gate.group.transport).rotation.freed(gate)

    def admit(
        self,
        message: StoredMessage,
        recipients: tuple[StoredRecipient, ...],
        now: float,
        *,
        fresh: bool,
    ) -> Admission | None:
        """Let as many recipients into memory as there is room for, from the first on.

        Args:
            message: their message.
            recipients: at least one.
            now: seconds since the epoch.
            fresh: whether they just came in, so that the sender's share of the room applies.

        Returns:
            Those that may come, if any. The caller gives the others back to the spool: to be read
            when there is room if they are fresh, and else at the time that `back_at` says.
        """
        sender = turn_of(message.envelope)
        fits = self._room.fits(sender, fresh=fresh)
        if fits <= 0:
            return None
        admission = Admission(message, recipients[:fits], now, fresh, sender)
        self._room.enter(sender, len(admission.recipients), fresh=fresh)
        return admission

    def back_at(self, message: StoredMessage, count: int, now: float) -> float:
        """When recipients come back that were read and not admitted, seconds since the epoch.

        They are of a sender that has more than its share of what is in memory.
        """
        sender = turn_of(message.envelope)
        return self._crowds.back_at(sender, count, self._room.held(sender), now)

    def add(
        self,
        admission: Admission,
        recipients: tuple[StoredRecipient, ...],
        destination: Destination,
        now: float,
    ) -> list[Verdict]:
        """Queue admitted recipients for one destination.

        Args:
            admission: how they were admitted.
            recipients: at least one of the admission's.
            destination: where all of them go.
            now: seconds since the epoch.

        Returns:
            Verdicts on those that are not queued: the destination is dead, or has more than its
            share of what may wait in memory.
        """
        line = self._lines.of(destination)
        reason, waiting = line.liveness.reason, line.gate.waiting
        if reason is not None:
            fits = probing(line) if now >= line.liveness.retry_at else 0
        elif waiting >= FEW:
            fits = self._fits(admission, line)
        else:
            fits = len(recipients)
        queued, rest = recipients[:fits], recipients[fits:]
        if queued:
            share = self._shares.of(destination.transport)
            share.rotation.put(line, Batch(admission, queued))
        if not rest:
            return []
        self._leave(admission, len(rest), now)
        if reason is not None:
            return suspended(line, reason, admission.message, rest, now)
        return sent_back(line, admission.message, rest, now)

    def next(self, now: float) -> Attempt | None:
        """The delivery to begin now (seconds since the epoch), if any.

        Every one ends in `finished`, or in one of those that say that it is not made.
        """
        if self._lines.opens_at is not None:
            for gate in self._lines.opened(now):
                self._shares.of(gate.group.transport).rotation.freed(gate)
        taken = self._shares.take(now)
        if taken is None:
            return None
        line, batch, recipients = taken
        began, self._ordered = self._ordered, self._ordered + 1
        per_connection = line.allowance.messages_per_connection
        return Attempt(line.destination, batch.admission, recipients, began, per_connection)

    def finished(self, attempt: Attempt, report: Report, now: float) -> list[Verdict]:
        """Take what an attempt brought.

        Args:
            attempt: from `next`.
            report: what became of it; a recipient without an outcome is deferred.
            now: seconds since the epoch.

        Returns:
            A verdict on each recipient of the attempt, in their order; after them, on those that
            were waiting for a destination that turned out to be dead.
        """
        line = self._lines[attempt.destination]
        share = self._end(line, attempt, now)
        self._meet(line, report)
        if line.gate.backlog is not None:
            line.gate.backlog.left(len(attempt.recipients), now)
        reason = _reason(report)
        died = False
        if report.unreachable and reason is not None:
            died = self._unanswered(line, attempt, report, reason, now)
        else:
            self._answered(line, attempt, report, now)
        verdicts = self._judge(attempt, report, line, now)
        if died and reason is not None:
            for batch in share.rotation.empty(line):
                self._leave(batch.admission, len(batch.left), now)
                verdicts += suspended(line, reason, batch.admission.message, batch.left, now)
        self._leave(attempt.admission, len(attempt.recipients), now)
        self._free(line, share)
        return verdicts

    def defer(
        self,
        admission: Admission,
        recipients: tuple[StoredRecipient, ...],
        why: Reply,
        now: float,
        destination: Destination | None = None,
    ) -> list[Verdict]:
        """Verdicts on admitted recipients that are not added: there is no way for them now.

        Args:
            admission: how they were admitted.
            recipients: at least one of the admission's.
            why: the reason.
            now: seconds since the epoch.
            destination: where they would go, if that is known.
        """
        self._leave(admission, len(recipients), now)
        allowance = self._allowances.default
        if destination is not None:
            _, allowance = self._allowances.of(destination)
        message, later = admission.message, allowance.judgement.later
        return [later(message, each, why, now, tried=False) for each in recipients]

    def expire(
        self, admission: Admission, recipients: tuple[StoredRecipient, ...], now: float
    ) -> list[Verdict]:
        """Verdicts on admitted recipients that are not added: the message's deadline is over."""
        self._leave(admission, len(recipients), now)
        overtaken = self._allowances.default.judgement.overtaken
        return [overtaken(admission.message, each, now) for each in recipients]

    def withdraw(self, attempt: Attempt, now: float) -> list[Verdict]:
        """Verdicts on the recipients of an attempt that is not made: its deadline went by.

        Called instead of `finished`; of the destination it tells nothing.
        """
        verdicts = self.expire(attempt.admission, attempt.recipients, now)
        self._give_turn_back(attempt, now)
        return verdicts

    def put_off(self, attempt: Attempt, why: Reply, now: float) -> list[Verdict]:
        """Verdicts on the recipients of an attempt that is not made now, for this reason.

        Called instead of `finished`; of the destination it tells nothing.
        """
        to = attempt.destination
        verdicts = self.defer(attempt.admission, attempt.recipients, why, now, to)
        self._give_turn_back(attempt, now)
        return verdicts

    def dismiss(
        self, admission: Admission, recipients: tuple[StoredRecipient, ...], now: float
    ) -> None:
        """Forget admitted recipients: those that are not added, or that an attempt leaves out."""
        self._leave(admission, len(recipients), now)

    def forgo(self, attempt: Attempt, now: float) -> None:
        """Forget an attempt that is not made, in place of `finished`: all in it were dismissed."""
        self._give_turn_back(attempt, now)

    def report(
        self, admission: Admission, recipients: tuple[StoredRecipient, ...], now: float
    ) -> list[Verdict]:
        """Verdicts on admitted recipients to which only a report is owed."""
        self._leave(admission, len(recipients), now)
        return owed_reports(admission.message, recipients)

    def flush(self) -> None:
        """Take every destination for alive: the operator wants everything tried now."""
        for line in self._lines.take_dead():
            self._free(line, self._shares.of(line.destination.transport))

    # Lines and gates ----------------------------------------------------------------------------

    def _move(self, line: Line, gate: Gate) -> None:
        """Let a line's mail pass elsewhere, or take its turns anew."""
        old = line.gate
        gate.lines += 1
        self._shares.of(line.destination.transport).rotation.move(line, gate)
        self._lines.leave(old)

    def _end(self, line: Line, attempt: Attempt, now: float) -> Share:
        """A delivery of the line ended; whose part of the work it was."""
        share = self._shares.of(line.destination.transport)
        share.running -= 1
        share.rotation.ended(attempt.admission.turn)
        line.running -= 1
        line.gate.end(now)
        return share

    def _give_turn_back(self, attempt: Attempt, now: float) -> None:
        line = self._lines[attempt.destination]
        self._free(line, self._end(line, attempt, now))

    def _free(self, line: Line, share: Share) -> None:
        """What waits may use what became free; a line without any use goes."""
        if line.parked and not line.is_probed:
            share.rotation.unblock(line)
        share.rotation.freed(line.gate)
        self._lines.let_go(line)

    # What an attempt tells ------------------------------------------------------------------------

    def _meet(self, line: Line, report: Report) -> None:
        """Have a line leave a site whose hosts do not take its mail, or be at home in it."""
        site, outcomes = line.destination.site, report.outcomes
        relay = outcomes[0].relay or report.relay if outcomes else report.relay
        if not site or "[" not in relay:  # as logs show a host that there was a connection to
            return
        within = is_within(relay, site)
        if within and not any(each.from_peer for each in outcomes):
            return  # a host that says nothing proves nothing
        gate = self._lines.met(line, within=within)
        if gate is not None:
            self._move(line, gate)

    def _judge(self, attempt: Attempt, report: Report, line: Line, now: float) -> list[Verdict]:
        message, judgement = attempt.message, line.allowance.judgement
        outcomes = {outcome.recipient_id: outcome for outcome in report.outcomes}
        is_dead = line.liveness.reason is not None
        verdicts = []
        for recipient in attempt.recipients:
            not_before = return_at(line, recipient.id, now) if is_dead else 0.0
            outcome = outcomes.get(recipient.id)
            verdicts.append(judgement.of(message, recipient, outcome, now, not_before))
        return verdicts

    def _fits(self, admission: Admission, line: Line) -> int:
        """How many more recipients may wait for a destination for which many wait.

        Whoever has nothing there may bring more than those that have: of what a destination may
        hold in memory, one sender's mail would take all.
        """
        share = self._room.share(fresh=admission.fresh)
        key = line.key(admission.message.envelope.priority, admission.turn)
        if key not in line.lanes and line.gate.waiting < 2 * share:
            return max(share - line.gate.waiting, _NEWCOMER)
        return max(share - line.gate.waiting, 0)

    def _unanswered(
        self, line: Line, attempt: Attempt, report: Report, reason: Reply, now: float
    ) -> bool:
        """The destination did not answer; whether that makes it dead, or still dead."""
        window, liveness, ordered = line.gate.window, line.liveness, self._ordered
        is_said = any(each.from_peer for each in report.outcomes)
        was_proven = liveness.proven
        died = liveness.unanswered(
            reason,
            line.allowance.schedule,
            now,
            began=attempt.began,
            ordered=ordered,
            allowed=window.limit,
        )
        # One that never answered says nothing of the other hosts of its site; and who has the
        # names of its mail hosts point at one that does not answer, says it of that one alone.
        if was_proven and (is_said or not line.gate.group.site):
            window.failed(began=attempt.began, ordered=ordered)
        if died:
            self._lines.bury(line, now)
        return died

    def _answered(self, line: Line, attempt: Attempt, report: Report, now: float) -> None:
        if line.liveness.answered():
            self._lines.dig_up(line)
            if line.gate.lines == 1:
                line.gate.window.restart()
            return
        said = feedback(report)
        if said is Feedback.MORE:
            line.gate.eased()
        elif said is Feedback.LESS:
            line.gate.strained(began=attempt.began, ordered=self._ordered, now=now)

    def _leave(self, admission: Admission, count: int, now: float) -> None:
        self._room.leave(admission.turn, count, fresh=admission.fresh)
        if self._crowds:
            self._crowds.left(admission.turn, count, now)


def _reason(report: Report) -> Reply | None:
    """The reply that speaks for a destination which did not answer."""
    for outcome in report.outcomes:
        if outcome.status is Status.DEFERRED:
            return outcome.reply
    return None
