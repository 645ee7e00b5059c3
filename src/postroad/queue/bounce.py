"""The message that tells a sender of a failure: a delivery status notification (RFC 3464).

It turns a stored message and its failures into octets and an envelope; who sends that, and when,
is not its business. A multipart/report (RFC 6522) of three parts: words for people, fields for
programs, and the header of the original. Whatever a peer said arrives here as text it chose, so
all of it is made of printable characters on lines of our own before it enters a part; a peer can
end neither a field nor a header nor a part.

A next hop may take ASCII only, and a notification has nobody to return to. So it is ASCII, with
quoted-printable where need be. Only where the original itself needed SMTPUTF8 are the fields and
its header UTF-8, in the types of RFC 6533.
"""

from __future__ import annotations

import binascii
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime

from postroad.model import Address, BodyType, Content, Envelope, Reply, StoredMessage
from postroad.model import StoredRecipient as Recipient
from postroad.model.address import MAX_DOMAIN

__all__ = ["Bounce", "Failure", "bounce", "header_section"]

HEADER_LIMIT = 65_536  # octets of the original's header that are returned
_LINE_LIMIT = 998  # octets without CRLF, RFC 5322 §2.1.1
_FOLD = 76  # characters; comfortable width of a folded line
_WORD = 200  # characters; a longer word is cut, so that no line nears 998 octets of UTF-8
_TEXT = 4000  # characters of a reply that are quoted
_UNKNOWN = "5.0.0"  # RFC 3463 §2: a permanent failure that nobody described


@dataclass(frozen=True, slots=True)
class Failure:
    """One recipient that will not get the message.

    Attributes:
        recipient: who.
        reply: the last reason.
        from_peer: whether those are the next hop's words.
        relay: the next hop as the report named it.
        expired: whether we gave up because of the message's age.
    """

    recipient: Recipient
    reply: Reply
    from_peer: bool = False
    relay: str = "none"
    expired: bool = False


@dataclass(frozen=True, slots=True)
class Bounce:
    """A notification, ready for the door."""

    envelope: Envelope
    recipient: Address
    message: bytes


def bounce(
    message: StoredMessage, failures: Sequence[Failure], *, header: bytes, hostname: str, now: float
) -> Bounce | None:
    """The notification of some failures of one message.

    Args:
        message: the original.
        failures: at least one.
        header: the original's header section, from `header_section`.
        hostname: our name.
        now: seconds since the epoch.

    Returns:
        The notification; `None` when the original has no sender to tell (RFC 5321 §6.1).
    """
    sender = message.envelope.sender
    if sender is None or not sender.local:
        return None
    parts = [
        _notification(message, failures, hostname),
        _delivery_status(message, failures, hostname),
        _returned_header(message, header),
    ]
    boundary = _boundary(parts)
    marker = f"--{boundary}".encode()
    head = _head(message, sender, failures, hostname, now)
    eight_bit = not all(part.isascii() for part in parts)
    if eight_bit:
        head.append("Content-Transfer-Encoding: 8bit")
    head.append("Content-Type: multipart/report; report-type=delivery-status;")
    head.append(f'\tboundary="{boundary}"')
    preamble = b"This is a MIME-encapsulated message.\r\n"
    body = b"".join(b"\r\n" + marker + b"\r\n" + part for part in parts)
    octets = _lines(head) + b"\r\n" + preamble + body + b"\r\n" + marker + b"--\r\n"
    kind = BodyType.SEVEN_BIT if octets.isascii() else BodyType.EIGHT_BIT_MIME
    return Bounce(Envelope(None, kind, smtputf8=not sender.is_ascii), sender, octets)


def header_section(content: Content, limit: int = HEADER_LIMIT) -> bytes:
    """The header of a message without its closing empty line: whole lines, at most `limit` octets.

    Lines over 998 octets are cut there.
    """
    start = b""
    for chunk in content.chunks():
        start += chunk
        if len(start) > limit or b"\r\n\r\n" in start or start.startswith(b"\r\n"):
            break
    if not start or start.startswith(b"\r\n"):
        return b""
    head, end, _ = start.partition(b"\r\n\r\n")
    if not end or len(head) + 2 > limit:
        head = head[: head.rfind(b"\r\n", 0, limit)] if b"\r\n" in head[:limit] else head[:limit]
    lines = head.removesuffix(b"\r\n").split(b"\r\n")
    return b"".join(_cut(line) + b"\r\n" for line in lines)


def _head(
    message: StoredMessage,
    sender: Address,
    failures: Sequence[Failure],
    hostname: str,
    now: float,
) -> list[str]:
    """The notification's own header; it answers nobody (RFC 3834 §5)."""
    unique = f"{message.queue_id}.{failures[0].recipient.id}.{int(now * 1000)}"
    return [
        f"Date: {_date(now)}",
        f"From: Mail Delivery System <MAILER-DAEMON@{hostname}>",
        f"To: {_printable(str(sender))}",
        "Subject: Undelivered Mail Returned to Sender",
        f"Message-ID: <{unique}@{hostname}>",
        "Auto-Submitted: auto-replied",
        "MIME-Version: 1.0",
    ]


def _notification(message: StoredMessage, failures: Sequence[Failure], hostname: str) -> bytes:
    """The part for people."""
    lines = [
        f"This is the mail system at host {hostname}.",
        "",
        "I'm sorry to have to tell you that your message could not be delivered to",
        "one or more recipients. Its header is attached below.",
        "",
        f"The message came in at {_date(message.arrived)}. No further attempt will be made.",
        "If you ask your postmaster for help, please include this report.",
        "",
        "                   The mail system",
    ]
    for failure in failures:
        lines += ["", *_fold(_explanation(failure), " " * 4)]
    body = _lines(lines)
    charset = "us-ascii" if body.isascii() else "utf-8"
    kind = f"text/plain; charset={charset}"
    return _part(kind, "Notification", body, eight_bit=False)


def _explanation(failure: Failure) -> str:
    recipient, reply = failure.recipient, failure.reply
    words = f"<{recipient.address}>"
    if recipient.original != recipient.address:
        words += f" (expanded from <{recipient.original}>)"
    if failure.expired:
        words += ": delivery time expired. The last attempt ended with"
    host = _host(failure)
    return f"{words}: host {host} said: {reply}" if host else f"{words}: {reply.text}"


def _delivery_status(message: StoredMessage, failures: Sequence[Failure], hostname: str) -> bytes:
    """The part for programs, RFC 3464 §2."""
    sender = message.envelope.sender
    addresses = [each.recipient.address for each in failures]
    addresses += [each.recipient.original for each in failures]
    addresses += [] if sender is None else [sender]
    wide = _takes_utf8(message) and not all(address.is_ascii for address in addresses)
    lines = [
        f"Reporting-MTA: dns; {hostname}",
        f"X-Postroad-Queue-ID: {message.queue_id}",
        f"X-Postroad-Sender: {_address(sender, wide=wide) if sender else 'rfc822;'}",
        f"Arrival-Date: {_date(message.arrived)}",
    ]
    for failure in failures:
        lines += ["", *_recipient_fields(failure, wide=wide)]
    kind = "message/global-delivery-status" if wide else "message/delivery-status"
    return _part(kind, "Delivery report", _lines(lines), eight_bit=wide)


def _recipient_fields(failure: Failure, *, wide: bool) -> Iterable[str]:
    """The fields about one recipient, RFC 3464 §2.3."""
    recipient, reply = failure.recipient, failure.reply
    yield f"Original-Recipient: {_address(recipient.original, wide=wide)}"
    yield f"Final-Recipient: {_address(recipient.address, wide=wide)}"
    yield "Action: failed"
    yield f"Status: {'4.4.7' if failure.expired else reply.enhanced or _UNKNOWN}"
    host = _host(failure)
    if host:
        yield f"Remote-MTA: dns; {host if wide else _ascii(host)}"
    kind = "smtp" if failure.from_peer else "X-Postroad"
    words = f"Diagnostic-Code: {kind}; {reply}"
    yield from _fold(words if wide else _ascii(words), " " * 4)


def _returned_header(message: StoredMessage, header: bytes) -> bytes:
    """The original's header: RFC 6533 §3 where it may be UTF-8, else RFC 6522 §4."""
    wide = not header.isascii() and _takes_utf8(message) and _is_utf8(header)
    kind = "message/global-headers" if wide else "text/rfc822-headers"
    return _part(kind, "Undelivered Message Headers", header, eight_bit=wide)


def _takes_utf8(message: StoredMessage) -> bool:
    """Whether the sender is one who can be sent UTF-8: the original needed it as well."""
    sender = message.envelope.sender
    return message.envelope.smtputf8 or (sender is not None and not sender.is_ascii)


def _part(kind: str, description: str, body: bytes, *, eight_bit: bool) -> bytes:
    """A part; octets over 127 are encoded unless the part may hold them."""
    head = [f"Content-Description: {description}", f"Content-Type: {kind}"]
    if not body.isascii():
        head.append(f"Content-Transfer-Encoding: {'8bit' if eight_bit else 'quoted-printable'}")
        body = body if eight_bit else binascii.b2a_qp(body)
    return _lines(head) + b"\r\n" + body


def _boundary(parts: Sequence[bytes]) -> str:
    """A boundary that occurs in no part (RFC 2046 §5.1.1)."""
    seed = b"".join(parts)
    while True:
        seed = hashlib.sha256(seed).digest()
        boundary = f"=_{seed.hex()[:32]}"
        if not any(boundary.encode() in part for part in parts):
            return boundary


def _host(failure: Failure) -> str:
    """The next hop's name, when it is the next hop that spoke."""
    name = failure.relay.partition("[")[0] if failure.from_peer else ""
    return _printable(name[:MAX_DOMAIN])


def _address(address: Address, *, wide: bool) -> str:
    """The typed form of an address: RFC 3464 §2.1.2, RFC 6533 §3."""
    text = _printable(str(address))
    if address.is_ascii:
        return f"rfc822; {text}"
    return f"utf-8; {text if wide else _UNSAFE.sub(_embedded, text)}"


_UNSAFE = re.compile(r"[^!-~]|[\\+=]")


def _embedded(character: re.Match[str]) -> str:
    r"""A character of an address in ASCII, RFC 6533 §3: `\x{F6}`."""
    return f"\\x{{{ord(character[0]):02X}}}"


def _fold(text: str, indent: str) -> list[str]:
    """The text on lines of comfortable width; those after the first begin with the indent."""
    words = [
        word[at : at + _WORD]
        for word in _printable(text[:_TEXT]).split()
        for at in range(0, len(word), _WORD)
    ]
    lines = [words[0]]
    for word in words[1:]:
        if len(lines[-1]) + 1 + len(word) <= _FOLD:
            lines[-1] += f" {word}"
        else:
            lines.append(indent + word)
    return lines


def _printable(text: str) -> str:
    """The text on one line, with nothing in it that a reader would obey."""
    text = " ".join(text.splitlines())
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)


def _ascii(text: str) -> str:
    return text.encode("ascii", "replace").decode()


def _is_utf8(octets: bytes) -> bool:
    try:
        octets.decode()
    except UnicodeDecodeError:
        return False
    return True


_BROKEN = re.compile(rb"[\xc0-\xff][\x80-\xbf]*\Z")


def _cut(line: bytes) -> bytes:
    """At most 998 octets of a line; no UTF-8 character is cut in two."""
    if len(line) <= _LINE_LIMIT:
        return line
    cut = line[:_LINE_LIMIT]
    return _BROKEN.sub(b"", cut) if 0x80 <= line[_LINE_LIMIT] < 0xC0 else cut


def _date(when: float) -> str:
    return format_datetime(datetime.fromtimestamp(when, UTC))


def _lines(lines: Sequence[str]) -> bytes:
    return "".join(f"{line}\r\n" for line in lines).encode("utf-8", "replace")
