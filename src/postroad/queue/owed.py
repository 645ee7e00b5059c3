"""Reports that are all that is left to do for a recipient: it was done with before. Pure.

A list was expanded, or an operator gave the mail up; only its sender has not been told (RFC 3461).
"""

from __future__ import annotations

from postroad.model import Action, Reply, Status, StoredMessage, StoredRecipient
from postroad.queue.attempt import Verdict
from postroad.queue.stored_reply import stored_reply

__all__ = ["owed_reports"]

_EXPANDED = Reply.of(250, "2.0.0", "the list was expanded")


def owed_reports(message: StoredMessage, recipients: tuple[StoredRecipient, ...]) -> list[Verdict]:
    """Verdicts on recipients to which only a report is owed: as it was decided then."""
    return [
        Verdict(
            message,
            each,
            Status.BOUNCED if each.owed is Action.FAILED else Status.SENT,
            stored_reply(each.reason) or _EXPANDED,
            tried=False,
        )
        for each in recipients
    ]
