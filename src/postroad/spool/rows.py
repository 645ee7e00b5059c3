"""Rows of the spool's tables as values, and the values of the model as columns."""

from __future__ import annotations

from dataclasses import dataclass

from postroad.model import BodyType, Envelope, StoredRecipient
from postroad.model.address import Address

__all__ = ["MESSAGE_COLUMNS", "DueRow", "MessageRow", "decode_address", "encode_address"]

MESSAGE_COLUMNS = "id, queue_id, sender, body, smtputf8, arrived, queued, size, filed"


@dataclass(frozen=True, slots=True)
class MessageRow:
    """A row of `message`, in the order of `MESSAGE_COLUMNS`."""

    number: int
    queue_id: str
    sender: str
    body: str
    smtputf8: int
    arrived: float
    queued: float
    size: int
    filed: int

    def envelope(self) -> Envelope:
        """The envelope the row was made of."""
        sender = decode_address(self.sender) if self.sender else None
        return Envelope(sender, BodyType(self.body), bool(self.smtputf8))


@dataclass(frozen=True, slots=True)
class DueRow:
    """A recipient in the index of due times."""

    at: float
    id: int
    message: int
    address: str
    original: str | None
    attempts: int

    def recipient(self) -> StoredRecipient:
        """The row as the queue sees it."""
        address = decode_address(self.address)
        original = address if self.original is None else decode_address(self.original)
        return StoredRecipient(self.id, address, original, self.attempts)


def encode_address(address: Address) -> str:
    """An address as a column holds it: unquoted, so that every `Address` can be read back."""
    return f"{address.local}@{address.domain}"


def decode_address(text: str) -> Address:
    """The address of a column."""
    local, _, domain = text.rpartition("@")
    return Address(local, domain)
