"""The plan: which delivery to make next, and what a finished one means. Pure.

It must not know sockets, clocks, the spool or the log. Time is an argument; every decision is a
return value that the runner carries out.

Theory of operation. Recipients are *admitted* (counted against the window of `active_limit`),
then *added* to the line of their destination, then handed out by `next`, and leave memory with
the verdict that `finished` gives. Nothing waits here for a time to come: what has to wait is
deferred, which means that it goes back to the spool and returns when due. So memory holds only
what could be delivered now, and the planner needs no timers.

Room is shared so that nobody can close the door. Mail that comes in and mail that is read back
from the spool leave each other a fifth of the window. Of the room for mail that comes in, a sender
may hold four times what is left, so there is always something left for the next one. Whose turn it
is, is the `Rotation`'s business.

Each transport has deliveries of its own. A hundred next hops that accept and never answer hold
every delivery that SMTP may make, and none of those that reach the mailboxes here; the two know
nothing of each other's turns.

A destination that a report calls unreachable is dead for a while. All its waiting mail is
deferred to about the end of its pause, without being tried. After the pause its first mail to
come is the probe; a little more may wait for the probe's result, the rest is deferred again.
"""

from __future__ import annotations

from itertools import islice

from postroad.model import Envelope, Reply, Report, Status, StoredMessage, StoredRecipient
from postroad.queue.attempt import Admission, Attempt, Destination, Verdict
from postroad.queue.judgement import Judgement
from postroad.queue.rotation import Batch, Line, Rotation
from postroad.queue.schedule import Schedule
from postroad.queue.settings import QueueSettings
from postroad.queue.stored_reply import stored_reply
from postroad.queue.window import Window

__all__ = ["Planner"]

_UNLIMITED = 1 << 60
_SHARE = 4  # a sender may hold so many times the room that is left
_RESERVE = 5  # one part in so many of the window is for mail of the other origin
_EXPANDED = Reply.of(250, "2.0.0", "the list was expanded")


class _Share:
    """A transport's part of the work: its turns, and how many of its deliveries run."""

    __slots__ = ("rotation", "running")

    def __init__(self, rotation: Rotation) -> None:
        self.rotation = rotation
        self.running = 0


class Planner:
    """The active window of one queue."""

    def __init__(self, settings: QueueSettings) -> None:
        self._settings = settings
        self._schedule = Schedule(settings)
        self._judgement = Judgement(self._schedule)
        self._limit = settings.active_limit or _UNLIMITED
        self._most = self._limit - self._limit // _RESERVE
        self._concurrency = settings.concurrency or _UNLIMITED
        self._together = settings.recipients_per_delivery or _UNLIMITED
        self._shares: dict[str, _Share] = {}  # by transport; whoever had a turn goes to the end
        self._probing = self._together * (settings.initial_concurrency or 1)
        self._lines: dict[Destination, Line] = {}
        self._dead: dict[Destination, Line] = {}  # in the order in which they died
        self._holds: dict[str, int] = {}  # recipients in memory, by sender
        self._fresh = 0  # those of them that were fresh when they came
        self._ordered = 0
        self.active = 0

    @property
    def room(self) -> int:
        """How many recipients may be read back from the spool now."""
        return min(self._limit - self.active, self._most - (self.active - self._fresh))

    @property
    def ready(self) -> bool:
        """Whether `next` is worth a call."""
        return any(map(self._may_begin, self._shares.values()))

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
            Those that may come, if any; the caller gives the others back to the spool.
        """
        sender, free = _turn_of(message.envelope), self._limit - self.active
        holds = self._holds.get(sender, 0)
        if fresh:
            free = min(free, self._most - self._fresh)
            share = (_SHARE * free - holds) // (_SHARE + 1)
            free = min(free, max(share, 0 if holds else 1))
        if free <= 0:
            return None
        admission = Admission(message, recipients[:free], now, fresh)
        count = len(admission.recipients)
        self._holds[sender] = holds + count
        self.active += count
        if fresh:
            self._fresh += count
        return admission

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
            Verdicts on those that are not queued because the destination is dead.
        """
        line = self._lines.get(destination)
        if line is None:
            line = self._lines[destination] = Line(destination, Window(self._settings))
        reason, rest = line.window.reason, recipients[:0]
        if reason is not None:
            fits = max(self._probing - line.waiting, 0) if now >= line.window.retry_at else 0
            recipients, rest = recipients[:fits], recipients[fits:]
        if recipients:
            sender = _turn_of(admission.message.envelope)
            self._share_of(line).rotation.put(sender, line, Batch(admission, recipients))
        if reason is None or not rest:
            return []
        return self._suspend(line, reason, admission, rest, now)

    def next(self) -> Attempt | None:
        """The delivery to begin now, if any; every one ends in `finished`."""
        for transport, share in self._shares.items():
            taken = share.rotation.take() if self._may_begin(share) else None
            if taken is not None:
                self._shares[transport] = self._shares.pop(transport)
                break
        else:
            return None
        line, batch, recipients = taken
        line.window.running += 1
        share.running += 1
        began, self._ordered = self._ordered, self._ordered + 1
        return Attempt(line.destination, batch.admission, recipients, began)

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
        share = self._end(line)
        reason = _reason(report)
        died = False
        if report.unreachable and reason is not None:
            died = self._bury(line, attempt, reason, now)
        else:
            self._answered(line, report)
        verdicts = self._judge(attempt, report, line.window, now)
        if died and reason is not None:
            for batch in share.rotation.empty(line):
                verdicts += self._suspend(line, reason, batch.admission, batch.left, now)
        self._free(line, share)
        return verdicts

    def defer(
        self, admission: Admission, recipients: tuple[StoredRecipient, ...], why: Reply, now: float
    ) -> list[Verdict]:
        """Verdicts on admitted recipients that cannot be added: they have no destination yet."""
        self._leave(admission, len(recipients))
        message, later = admission.message, self._judgement.later
        return [later(message, each, why, now, tried=False) for each in recipients]

    def expire(
        self, admission: Admission, recipients: tuple[StoredRecipient, ...], now: float
    ) -> list[Verdict]:
        """Verdicts on admitted recipients that are not added: the message's deadline is over."""
        self._leave(admission, len(recipients))
        return [self._judgement.overtaken(admission.message, each, now) for each in recipients]

    def withdraw(self, attempt: Attempt, now: float) -> list[Verdict]:
        """Verdicts on the recipients of an attempt that is not made: its deadline went by.

        Called instead of `finished`; of the destination it tells nothing.
        """
        verdicts = self.expire(attempt.admission, attempt.recipients, now)
        self._give_turn_back(attempt)
        return verdicts

    def dismiss(self, admission: Admission) -> None:
        """Forget admitted recipients, none of which was added: their message is held."""
        self._leave(admission, len(admission.recipients))

    def forgo(self, attempt: Attempt) -> None:
        """Forget an attempt that is not made, in place of `finished`: its message is held."""
        self._leave(attempt.admission, len(attempt.recipients))
        self._give_turn_back(attempt)

    def report(
        self, admission: Admission, recipients: tuple[StoredRecipient, ...]
    ) -> list[Verdict]:
        """Verdicts on admitted recipients to which only a report is owed."""
        self._leave(admission, len(recipients))
        return [
            Verdict(admission.message, each, Status.SENT, _said_of(each), tried=False)
            for each in recipients
        ]

    def flush(self) -> None:
        """Take every destination for alive: the operator wants everything tried now."""
        for line in self._dead.values():
            line.window.revive()
            self._free(line, self._share_of(line))
        self._dead.clear()

    def _share_of(self, line: Line) -> _Share:
        transport = line.destination.transport
        share = self._shares.get(transport)
        if share is None:
            share = self._shares[transport] = _Share(Rotation(self._together))
        return share

    def _end(self, line: Line) -> _Share:
        """A delivery of the line ended; whose part of the work it was."""
        share = self._share_of(line)
        line.window.running -= 1
        share.running -= 1
        return share

    def _give_turn_back(self, attempt: Attempt) -> None:
        line = self._lines[attempt.destination]
        self._free(line, self._end(line))

    def _free(self, line: Line, share: _Share) -> None:
        """What waits for the line may use what became free; a line without any use goes."""
        share.rotation.freed(line)
        self._drop_if_idle(line)

    def _may_begin(self, share: _Share) -> bool:
        return share.running < self._concurrency and share.rotation.ready

    def _judge(self, attempt: Attempt, report: Report, window: Window, now: float) -> list[Verdict]:
        message, judgement = attempt.message, self._judgement
        self._leave(attempt.admission, len(attempt.recipients))
        outcomes = {outcome.recipient_id: outcome for outcome in report.outcomes}
        verdicts = []
        for recipient in attempt.recipients:
            not_before = 0.0 if window.reason is None else self._after(window, recipient.id, now)
            outcome = outcomes.get(recipient.id)
            verdicts.append(judgement.of(message, recipient, outcome, now, not_before))
        return verdicts

    def _suspend(
        self,
        line: Line,
        reason: Reply,
        admission: Admission,
        recipients: tuple[StoredRecipient, ...],
        now: float,
    ) -> list[Verdict]:
        """Verdicts on mail that is not tried because its destination is dead."""
        self._leave(admission, len(recipients))
        message = admission.message
        words = f"delivery temporarily suspended: {' '.join(reason.lines)}"
        reply = Reply.of(reason.code, reason.enhanced, words)
        window, judgement = line.window, self._judgement
        return [
            judgement.suspended(message, each, reply, self._after(window, each.id, now), now)
            for each in recipients
        ]

    def _after(self, window: Window, recipient_id: int, now: float) -> float:
        """When mail for a dead destination is to come back; while it is probed, a while later."""
        pause = self._schedule.shortest
        end = window.retry_at if window.retry_at > now else now + pause
        return end + self._schedule.spread(recipient_id, pause)

    def _bury(self, line: Line, attempt: Attempt, reason: Reply, now: float) -> bool:
        news = line.window.unreachable(
            reason, self._schedule, now, began=attempt.began, ordered=self._ordered
        )
        if news:
            self._dead.pop(line.destination, None)
            self._dead[line.destination] = line
            self._forget_long_dead(now)
        return news

    def _answered(self, line: Line, report: Report) -> None:
        self._dead.pop(line.destination, None)
        if all(outcome.status is Status.DEFERRED for outcome in report.outcomes):
            line.window.failed()
        else:
            line.window.succeeded()

    def _forget_long_dead(self, now: float) -> None:
        """Drop destinations whose mail would long have come back, if there were any."""
        for destination, line in list(islice(self._dead.items(), 2)):
            if now < line.window.retry_at + self._schedule.longest or not line.idle:
                return
            del self._dead[destination], self._lines[destination]

    def _drop_if_idle(self, line: Line) -> None:
        if line.window.reason is None and line.idle:
            del self._lines[line.destination]

    def _leave(self, admission: Admission, count: int) -> None:
        self.active -= count
        if admission.fresh:
            self._fresh -= count
        sender = _turn_of(admission.message.envelope)
        left = self._holds[sender] - count
        if left:
            self._holds[sender] = left
        else:
            del self._holds[sender]


def _reason(report: Report) -> Reply | None:
    """The reply that speaks for a destination which did not answer."""
    for outcome in report.outcomes:
        if outcome.status is Status.DEFERRED:
            return outcome.reply
    return None


def _said_of(recipient: StoredRecipient) -> Reply:
    """What was said when the mail went to a recipient that is owed a report of it."""
    return stored_reply(recipient.reason) or _EXPANDED


def _turn_of(envelope: Envelope) -> str:
    """Whose turn a message takes.

    What follows a plus sign does not count: mailing lists write a different reverse-path into
    each copy (`list+user=example.net@…`), and all of them are one sender.
    """
    sender = envelope.sender
    if sender is None:
        return ""
    return f"{sender.local.partition('+')[0]}@{sender.domain}".lower()
