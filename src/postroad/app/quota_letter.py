"""What the owner of a mailbox is told by mail when it fills up.

A letter to the account itself and to nobody else: it answers nobody and is answered by nobody (null
sender, RFC 3834 §5). It enters by the door, as all mail does, and is one message in the mailbox;
the transport lets it in there however full that is, and counts it (`QUOTA_LETTER`). A letter that
cannot be brought to the door is not tried again: the next threshold, or the refusal of mail at 100
per cent, tells more than it.
"""

from __future__ import annotations

import asyncio
import binascii
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from postroad.delivery.local import QUOTA_LETTER, Crossing
from postroad.intake import Refusal
from postroad.model import Address, AddressError, Envelope
from postroad.model.journal import Journal, Level, Notice
from postroad.queue.printable import date, lines, printable

__all__ = ["QuotaLetters", "letter"]

SERVICE = "quota"
"""Who speaks in the log."""

MOST_PENDING = 100
"""Letters on their way to the door at a time; beyond, a bulk of mail fills many mailboxes at once,
and the log alone tells."""


class Submitting(Protocol):
    """The door, for mail that is made here."""

    async def submit(
        self, envelope: Envelope, recipients: Sequence[Address], message: bytes
    ) -> str:
        """Take a message; returns its queue ID once it is durable. Raises `Refusal`."""
        ...


class QuotaLetters:
    """Writes them.

    Args:
        hostname: our name.
        journal: where events go.
        clock: seconds since the epoch.
    """

    def __init__(
        self, hostname: str, journal: Journal, clock: Callable[[], float] = time.time
    ) -> None:
        self._hostname = hostname
        self._journal = journal
        self._clock = clock
        self._door: Submitting | None = None
        self._pending: set[asyncio.Task[None]] = set()

    def start(self, door: Submitting) -> None:
        """Bring letters to this door from now on; transports are made before it."""
        self._door = door

    def warn(self, crossing: Crossing) -> None:
        """Write to the owner of a mailbox; called in the event loop."""
        words = f"the mailbox of {printable(crossing.user)} is {crossing.percent} % full"
        self._journal(Notice(SERVICE, words))
        if self._door is None or len(self._pending) >= MOST_PENDING:
            return
        task = asyncio.ensure_future(self._bring(self._door, crossing))
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)

    async def close(self) -> None:
        """Wait for letters on their way to the door."""
        await asyncio.gather(*self._pending)

    async def _bring(self, door: Submitting, crossing: Crossing) -> None:
        try:
            to = Address.parse(crossing.user)
            message = letter(crossing, to, self._hostname, self._clock())
            envelope = Envelope(None, smtputf8=not to.is_ascii, envid=QUOTA_LETTER)
            await door.submit(envelope, [to], message)
        except (Refusal, AddressError) as error:
            words = f"no letter about the full mailbox of {printable(crossing.user)}: {error}"
            self._journal(Notice(SERVICE, words, Level.WARNING))


def letter(crossing: Crossing, to: Address, hostname: str, now: float) -> bytes:
    """The message, with CRLF.

    Args:
        crossing: which threshold, and what there is.
        to: the account.
        hostname: our name.
        now: seconds since the epoch.
    """
    usage, quota = crossing.usage, crossing.quota
    used = [f"Used:   {_megabytes(usage.octets)}, {usage.messages} messages"]
    if quota.octets:
        used.append(f"Quota:  {_megabytes(quota.octets)}")
    if quota.messages:
        used.append(f"Quota:  {quota.messages} messages")
    text = [
        f"The mailbox {printable(str(to))} is {crossing.percent} % full.",
        "",
        *used,
        "",
        "When it is full, no more mail is taken for it. Delete what is not needed any more, and",
        "empty the trash: what lies there counts as well.",
    ]
    body = lines(text)
    unique = f"quota.{int(now * 1000)}.{binascii.crc32(body):08x}"
    charset = "us-ascii" if body.isascii() else "utf-8"
    head = [
        f"Date: {date(now)}",
        f"From: Postroad <MAILER-DAEMON@{hostname}>",
        f"To: {printable(str(to))}",
        f"Subject: The mailbox is {crossing.percent} % full",
        f"Message-ID: <{unique}@{hostname}>",
        "Auto-Submitted: auto-generated",
        "MIME-Version: 1.0",
        f"Content-Type: text/plain; charset={charset}",
    ]
    if not body.isascii():
        head.append("Content-Transfer-Encoding: quoted-printable")
        body = binascii.b2a_qp(body)
    return lines(head) + b"\r\n" + body


def _megabytes(octets: int) -> str:
    if octets < 1 << 20:
        return f"{octets / (1 << 10):.1f} KiB"
    return f"{octets / (1 << 20):.1f} MiB"
