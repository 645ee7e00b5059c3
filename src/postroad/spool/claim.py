"""What the spool hands to the queue, and what the queue hands back.

A claimed recipient belongs to whoever claimed it until it is settled or released. Claims live in
memory: a shard has one owner, and after a crash everything that was claimed is due again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

from postroad.model import Action, StoredMessage, StoredRecipient, Told

__all__ = ["Choice", "Claim", "Claimed", "Done", "Retry", "Standing"]


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message and those of its recipients that the caller now owns.

    A message that was just committed and has none waits for `Envelope.hold_until`, or is held.
    """

    message: StoredMessage
    recipients: tuple[StoredRecipient, ...]


@dataclass(frozen=True, slots=True)
class Claim:
    """The answer to a claim.

    Attributes:
        messages: those with due recipients, the longest due first.
        next_due: when the next unclaimed recipient becomes due, seconds since the epoch (in the
            past when the claim's limit left some over); `None` when nothing else waits.
    """

    messages: tuple[Claimed, ...]
    next_due: float | None


@dataclass(frozen=True, slots=True)
class Done:
    """The recipient needs nothing more: delivered, or bounced."""

    recipient_id: int


@dataclass(frozen=True, slots=True)
class Retry:
    """The recipient is to be tried again.

    Attributes:
        at: not before this time, seconds since the epoch.
        reason: why the attempt failed, or was not made, for the queue listing.
        tried: whether there was an attempt, to be counted.
        told: of which delays the sender has been told, when that has changed.
        owed: the report that is all that is left to do, when that has changed.
    """

    recipient_id: int
    at: float
    reason: str
    tried: bool = True
    told: Told = Told.NOTHING
    owed: Action | None = None

    def __post_init__(self) -> None:
        if not math.isfinite(self.at):
            raise ValueError("the time of a retry must be finite")


class Standing(Enum):
    """Where a message of the queue is, in the words of a listing."""

    DEFERRED = "deferred"  # it waits for its next attempt
    ACTIVE = "active"  # it is being tried, or about to be
    HELD = "held"  # an operator has to release it
    WAITING = "waiting"  # its sender asked for a later release (RFC 4865)
    DAMAGED = "damaged"  # its content is not what was stored


@dataclass(frozen=True, slots=True)
class Choice:
    """Which messages an operator means: those that all of this is true of; else all of them.

    A text may have `*` for any number of characters, and the case of its ASCII letters does not
    matter. What is said of recipients has to be true of one and the same recipient.

    Attributes:
        queue_ids: only these.
        login: only those that this account submitted.
        sender: only those of this reverse-path, the message's or that of the copy, `local@domain`
            without quotes, empty for the null one.
        held: whether only those that are held.
        reason: only those that are held for exactly this reason.
        recipient: only for this address, as `sender`.
        domain: only for an address in this domain.
        client: only those that came from this IP address.
        before: only those that arrived before then, seconds since the epoch.
        after: only those that arrived after then.
        larger: only those with more octets than this.
        standing: only those that stand so.
        said: only where the last reply about the recipient contains this; `*` is itself here.
    """

    queue_ids: frozenset[str] | None = None
    login: str | None = None
    sender: str | None = None
    held: bool = False
    reason: str | None = None
    recipient: str | None = None
    domain: str | None = None
    client: str | None = None
    before: float | None = None
    after: float | None = None
    larger: int | None = None
    standing: Standing | None = None
    said: str | None = None

    @property
    def narrows_recipients(self) -> bool:
        """Whether of a message with several recipients some may be meant and some not."""
        by_standing = self.standing in (Standing.DEFERRED, Standing.ACTIVE)
        return by_standing or any(
            each is not None for each in (self.recipient, self.domain, self.said)
        )
