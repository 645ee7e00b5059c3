"""Deliveries made from a few words, and reports told in a few."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from postroad.delivery.transport import Delivery
from postroad.model import (
    Address,
    BodyType,
    Content,
    Envelope,
    Report,
    StoredMessage,
    StoredRecipient,
)
from postroad.spool import SpoolError

MESSAGE = b"Subject: hello\r\n\r\n.dots and lines\r\n"


@dataclass(frozen=True)
class Pieces:
    """A `Content` of given pieces."""

    pieces: tuple[bytes, ...]

    @property
    def size(self) -> int:
        return sum(map(len, self.pieces))

    def chunks(self) -> Iterator[bytes]:
        return iter(self.pieces)


@dataclass(frozen=True)
class Broken:
    """A `Content` on a disk that fails after the first piece, if it has one at all."""

    size: int

    def chunks(self) -> Iterator[bytes]:
        if self.size > 1000:
            yield b"x\r\n" * 300
        raise SpoolError("/spool/0/bodies/4F1: Input/output error")


def delivery(
    nexthop: str,
    *recipients: str,
    content: bytes | tuple[bytes, ...] = MESSAGE,
    of: Content | None = None,
    body: BodyType = BodyType.SEVEN_BIT,
    smtputf8: bool = False,
    sender: str = "alice@example.org",
    stored: Sequence[StoredRecipient] = (),
    **asked: Any,
) -> Delivery:
    """A delivery; `asked` are further fields of its envelope."""
    to = recipients or ("bob@example.net",)
    pieces = (content,) if isinstance(content, bytes) else content
    envelope = Envelope(Address.parse(sender), body, smtputf8, **asked)
    message = StoredMessage("4F1", envelope, 0.0, 0.0, of or Pieces(pieces))
    made = (
        StoredRecipient(10 + at, Address.parse(each), Address.parse(each))
        for at, each in enumerate(to)
    )
    return Delivery(message, tuple(stored or made), nexthop)


def broken_delivery(nexthop: str, size: int, body: BodyType = BodyType.SEVEN_BIT) -> Delivery:
    """A delivery whose content cannot be read."""
    return delivery(nexthop, of=Broken(size), body=body)


def told(report: Report) -> list[str]:
    """Each outcome as `10 sent 250 2.0.0 Ok`."""
    return [
        f"{outcome.recipient_id} {outcome.status.value} {outcome.reply}"
        for outcome in report.outcomes
    ]
