"""The part of a report that programs read: `message/delivery-status` (RFC 3464).

Fields about the message, then a group of fields for each recipient. ASCII, unless the original
needed UTF-8 addresses; then it is `message/global-delivery-status` (RFC 6533 §4).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from postroad.model import Address, Envelope, StoredMessage
from postroad.queue.printable import ascii_only, date, fold, lines, moment, printable
from postroad.queue.recipient_status import RecipientStatus

__all__ = ["delivery_status", "takes_utf8"]

_INDENT = " " * 4


def delivery_status(
    message: StoredMessage, statuses: Sequence[RecipientStatus], hostname: str
) -> tuple[str, bytes]:
    """The content type of the part, and the part.

    Args:
        message: the original.
        statuses: what became of each recipient; at least one.
        hostname: our name.
    """
    sender = message.envelope.sender
    names = [str(each.recipient.address) for each in statuses]
    names += [each.recipient.orcpt for each in statuses]
    names += [] if sender is None else [str(sender)]
    wide = takes_utf8(message.envelope) and not all(map(str.isascii, names))
    fields = list(_message_fields(message, hostname, wide=wide))
    for each in statuses:
        fields += ["", *_recipient_fields(each, wide=wide)]
    kind = "message/global-delivery-status" if wide else "message/delivery-status"
    return kind, lines(fields)


def takes_utf8(envelope: Envelope) -> bool:
    """Whether the sender is one who can be sent UTF-8: the original needed it as well."""
    sender = envelope.sender
    return envelope.smtputf8 or (sender is not None and not sender.is_ascii)


def _message_fields(message: StoredMessage, hostname: str, *, wide: bool) -> Iterator[str]:
    """The fields about the message, RFC 3464 §2.2."""
    envelope = message.envelope
    if envelope.envid:
        envid = printable(envelope.envid)  # not folded: it must come back as it was
        yield f"Original-Envelope-Id: {envid if wide else ascii_only(envid)}"
    yield f"Reporting-MTA: dns; {hostname}"
    yield f"X-Postroad-Queue-ID: {message.queue_id}"
    sender = envelope.sender
    yield f"X-Postroad-Sender: {_address(sender, wide=wide) if sender else 'rfc822;'}"
    yield f"Arrival-Date: {date(message.arrived)}"
    if envelope.hold_until is not None:  # RFC 4865
        yield f"Future-Release-Request: until; {moment(envelope.hold_until):%Y-%m-%dT%H:%M:%SZ}"
    if envelope.deliver_by is not None:  # RFC 2852
        yield f"Deliver-By-Date: {date(envelope.deliver_by.deadline)}"


def _recipient_fields(status: RecipientStatus, *, wide: bool) -> Iterator[str]:
    """The fields about one recipient, RFC 3464 §2.3."""
    recipient, host = status.recipient, status.host
    if recipient.orcpt:  # RFC 3461 §6.3 (d): only what the sender named
        yield f"Original-Recipient: {_typed(recipient.orcpt, wide=wide)}"
    yield f"Final-Recipient: {_address(recipient.address, wide=wide)}"
    yield f"Action: {status.action.value}"
    yield f"Status: {status.status}"
    if host:
        yield f"Remote-MTA: dns; {host if wide else ascii_only(host)}"
    kind = "smtp" if status.from_peer else "X-Postroad"
    yield from _text(f"Diagnostic-Code: {kind}; {status.said}", wide=wide)
    if status.attempted is not None:
        yield f"Last-Attempt-Date: {date(status.attempted)}"
    if status.until is not None:
        yield f"Will-Retry-Until: {date(status.until)}"


def _text(field: str, *, wide: bool) -> list[str]:
    return fold(field if wide else ascii_only(field), _INDENT)


def _address(address: Address, *, wide: bool) -> str:
    return _typed(f"{'rfc822' if address.is_ascii else 'utf-8'};{address}", wide=wide)


def _typed(text: str, *, wide: bool) -> str:
    """`type;address` as a field holds it: RFC 3464 §2.1.2, RFC 6533 §3."""
    kind, _, address = text.partition(";")
    address = printable(address)
    if kind.lower() == "utf-8" or not (wide or address.isascii()):
        address = (_UNSAFE_WIDE if wide else _UNSAFE).sub(_embedded, address)
    return f"{_NO_TYPE.sub('?', kind)}; {address}"


_NO_TYPE = re.compile(r"[^A-Za-z0-9-]")
_UNSAFE = re.compile(r"[^!-~]|[\\+=]")
_UNSAFE_WIDE = re.compile(r"[\\+=\s]")


def _embedded(character: re.Match[str]) -> str:
    r"""A character of an address in ASCII, RFC 6533 §3: `\x{F6}`."""
    return f"\\x{{{ord(character[0]):02X}}}"
