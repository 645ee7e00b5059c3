"""What the log is told of a message that was just made durable."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from postroad.intake.forwarding import renamed
from postroad.intake.trace import timestamp
from postroad.model import Addressee, Recipient
from postroad.model.journal import Event, Notice
from postroad.model.message_events import Queued
from postroad.spool import Claimed

__all__ = ["receipt"]


def receipt(
    claimed: Claimed, recipients: Sequence[Addressee], named: Sequence[Recipient]
) -> Iterator[Event]:
    """What there is to say of it, in Postfix's lines.

    Args:
        claimed: the message, with the recipients that are to be tried now.
        recipients: all of them, aliases followed.
        named: those that it came with.
    """
    message = claimed.message
    queue_id, envelope, held = message.queue_id, message.envelope, message.waybill.held
    count = sum([one.owed is None for one in recipients])
    yield Queued(
        "qmgr",
        queue_id,
        envelope.sender_text,
        message.content.size,
        count,
        "hold" if held else "active",
    )
    for words in renamed(envelope.sender_text, recipients, named):
        yield Notice("cleanup", f"{queue_id}: {words}")
    if held:
        yield Notice("qmgr", f"{queue_id}: hold: {held}")
    elif not claimed.recipients:
        until = timestamp(envelope.hold_until or 0.0)
        yield Notice("qmgr", f"{queue_id}: held until {until}, as its sender asked")
