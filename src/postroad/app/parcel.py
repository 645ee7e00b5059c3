"""A message of the drop on its way to the door, and the notice about one that the door refuses."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from postroad.config import Configuration
from postroad.config.sendmail import origin_of
from postroad.intake import Entry
from postroad.intake.trace import timestamp
from postroad.maildrop.collection import Found, Parcel
from postroad.maildrop.correction import Author, LineEnds, corrected, split
from postroad.maildrop.submission import Submission
from postroad.model import Action, Address, Reply, StoredMessage, StoredRecipient
from postroad.queue.notification import Notification, notification
from postroad.queue.recipient_status import RecipientStatus
from postroad.queue.returned import Returned

__all__ = ["bring", "returned_letter"]

CHUNK = 262_144
"""Octets that are read at once."""

RETURNED = 65_536
"""Octets of a message that are looked at for its header, where that returns."""


async def bring(
    parcel: Parcel, entry: Entry, made: Submission, configuration: Configuration
) -> None:
    """Write a message into an entry: its header put right, its lines ended as SMTP ends them.

    Args:
        parcel: from where.
        entry: to where.
        made: its envelope.
        configuration: what to go by.

    Raises:
        Broken: it is not what it seemed.
        OSError: it cannot be read now.
    """
    start = await asyncio.to_thread(_opening, parcel, entry.queue_id, made, configuration)
    ends = LineEnds()
    chunk = start
    while chunk:
        if (written := entry.write(ends.feed(chunk))) is not None:
            await written
        if parcel.is_read:
            break
        chunk = await asyncio.to_thread(parcel.read, CHUNK)
    if (written := entry.write(ends.finish())) is not None:
        await written


def _opening(
    parcel: Parcel, queue_id: str, made: Submission, configuration: Configuration
) -> bytes:
    """The first octets of a message, up to the end of its header at least, put right."""
    start, is_whole = _start(parcel, configuration.intake.header_size)
    fields, rest = split(start)
    if not is_whole and rest == b"\n":  # nothing but fields so far, and too many
        return start
    if parcel.slip.is_gateway:
        return fields + rest
    origin, now = origin_of(configuration), time.time()
    author = Author(made.envelope.sender_text, parcel.slip.full_name, f"MAILER-DAEMON@{origin}")
    resent = (
        f"Resent-Date: {timestamp(now)}\n".encode(),
        f"Resent-Message-ID: <{queue_id}.resent@{configuration.hostname}>\n".encode(),
    )
    return corrected(fields, author, origin, resent) + rest


def _start(parcel: Parcel, limit: int) -> tuple[bytes, bool]:
    """The first octets, up to the end of the header or the message; whether it is all there.

    One that is longer than it may be goes to the door as it is, to be refused there.
    """
    start = bytearray()
    while chunk := parcel.read(CHUNK):
        start += chunk
        if b"\n\n" in start or start.startswith(b"\n"):
            break
        if limit and len(start) > limit:
            return bytes(start), False
    if start and parcel.is_read and not start.endswith(b"\n"):
        start += b"\n"
    return bytes(start), True


def returned_letter(
    parcel: Parcel,
    found: Found,
    made: Submission,
    configuration: Configuration,
    *,
    recipients: Sequence[str],
    reply: Reply,
) -> Notification | None:
    """The notice to the sender of a message that the server does not take. Blocks.

    Args:
        parcel: the message.
        found: its file.
        made: its envelope.
        configuration: what to go by.
        recipients: those that get nothing, as they were written.
        reply: why.

    Returns:
        The notice; `None` where there is no sender.
    """
    now = time.time()
    content = _Header(LineEnds().feed(parcel.header(RETURNED)))
    message = StoredMessage(
        found.queue_id or found.name[:12].upper(), made.envelope, parcel.left, now, content
    )
    statuses = [
        RecipientStatus(
            StoredRecipient(at, Address(text[:200], ""), Address(text[:200], "")),
            Action.FAILED,
            reply,
        )
        for at, text in enumerate(recipients)
    ]
    told = configuration.queue.double_bounce_to
    return notification(
        message,
        statuses,
        returned=Returned(content.octets),
        hostname=configuration.hostname,
        now=now,
        postmaster=Address.parse(told) if told else None,
    )


@dataclass(frozen=True, slots=True)
class _Header:
    """The header of a message, with CRLF, as content that a notice is made of."""

    octets: bytes

    @property
    def size(self) -> int:
        """See `Content.size`."""
        return len(self.octets)

    def chunks(self) -> Iterator[bytes]:
        """See `Content.chunks`."""
        yield self.octets
