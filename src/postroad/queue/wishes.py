"""What a sender wants to be told of, and when it is time to tell. Pure.

The rules of NOTIFY (RFC 3461 §4.1), as they meet what became of a recipient, and those reports that
a deadline (RFC 2852) asks for. It knows nothing of how a report looks or where it goes. A message
without a sender is never reported on, with one exception that tells nobody either: its failures
pass here, so that the operator's log has them.

Who said nothing hears of failures, as ever, and of a deadline that was missed; of other delays
only where the operator wants that. Postfix counts NOTIFY=DELAY for nothing unless its
delay_warning_time is set, which it is not by default; here the wish is enough.
"""

from __future__ import annotations

from postroad.model import (
    Action,
    ByMode,
    DeliverBy,
    Notify,
    Status,
    StoredMessage,
    StoredRecipient,
    Told,
)
from postroad.queue.attempt import Verdict
from postroad.queue.schedule import Schedule
from postroad.queue.settings import QueueSettings

__all__ = ["Wishes"]

_SOONEST = 1.0  # seconds; BY counts whole ones, and none or fewer were missed before us


class Wishes:
    """The wishes of senders, as far as the settings let them come true."""

    __slots__ = ("_everybody", "_schedule", "_warning")

    def __init__(self, settings: QueueSettings, schedule: Schedule) -> None:
        self._schedule = schedule
        self._warning = settings.delay_warning or float("inf")
        self._everybody = settings.delay_warning_to == "everybody"

    def action(self, verdict: Verdict, now: float, *, relayed: bool) -> Action | None:
        """What is to be reported of a verdict, before it counts; `None` for nothing.

        Args:
            verdict: what became of a recipient.
            now: seconds since the epoch.
            relayed: whether the recipient was sent on to another server, not to its mailbox.
        """
        notify, envelope = verdict.recipient.notify, verdict.message.envelope
        if verdict.status is Status.BOUNCED:
            wanted = notify is None or bool(notify & Notify.FAILURE)
            return Action.FAILED if wanted else None
        if envelope.sender is None:
            return None
        if verdict.status is Status.DEFERRED:
            due = self.delays(verdict.message, verdict.recipient, now)
            return Action.DELAYED if due else None
        if verdict.recipient.owed is not None:
            return verdict.recipient.owed
        if notify is None and envelope.deliver_by is None:  # nearly all mail
            return None
        return _success(verdict, notify, envelope.deliver_by, relayed=relayed)

    def delays(self, message: StoredMessage, recipient: StoredRecipient, now: float) -> Told:
        """What the sender is to be told of delays by now, and was not told yet."""
        told, notify, by = recipient.told, recipient.notify, message.envelope.deliver_by
        asked = notify is not None and bool(notify & Notify.DELAY)
        due = Told.NOTHING
        if by is not None and (asked or notify is None) and _is_missed(by, message, now):
            due |= Told.DEADLINE & ~told
        if not told and (asked or (self._everybody and notify is None)):
            due |= Told.DELAY if self._is_long(message, now) else Told.NOTHING
        return due

    def _is_long(self, message: StoredMessage, now: float) -> bool:
        return self._schedule.age(message, now) >= self._warning


def _is_missed(by: DeliverBy, message: StoredMessage, now: float) -> bool:
    """Whether the deadline of a message that is to be delivered nevertheless is over.

    One that was over when the message came in was told of by an earlier server (RFC 2852 §4.1.4).
    """
    is_ours = by.deadline >= message.arrived + _SOONEST
    return by.mode is ByMode.NOTIFY and is_ours and now >= by.deadline


def _success(
    verdict: Verdict, notify: Notify | None, by: DeliverBy | None, *, relayed: bool
) -> Action | None:
    """A report that the recipient has its mail, or that we shall hear of it no more."""
    wanted = notify is not None and bool(notify & Notify.SUCCESS)
    if wanted and not verdict.dsn_passed:  # RFC 3461 §5.2.2: nobody behind us will report
        return Action.RELAYED if relayed else Action.DELIVERED
    if not relayed:
        return None
    if by is None or notify == Notify.NEVER:
        return None
    # RFC 2852 §4.1.4: a trace was asked for, or nobody behind us will watch the time.
    unwatched = by.mode is ByMode.NOTIFY and not verdict.by_passed
    return Action.RELAYED if by.trace or unwatched else None
