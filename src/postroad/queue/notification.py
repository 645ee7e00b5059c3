"""The message that tells a sender what became of its mail: a delivery status notification.

It turns a stored message and the states of some of its recipients into octets and an envelope; who
sends that, and when, is not its business. A multipart/report (RFC 6522) of three parts: words for
people, fields for programs, and the original or its header. The postmaster may be told of mail that
had no sender; that notice has one, who is nobody, so that no notice follows from its own failure.
Whatever a peer said arrives here as
text it chose, so all of it is made of printable characters on lines of our own before it enters a
part; a peer can end neither a field nor a header nor a part.

A next hop may take ASCII only, and a notification has nobody to return to. So it is ASCII, with
quoted-printable where need be. Only where the original itself needed SMTPUTF8 are the fields and
its header UTF-8, in the types of RFC 6533; and an original with octets over 127 that returns whole,
as its sender asked for, goes as it came.
"""

from __future__ import annotations

import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from postroad.model import Address, BodyType, Envelope, StoredMessage
from postroad.model.automatic import AUTO_REPLIED
from postroad.queue.delivery_status import delivery_status
from postroad.queue.explanation import POSTMASTER_SUBJECT, SUBJECTS, explanation
from postroad.queue.printable import date, lines, printable
from postroad.queue.recipient_status import RecipientStatus
from postroad.queue.returned import Returned

__all__ = ["Notification", "double_bounce", "notification"]


@dataclass(frozen=True, slots=True)
class Notification:
    """A notification, ready for the door."""

    envelope: Envelope
    recipient: Address
    message: bytes


def notification(
    message: StoredMessage,
    statuses: Sequence[RecipientStatus],
    *,
    returned: Returned,
    hostname: str,
    now: float,
    postmaster: Address | None = None,
    is_double: bool = False,
) -> Notification | None:
    """The notification about some recipients of one message.

    Its priority is the original's (RFC 6710), and so is the need for TLS (RFC 8689 §5).

    Args:
        message: the original.
        statuses: at least one, all of the same action.
        returned: what to return of the original.
        hostname: our name.
        now: seconds since the epoch.
        postmaster: who is told instead where there is no sender.
        is_double: whether the postmaster is told though there is one, who cannot be told.

    Returns:
        The notification; `None` when the original has no sender to tell (RFC 5321 §6.1).
    """
    original = message.envelope
    sender = original.sender
    is_double = is_double or sender is None or not sender.local
    to = postmaster if is_double else sender
    if to is None:
        return None
    parts = _parts(message, statuses, returned, hostname, is_double=is_double)
    boundary = _boundary(parts)
    marker = f"--{boundary}".encode()
    head = _head(message, to, statuses, hostname, now, is_double=is_double)
    if not all(part.isascii() for part in parts):
        head.append("Content-Transfer-Encoding: 8bit")
    head.append("Content-Type: multipart/report; report-type=delivery-status;")
    head.append(f'\tboundary="{boundary}"')
    preamble = b"This is a MIME-encapsulated message.\r\n"
    body = b"".join(b"\r\n" + marker + b"\r\n" + part for part in parts)
    octets = lines(head) + b"\r\n" + preamble + body + b"\r\n" + marker + b"--\r\n"
    envelope = Envelope(
        double_bounce(hostname) if is_double else None,
        BodyType.SEVEN_BIT if octets.isascii() else BodyType.EIGHT_BIT_MIME,
        smtputf8=not to.is_ascii,
        require_tls=original.require_tls,
        priority=original.priority,
    )
    return Notification(envelope, to, octets)


def double_bounce(hostname: str) -> Address:
    """The sender of notices to the postmaster, by Postfix's name (double_bounce_sender)."""
    return Address("double-bounce", hostname)


def _head(
    message: StoredMessage,
    to: Address,
    statuses: Sequence[RecipientStatus],
    hostname: str,
    now: float,
    *,
    is_double: bool,
) -> list[str]:
    """The notification's own header; it answers nobody (RFC 3834 §5)."""
    subject = POSTMASTER_SUBJECT if is_double else SUBJECTS[statuses[0].action]
    unique = f"{message.queue_id}.{statuses[0].recipient.id}.{int(now * 1000)}"
    return [
        f"Date: {date(now)}",
        f"From: Mail Delivery System <MAILER-DAEMON@{hostname}>",
        f"To: {printable(str(to))}",
        f"Subject: {subject}",
        f"Message-ID: <{unique}@{hostname}>",
        AUTO_REPLIED,
        "MIME-Version: 1.0",
    ]


def _parts(
    message: StoredMessage,
    statuses: Sequence[RecipientStatus],
    returned: Returned,
    hostname: str,
    *,
    is_double: bool,
) -> list[bytes]:
    text = explanation(message, statuses, hostname, whole=returned.whole, is_double=is_double)
    charset = "us-ascii" if text.isascii() else "utf-8"
    kind, fields = delivery_status(message, statuses, hostname)
    original = returned.kind(message)
    failed = "Undelivered Message" if returned.whole else "Undelivered Message Headers"
    title = failed if statuses[0].action.value == "failed" else "Message Headers"
    return [
        _part(f"text/plain; charset={charset}", "Notification", text, eight_bit=False),
        _part(kind, "Delivery report", fields, eight_bit=True),
        _part(original, title, returned.octets, eight_bit=original.startswith("message/")),
    ]


def _part(kind: str, description: str, body: bytes, *, eight_bit: bool) -> bytes:
    """A part; octets over 127 are encoded unless the part may hold them."""
    head = [f"Content-Description: {description}", f"Content-Type: {kind}"]
    if not body.isascii():
        head.append(f"Content-Transfer-Encoding: {'8bit' if eight_bit else 'quoted-printable'}")
        body = body if eight_bit else binascii.b2a_qp(body)
    return lines(head) + b"\r\n" + body


def _boundary(parts: Sequence[bytes]) -> str:
    """A boundary that occurs in no part (RFC 2046 §5.1.1)."""
    seed = b"".join(parts)
    while True:
        seed = hashlib.sha256(seed).digest()
        boundary = f"=_{seed.hex()[:32]}"
        if not any(boundary.encode() in part for part in parts):
            return boundary
