"""A message of the queue as people and programs read it.

What a peer or a client chose is shown so that nothing in it commands the operator's terminal.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from postroad.maildrop.waiting import Waiting
    from postroad.model import Envelope, Waybill
    from postroad.spool import Entry, EntryRecipient

from postroad.model.counted import counted

__all__ = ["HEADER", "as_json", "clean", "listed", "listed_waiting", "progress", "shown"]

HEADER = "-Queue ID----  --Size-- ----Arrival Time---- -Sender/Recipient-------"
INDENT = " " * 45
NULL_SENDER = "MAILER-DAEMON"
"""How Postfix lists the null reverse-path."""


def shown(entry: Entry) -> Iterator[str]:
    """The lines of a message that is shown on its own."""
    yield f"queue ID:  {entry.queue_id}"
    yield f"sender:    <{entry.sender}>"
    yield f"arrived:   {_when(entry.arrived)}"
    yield f"size:      {entry.size}"
    damage = [("damaged", clean(entry.damage))] if entry.damage else []
    for name, value in (*_wishes(entry.envelope), *_waybill(entry.waybill), *damage):
        yield f"{f'{name}:':<10} {value}"
    for recipient in entry.recipients:
        state = progress(recipient, entry, _when)
        yield f"recipient: {recipient.address}{_aliased(recipient)}: {state}"
        if (sender := _sender(recipient)) is not None:
            yield f"           from <{clean(sender)}>"
        if recipient.notify or recipient.orcpt:
            yield f"           {_asked(recipient)}"
        if (meaning := _meaning(recipient)) is not None:
            yield f"           what it means: {meaning}"


def listed(entry: Entry) -> Iterator[str]:
    """A message as postqueue -p shows it. Marks: `!` on hold, `*` in delivery."""
    queue_id = f"{entry.queue_id}{_mark(entry)}"
    sender = entry.sender or NULL_SENDER
    yield f"{queue_id:<13}  {entry.size:>8} {_when(entry.arrived):>20} {clean(sender)}"
    if entry.waybill.held:
        yield f"(on hold: {clean(entry.waybill.held)})"
    if _is_early(entry):
        yield f"(held until {_when(entry.envelope.hold_until or 0.0)}, as its sender asked)"
    for reason, recipients in _by_reason(entry.recipients).items():
        if reason:
            yield f"({clean(reason)})"
        for recipient in recipients:
            yield f"{INDENT}{clean(str(recipient.address))}"


def listed_waiting(waiting: Waiting, owner: str) -> Iterator[str]:
    """A message of the drop in the same form.

    Args:
        waiting: the message.
        owner: the user who left it.
    """
    sender = owner if waiting.sender is None else waiting.sender or NULL_SENDER
    name = waiting.queue_id or waiting.name
    yield f"{name:<13}  {waiting.size:>8} {_when(waiting.left):>20} {clean(sender)}"
    yield "(not taken by the server yet)"
    for recipient in waiting.recipients:
        yield f"{INDENT}{clean(recipient)}"


def _by_reason(recipients: Iterable[EntryRecipient]) -> dict[str, list[EntryRecipient]]:
    found: dict[str, list[EntryRecipient]] = {}
    for recipient in recipients:
        found.setdefault(recipient.reason or "", []).append(recipient)
    return found


def _mark(entry: Entry) -> str:
    if entry.waybill.held:
        return "!"
    return "*" if any(map(_is_due, entry.recipients)) else ""


def _is_due(recipient: EntryRecipient) -> bool:
    """Whether it is being tried, or about to be; from here the two look the same."""
    return recipient.next_attempt is None or recipient.next_attempt <= time.time()


def _is_early(entry: Entry) -> bool:
    """Whether the sender wants nobody to deliver it yet (RFC 4865)."""
    return (entry.envelope.hold_until or 0.0) > time.time()


def _wishes(envelope: Envelope) -> Iterator[tuple[str, str]]:
    """What the sender asked for beyond delivery, by the names of SMTP's parameters."""
    if envelope.ret is not None:
        yield "ret", envelope.ret.value
    if envelope.envid:
        yield "envid", clean(envelope.envid)
    if envelope.require_tls:
        yield "tls", "required"
    if envelope.hold_until is not None:
        yield "held until", _when(envelope.hold_until)
    if (by := envelope.deliver_by) is not None:
        yield "deliver by", f"{_when(by.deadline)} ({by.mode.name.lower()})"
    if envelope.priority:
        yield "priority", str(envelope.priority)


def _waybill(waybill: Waybill) -> Iterator[tuple[str, str]]:
    """Whose it is and what happens to it, by the names of the log."""
    if waybill.login:
        yield "login", clean(waybill.login)
    if waybill.client:
        yield "client", waybill.client
    if waybill.held:
        yield "on hold", clean(waybill.held)
    if waybill.content_filter:
        yield "filter", clean(waybill.content_filter)


def _meaning(recipient: EntryRecipient) -> str | None:
    """What the reason means, in plain words, where the next hop gave one that is known."""
    from postroad.history.refusal import meaning_of

    meaning = meaning_of(recipient.reason or "")
    return None if meaning is None else meaning.words


def _asked(recipient: EntryRecipient) -> str:
    parts = [f"notify {recipient.notify}"] if recipient.notify else []
    parts += [f"orcpt {clean(recipient.orcpt)}"] if recipient.orcpt else []
    return ", ".join(parts)


def _sender(recipient: EntryRecipient) -> str | None:
    """The reverse-path of its copy, empty for the null one; `None` where it is the message's."""
    from postroad.model import SAME

    if recipient.sender is SAME:
        return None
    return str(recipient.sender or "")


def progress(recipient: EntryRecipient, entry: Entry, when: Callable[[float], str]) -> str:
    """What has been tried and what comes next.

    Args:
        recipient: one of the message.
        entry: the message.
        when: writes a time (seconds since 1970).
    """
    if _is_early(entry):
        return "held"
    if entry.waybill.held:
        return f"on hold, {_tried(recipient)}"
    if recipient.owed:
        return f"to be reported as {recipient.owed}"
    if recipient.next_attempt is None or _is_due(recipient):
        again = f"{_tried(recipient)}, about to be tried again"
        return again if recipient.attempts else "about to be tried"
    return f"{_tried(recipient)}, next at {when(recipient.next_attempt)}"


def _tried(recipient: EntryRecipient) -> str:
    tried = f"tried {counted(recipient.attempts, 'time')}" if recipient.attempts else "not tried"
    return f"{tried} ({clean(recipient.reason)})" if recipient.reason else tried


def _aliased(recipient: EntryRecipient) -> str:
    same = recipient.original == recipient.address
    return "" if same else f" (for {clean(str(recipient.original))})"


def as_json(entry: Entry, *, explained: bool = False) -> dict[str, object]:
    """Everything that is known of it but its content.

    Args:
        entry: the message.
        explained: whether each recipient's reason is told in plain words, too, as `meaning`. That
            takes a while for each, too long for a queue of a million.
    """
    waybill = entry.waybill
    return {
        "queue_id": entry.queue_id,
        "sender": entry.sender,
        "size": entry.size,
        "arrived": entry.arrived,
        "login": waybill.login or None,
        "client": waybill.client or None,
        "held": waybill.held or None,
        "filter": waybill.content_filter or None,
        "listener": waybill.listener or None,
        "damage": entry.damage or None,
        **_wishes_as_json(entry.envelope),
        "recipients": [
            _recipient_as_json(recipient) | ({"meaning": _meaning(recipient)} if explained else {})
            for recipient in entry.recipients
        ],
    }


def _wishes_as_json(envelope: Envelope) -> dict[str, object]:
    """Each wish always has its key, so that a program need not ask whether it is there."""
    by = envelope.deliver_by
    return {
        "body": envelope.body.value,
        "smtputf8": envelope.smtputf8,
        "ret": None if envelope.ret is None else envelope.ret.value,
        "envid": envelope.envid or None,
        "require_tls": envelope.require_tls,
        "hold_until": envelope.hold_until,
        "deliver_by": None if by is None else by.deadline,
        "by_mode": None if by is None else by.mode.value + ("T" if by.trace else ""),
        "priority": envelope.priority,
    }


def _recipient_as_json(recipient: EntryRecipient) -> dict[str, object]:
    return {
        "address": str(recipient.address),
        "original": str(recipient.original),
        "attempts": recipient.attempts,
        "next_attempt": recipient.next_attempt,
        "reason": recipient.reason,
        "notify": recipient.notify or None,
        "orcpt": recipient.orcpt or None,
        "owed": recipient.owed or None,
        "sender": _sender(recipient),
    }


def clean(text: str, keep: str = "") -> str:
    """Peers chose these words: nothing in them may command the operator's terminal."""
    return "".join(c if c.isprintable() or c in keep else "?" for c in text)


def _when(seconds: float) -> str:
    return time.strftime("%a %b %d %H:%M:%S", time.localtime(seconds))
