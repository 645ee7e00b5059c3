"""A message that the spool has acknowledged, and its recipients."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from postroad.model.address import Address
from postroad.model.envelope import Envelope, Notify

__all__ = ["Content", "StoredMessage", "StoredRecipient"]


class Content(Protocol):
    """The octets of a stored message: lines ended by CRLF only, no dot-stuffing."""

    @property
    def size(self) -> int:
        """Octets in all."""
        ...

    def chunks(self) -> Iterator[bytes]:
        """The octets in order, in pieces of bounded size; may be called again from the start."""
        ...


@dataclass(frozen=True, slots=True)
class StoredRecipient:
    """One recipient of a stored message.

    Attributes:
        id: permanent identity within the shard; never a position in a list.
        address: where the message goes, after alias expansion.
        original: what RCPT TO said.
        attempts: deliveries tried so far.
        notify: which notices the sender wants; `None` where it did not say (RFC 3461 §4.1).
        orcpt: the sender's own name for it, `type;address` decoded; empty for none.
    """

    id: int
    address: Address
    original: Address
    attempts: int = 0
    notify: Notify | None = None
    orcpt: str = ""


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message on stable storage.

    Attributes:
        queue_id: short, sortable, unique across workers and restarts.
        envelope: sender and content needs.
        arrived: when the first command of its transaction came, seconds since the epoch.
        queued: when it was committed, seconds since the epoch.
        content: header and body.
    """

    queue_id: str
    envelope: Envelope
    arrived: float
    queued: float
    content: Content
