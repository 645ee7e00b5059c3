"""The part of a report that people read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from postroad.model import Action, StoredMessage
from postroad.queue.printable import date, fold, lines
from postroad.queue.recipient_status import RecipientStatus

__all__ = ["POSTMASTER_SUBJECT", "SUBJECTS", "explanation"]

SUBJECTS = {
    Action.FAILED: "Undelivered Mail Returned to Sender",
    Action.DELAYED: "Delayed Mail (still being retried)",
    Action.DELIVERED: "Successful Mail Delivery Report",
    Action.RELAYED: "Successful Mail Delivery Report",
    Action.EXPANDED: "Successful Mail Delivery Report",
}
"""As Postfix has them, for the filters that know its subjects."""

POSTMASTER_SUBJECT = "Postmaster Copy: Undelivered Mail"
"""The same, of a notice to the postmaster."""

_TO_POSTMASTER = (
    "This is for the postmaster. A message without a sender, most often a report of",
    "failed delivery, could itself not be delivered to one or more recipients, and",
    "nobody else can be told. {returned} is attached below.",
)

_SENDER_UNTOLD = (
    "This is for the postmaster. A message could not be delivered to one or more",
    "recipients, and the report on that was refused for good: its sender cannot be told.",
    "{returned} is attached below.",
)

_OPENINGS = {
    Action.FAILED: (
        "I'm sorry to have to tell you that your message could not be delivered to",
        "one or more recipients. {returned} is attached below.",
    ),
    Action.DELAYED: (
        "Your message could not be delivered yet to one or more recipients. You need",
        "not send it again. {returned} is attached below.",
    ),
    Action.DELIVERED: (
        "You asked to be told: your message was delivered to the recipients below.",
        "{returned} is attached.",
    ),
    Action.RELAYED: (
        "You asked to be told: your message was handed on to the mail servers of the",
        "recipients below, which send no such reports. If one of them cannot deliver it,",
        "you may yet hear of that. {returned} is attached.",
    ),
    Action.EXPANDED: (
        "You asked to be told: your message was delivered to the lists below and sent on",
        "to their members. If one of them cannot be reached, you may yet hear of that.",
        "{returned} is attached.",
    ),
}


def explanation(
    message: StoredMessage,
    statuses: Sequence[RecipientStatus],
    hostname: str,
    *,
    whole: bool,
    is_double: bool = False,
) -> bytes:
    """The text, in lines ended by CRLF.

    Args:
        message: the original.
        statuses: what became of each recipient, all of the same action; at least one.
        hostname: our name.
        whole: whether all of the original is attached, not its header only.
        is_double: whether it is for the postmaster, as there is no sender who can be told.
    """
    action = statuses[0].action
    returned = "It" if whole else "Its header"
    sender = message.envelope.sender
    to_postmaster = _SENDER_UNTOLD if sender is not None and sender.local else _TO_POSTMASTER
    opening = to_postmaster if is_double else _OPENINGS[action]
    texts = [
        f"This is the mail system at host {hostname}.",
        "",
        *(line.format(returned=returned) for line in opening),
        "",
        *_history(message, statuses),
        "",
        "                   The mail system",
    ]
    for status in statuses:
        texts += ["", *fold(_words(status), " " * 4)]
    return lines(texts)


def _history(message: StoredMessage, statuses: Sequence[RecipientStatus]) -> Iterator[str]:
    came, action = f"The message came in at {date(message.arrived)}.", statuses[0].action
    if action is Action.FAILED:
        yield f"{came} No further attempt will be made."
        yield "If you ask your postmaster for help, please include this report."
        return
    yield came
    if action is Action.DELAYED:
        until = statuses[0].until
        end = "" if until is None else f" until {date(until)}"
        yield f"Attempts to deliver it go on{end}."


def _words(status: RecipientStatus) -> str:
    recipient, reply, host = status.recipient, status.reply, status.host
    words = f"<{recipient.address}>"
    if recipient.original != recipient.address:
        words += f" (expanded from <{recipient.original}>)"
    if status.late:
        words += ": the time by which you wanted it delivered is over. The last state was"
    elif status.expired:
        words += ": delivery time expired. The last attempt ended with"
    return f"{words}: host {host} said: {status.said}" if host else f"{words}: {reply.text}"
