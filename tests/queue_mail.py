"""Mail for tests of the queue: every message and recipient has an identity no other has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

from postroad.model import BLANK, Address, Envelope, StoredMessage, StoredRecipient, Waybill

NOON = 1_800_000_000.0  # seconds since the epoch


@dataclass(frozen=True)
class MemoryContent:
    octets: bytes = b"Subject: test\r\n\r\nHello.\r\n"
    piece: int = 65_536

    @property
    def size(self) -> int:
        return len(self.octets)

    def chunks(self) -> Iterator[bytes]:
        for at in range(0, len(self.octets), self.piece):
            yield self.octets[at : at + self.piece]


_numbers = count(1)


def message(
    sender: str = "alice@example.org",
    *,
    queue_id: str = "",
    content: bytes = MemoryContent.octets,
    arrived: float = NOON,
    queued: float = NOON,
    waybill: Waybill = BLANK,
    **wishes: Any,
) -> StoredMessage:
    """A message; an empty sender is the null one. `wishes` are fields of the envelope."""
    envelope = Envelope(Address.parse(sender) if sender else None, **wishes)
    queue_id = queue_id or f"Q{next(_numbers)}"
    return StoredMessage(queue_id, envelope, arrived, queued, MemoryContent(content), waybill)


def recipient(
    address: str = "bob@example.net", original: str = "", **wishes: Any
) -> StoredRecipient:
    """A recipient with an identity no other has; `wishes` are its other fields."""
    to = Address.parse(address)
    said = Address.parse(original) if original else to
    return StoredRecipient(next(_numbers), to, said, **wishes)


def recipients(*addresses: str, **wishes: Any) -> tuple[StoredRecipient, ...]:
    return tuple(recipient(address, **wishes) for address in addresses)


def crowd(size: int, domain: str = "example.net") -> tuple[StoredRecipient, ...]:
    """So many recipients at one domain."""
    address = Address("someone", domain)
    return tuple(StoredRecipient(next(_numbers), address, address) for _ in range(size))
