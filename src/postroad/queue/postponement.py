"""Mail that is not tried now, for where it goes: verdicts on it, and when it is to come back. Pure.

The destination is dead, or has more than its share of what may wait in memory. All such mail
returns to the spool; it comes back spread over a while, so that not all of it is due at once.
"""

from __future__ import annotations

from postroad.model import Reply, StoredMessage, StoredRecipient
from postroad.queue.allowance import UNLIMITED
from postroad.queue.attempt import Verdict
from postroad.queue.backlog import Backlog
from postroad.queue.line import Line

__all__ = ["CROWDED", "FEW", "probing", "return_at", "sent_back", "suspended"]

CROWDED = Reply.of(451, "4.4.5", "waiting its turn: there is too much mail for it to be in memory")
"""What is said of mail that returns to the spool because more of its kind comes before it."""

FEW = 100
"""Recipients that may wait for any destination, whatever its share."""


def return_at(line: Line, recipient_id: int, now: float) -> float:
    """When mail for a dead destination is to come back; while it is probed, a while later.

    Args:
        line: the destination's.
        recipient_id: whose mail; each has its own place in the while.
        now: seconds since the epoch, as what is returned.
    """
    schedule = line.allowance.schedule
    pause, retry_at = schedule.shortest, line.liveness.retry_at
    end = retry_at if retry_at > now else now + pause
    return end + schedule.spread(recipient_id, pause)


def suspended(
    line: Line,
    reason: Reply,
    message: StoredMessage,
    recipients: tuple[StoredRecipient, ...],
    now: float,
) -> list[Verdict]:
    """Verdicts on mail that is not tried because its destination is dead.

    Args:
        line: the destination's.
        reason: what it died of.
        message: the mail.
        recipients: at least one of the message's.
        now: seconds since the epoch.
    """
    words = f"delivery temporarily suspended: {' '.join(reason.lines)}"
    reply = Reply.of(reason.code, reason.enhanced, words)
    judge = line.allowance.judgement.suspended
    return [judge(message, each, reply, return_at(line, each.id, now), now) for each in recipients]


def sent_back(
    line: Line, message: StoredMessage, recipients: tuple[StoredRecipient, ...], now: float
) -> list[Verdict]:
    """Verdicts on mail for which there is no room beside the rest for its destination.

    Args:
        line: the destination's; its gate remembers from now on how much was sent back.
        message: the mail.
        recipients: at least one of the message's.
        now: seconds since the epoch.
    """
    if line.gate.backlog is None:
        line.gate.backlog = Backlog()
    at = line.gate.backlog.back_at(len(recipients), line.gate.waiting, now)
    judge = line.allowance.judgement.sent_back
    return [judge(message, each, CROWDED, at, now) for each in recipients]


def probing(line: Line) -> int:
    """How many more recipients may wait for the end of a probe."""
    allowance = line.allowance
    if allowance.recipients == UNLIMITED:
        return UNLIMITED
    return max(allowance.recipients * min(line.gate.allowance.initial, FEW) - line.waiting, 0)
