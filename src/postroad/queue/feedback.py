"""What a report says of how many deliveries at once a destination bears. Pure.

Postfix takes account of connections and handshakes alone. Here a put-off counts as well where it is
about the host or the mail system: a session closed with 421, words that ask for less (`Remarks`
knows those of large providers), no space. It does not where it is about an address or a mailbox,
or a matter of policy: a full mailbox, or greylisting, says nothing of how many deliveries are
borne, and greylisting wants each recipient to be tried once before it takes any. What we say
ourselves, of a fault here, says nothing of the destination at all.
"""

from __future__ import annotations

from enum import Enum

from postroad.model import Outcome, Report, Status

__all__ = ["Feedback", "feedback"]

_OF_OTHERS = {"1", "2", "6", "7"}
"""RFC 3463 §3: X.1 addressing, X.2 mailbox, X.6 content, X.7 policy."""


class Feedback(Enum):
    """What a report asks for."""

    MORE = "more"
    SAME = "same"
    LESS = "less"


def feedback(report: Report) -> Feedback:
    """More deliveries at once, fewer, or neither.

    Args:
        report: of an attempt that got an answer.
    """
    if report.throttled:
        return Feedback.LESS
    for outcome in report.outcomes:
        if outcome.status is not Status.DEFERRED:
            return Feedback.MORE
    for outcome in report.outcomes:
        if _is_about_host(outcome):
            return Feedback.LESS
    return Feedback.SAME


def _is_about_host(outcome: Outcome) -> bool:
    reply = outcome.reply
    if not outcome.from_peer:
        return False
    if reply.code == 421:  # RFC 5321 §3.8: the host closes the session
        return True
    if not reply.enhanced:
        return reply.code == 452  # RFC 5321 §4.2.3: insufficient system storage
    return reply.enhanced.split(".")[1] not in _OF_OTHERS
