"""What a shard can be asked to do, as jobs that share transactions.

A job says what it wants before the commit (`stage`) and what it brought after it (`conclude`).
Jobs of one batch are staged in the order they came, written together, and concluded in the order of
the transaction, which `Turn` names: memory meets what the database met. A claim reads, and comes
behind them all, so it sees what every other job wrote. Memory is changed in `conclude` only: a
batch that fails leaves the ledger as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import ClassVar, Protocol, TypeVar

from postroad.model import BLANK, Addressee, Envelope, Waybill
from postroad.spool.changes import Changes, Gone
from postroad.spool.claim import Claim, Done, Retry
from postroad.spool.ledger import Ledger
from postroad.spool.queue_id import QueueIds
from postroad.spool.rows import NOTIFY, encode_address, encode_sender, is_plain, uncommon

__all__ = ["Job", "Release", "Reserve", "Settle", "Store", "Take", "Turn"]

T_co = TypeVar("T_co", covariant=True)


class Turn(IntEnum):
    """Which jobs of a batch are concluded before which; those of one turn, in the order they came.

    What is written behind all rows met the rows of every job of its batch, also of those that came
    after it. Were it concluded where it came, memory would not have these yet.
    """

    ROWS = 0
    BEHIND_ROWS = 1  # `Changes.last`
    READS = 2


class Job(Protocol[T_co]):
    """One request to the shard."""

    @property
    def turn(self) -> Turn:
        """When it is concluded."""
        ...

    def stage(self, ledger: Ledger, changes: Changes, /) -> None:
        """Add what this job wants. May read the database, must not change the ledger."""
        ...

    def conclude(self, ledger: Ledger, changes: Changes, /) -> T_co:
        """Take note that the changes are on stable storage; what the job brought."""
        ...


@dataclass(slots=True)
class Store:
    """A new message; brings the identities of its recipients.

    The caller has claimed them, unless the message is to wait.

    Attributes:
        octets: the content, or `None` when it is a file.
        not_before: until when nobody may claim its recipients, seconds since the epoch.
        waybill: whose it is; why nobody may claim them at all.
        checksum: of the content, as `content.checksum` makes it.
    """

    turn: ClassVar[Turn] = Turn.ROWS
    number: int
    queue_id: str
    envelope: Envelope
    recipients: Sequence[Addressee]
    arrived: float
    queued: float
    size: int
    octets: bytes | None
    checksum: int
    not_before: float | None = None
    waybill: Waybill = BLANK
    ids: range = field(default=range(0), init=False)

    def stage(self, ledger: Ledger, changes: Changes) -> None:
        """Three kinds of rows."""
        envelope, number, octets, waybill = self.envelope, self.number, self.octets, self.waybill
        sender = "" if envelope.sender is None else encode_address(envelope.sender)
        row = (
            number,
            self.queue_id,
            sender,
            envelope.body.value,
            int(envelope.smtputf8),
            self.arrived,
            self.queued,
            self.size,
            int(octets is None),
            waybill.login or None,
            waybill.client or None,
            waybill.listener or None,
            self.checksum,
        )
        rest = uncommon(envelope, waybill)
        if rest:
            changes.asking_messages.append((*row, *rest))
        else:
            changes.messages.append(row)
        if octets is not None:
            changes.contents.append((number, octets))
        self.ids = ledger.number_recipients(len(self.recipients))
        for id_, one in zip(self.ids, self.recipients, strict=True):
            self._stage_recipient(id_, one, changes)

    def conclude(self, ledger: Ledger, _: Changes) -> range:
        """The recipients are with the queue, or wait until the message may be delivered."""
        if not self.waits:
            ledger.claimed.update(dict.fromkeys(self.ids, self.number))
        elif not self.waybill.held:
            ledger.rewind(self.not_before)
        return self.ids

    @property
    def waits(self) -> bool:
        """Whether its recipients are nobody's for now."""
        return self.not_before is not None or bool(self.waybill.held)

    def _stage_recipient(self, id_: int, one: Addressee, changes: Changes) -> None:
        address, original, notify, orcpt, owed, sender, reason = one
        said = None if original == address else encode_address(original)
        row = (id_, self.number, encode_address(address), said)
        if not self.waits and is_plain(one):
            changes.recipients.append(row)
            return
        at, shelved = (None, self.not_before) if self.waybill.held else (self.not_before, None)
        words = None if notify is None else NOTIFY[notify]
        report = None if owed is None else owed.value
        changes.asking_recipients.append(
            (
                *row,
                at,
                shelved,
                words,
                orcpt or None,
                report,
                encode_sender(sender),
                reason or None,
            )
        )


@dataclass(frozen=True, slots=True)
class Settle:
    """Results of attempts; brings the messages that are wholly gone.

    Recipients that nobody holds (an operator deleted them meanwhile) are passed over.
    """

    turn: ClassVar[Turn] = Turn.ROWS
    results: Sequence[Done | Retry]

    def stage(self, ledger: Ledger, changes: Changes) -> None:
        """Removals and updates."""
        for result in self.results:
            message = ledger.claimed.get(result.recipient_id)
            if message is None:
                continue
            if isinstance(result, Done):
                changes.done.append(result.recipient_id)
                changes.touched.add(message)
            else:
                told, owed = result.told.value or None, result.owed
                report = None if owed is None else owed.value
                tried = int(result.tried)
                changes.retries.append(
                    (result.recipient_id, result.at, result.reason, tried, told, report)
                )

    def conclude(self, ledger: Ledger, changes: Changes) -> list[Gone]:
        """The recipients are no longer with the queue."""
        gone: list[Gone] = []
        for result in self.results:
            message = ledger.claimed.get(result.recipient_id)
            if message is None:
                continue
            if isinstance(result, Retry):
                ledger.unclaim(result.recipient_id, result.at)
                continue
            ledger.unclaim_for_good(result.recipient_id)
            if message in changes.gone:  # told once, should two jobs share the last recipients
                gone.append(changes.gone.pop(message))
                ledger.drop(message)
        return gone


@dataclass(frozen=True, slots=True)
class Release:
    """Recipients handed back without an attempt: those never deferred are due at once."""

    turn: ClassVar[Turn] = Turn.ROWS
    recipients: Sequence[int]

    def stage(self, ledger: Ledger, changes: Changes) -> None:
        """Those that are held."""
        changes.released += [id_ for id_ in self.recipients if id_ in ledger.claimed]

    def conclude(self, ledger: Ledger, _: Changes) -> None:
        """They wait again."""
        for id_ in self.recipients:
            ledger.unclaim(id_, None)


@dataclass(frozen=True, slots=True)
class Take:
    """A claim."""

    turn: ClassVar[Turn] = Turn.READS
    now: float
    limit: int

    def stage(self, _: Ledger, __: Changes) -> None:
        """Nothing is written."""

    def conclude(self, ledger: Ledger, _: Changes) -> Claim:
        """Reads after the commit, so that it sees what came before it in the batch."""
        return ledger.claim(self.now, self.limit)


@dataclass(frozen=True, slots=True)
class Reserve:
    """A higher limit for message numbers, or the exact one when no more will be given.

    Attributes:
        ids: gives them.
        limit: the number.
        is_final: whether it is the exact one, and the shard about to be closed.
        is_sound: whether everything that was asked for was stored, or refused for sure.
    """

    turn: ClassVar[Turn] = Turn.ROWS
    ids: QueueIds
    limit: int
    is_final: bool = False
    is_sound: bool = True

    def stage(self, _: Ledger, changes: Changes) -> None:
        """One value."""
        changes.mark = self.limit if self.is_final else max(self.limit, changes.mark or 0)
        changes.closes = self.is_final and self.is_sound

    def conclude(self, _: Ledger, __: Changes) -> None:
        """Numbers up to the limit may be given."""
        self.ids.reserved(self.limit)
