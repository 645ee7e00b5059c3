"""What the spool hands to the queue, and what the queue hands back.

A claimed recipient belongs to whoever claimed it until it is settled or released. Claims live in
memory: a shard has one owner, and after a crash everything that was claimed is due again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from postroad.model import Action, StoredMessage, StoredRecipient, Told
from postroad.model.address import Address, domain_key

__all__ = ["Choice", "Claim", "Claimed", "Done", "Retry", "Selector"]


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


@dataclass(frozen=True, slots=True)
class Selector:
    """Which deferred recipients an operator means; all of them when nothing is narrowed down.

    Attributes:
        queue_ids: only those of these messages.
        domain: only those whose address is in this domain.
    """

    queue_ids: frozenset[str] | None = None
    domain: str | None = None

    def matches(self, address: Address) -> bool:
        """Whether the domain, where one is given, is the address's."""
        return self.domain is None or domain_key(self.domain) == domain_key(address.domain)


@dataclass(frozen=True, slots=True)
class Choice:
    """Which messages an operator means; all of them when nothing is narrowed down.

    Attributes:
        queue_ids: only these.
        login: only those that this account submitted; case does not matter.
        sender: only those of this reverse-path, `local@domain` without quotes, empty for the null
            one; the case of ASCII letters does not matter.
        held: whether only those that are held.
        reason: only those that are held for exactly this reason.
    """

    queue_ids: frozenset[str] | None = None
    login: str | None = None
    sender: str | None = None
    held: bool = False
    reason: str | None = None
