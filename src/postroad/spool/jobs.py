"""What a shard can be asked to do, as jobs that share transactions.

A job says what it wants before the commit (`stage`) and what it brought after it (`conclude`).
Jobs of one batch are staged in the order they came, written together, and concluded in the same
order, so a claim sees what every earlier job wrote. Memory is changed in `conclude` only: a batch
that fails leaves the ledger as it was.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from postroad.model import Addressee, Envelope
from postroad.spool.changes import Changes, Gone
from postroad.spool.claim import Claim, Done, Retry, Selector
from postroad.spool.ledger import Ledger
from postroad.spool.queue_id import QueueIds, number_of
from postroad.spool.rows import NOTIFY, decode_address, encode_address, is_plain, wishes

__all__ = ["Delete", "Hasten", "Hastened", "Job", "Release", "Reserve", "Settle", "Store", "Take"]

T_co = TypeVar("T_co", covariant=True)

HASTEN_WINDOW = 2000  # recipients looked at in one job: some milliseconds of the loop's time


class Job(Protocol[T_co]):
    """One request to the shard."""

    def stage(self, ledger: Ledger, changes: Changes, /) -> None:
        """Add what this job wants. May read the database, must not change the ledger."""
        ...

    def conclude(self, ledger: Ledger, changes: Changes, /) -> T_co:
        """Take note that the changes are on stable storage; what the job brought."""
        ...


@dataclass(slots=True)
class Store:
    """A new message; brings the identities of its recipients.

    The caller has claimed them, unless the message is held.

    Attributes:
        octets: the content, or `None` when it is a file.
        held: until when nobody may claim its recipients, seconds since the epoch.
    """

    number: int
    queue_id: str
    envelope: Envelope
    recipients: Sequence[Addressee]
    arrived: float
    queued: float
    size: int
    octets: bytes | None
    held: float | None = None
    ids: range = field(default=range(0), init=False)

    def stage(self, ledger: Ledger, changes: Changes) -> None:
        """Three kinds of rows."""
        envelope, number, octets = self.envelope, self.number, self.octets
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
        )
        asked = wishes(envelope)
        if asked:
            changes.asking_messages.append((*row, *asked))
        else:
            changes.messages.append(row)
        if octets is not None:
            changes.contents.append((number, octets))
        self.ids = ledger.number_recipients(len(self.recipients))
        for id_, one in zip(self.ids, self.recipients, strict=True):
            self._stage_recipient(id_, one, changes)

    def conclude(self, ledger: Ledger, _: Changes) -> range:
        """The recipients are with the queue, or wait until the message is released."""
        if self.held is None:
            ledger.claimed.update(dict.fromkeys(self.ids, self.number))
        else:
            ledger.rewind(self.held)
        return self.ids

    def _stage_recipient(self, id_: int, one: Addressee, changes: Changes) -> None:
        address, original, notify, orcpt, owed = one
        said = None if original == address else encode_address(original)
        row = (id_, self.number, encode_address(address), said)
        if self.held is None and is_plain(one):
            changes.recipients.append(row)
            return
        words = None if notify is None else NOTIFY[notify]
        report = None if owed is None else owed.value
        changes.asking_recipients.append((*row, self.held, words, orcpt or None, report))


@dataclass(frozen=True, slots=True)
class Settle:
    """Results of attempts; brings the messages that are wholly gone.

    Recipients that nobody holds (an operator deleted them meanwhile) are passed over.
    """

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
            del ledger.claimed[result.recipient_id]
            if message in changes.gone:  # told once, should two jobs share the last recipients
                gone.append(changes.gone.pop(message))
                ledger.drop(message)
        return gone


@dataclass(frozen=True, slots=True)
class Release:
    """Recipients handed back without an attempt: those never deferred are due at once."""

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

    now: float
    limit: int

    def stage(self, _: Ledger, __: Changes) -> None:
        """Nothing is written."""

    def conclude(self, ledger: Ledger, _: Changes) -> Claim:
        """Reads after the commit, so that it sees what came before it in the batch."""
        return ledger.claim(self.now, self.limit)


@dataclass(frozen=True, slots=True)
class Reserve:
    """A higher limit for message numbers, or the exact one when no more will be given."""

    ids: QueueIds
    limit: int
    is_final: bool = False

    def stage(self, _: Ledger, changes: Changes) -> None:
        """One value."""
        changes.mark = self.limit if self.is_final else max(self.limit, changes.mark or 0)

    def conclude(self, _: Ledger, __: Changes) -> None:
        """Numbers up to the limit may be given."""
        self.ids.reserved(self.limit)


@dataclass(frozen=True, slots=True)
class Hastened:
    """What one window of a flush did.

    Attributes:
        count: recipients made due.
        held: recipients left as they are, because their sender asked for a later release.
        last: the last recipient looked at, `None` at the end.
    """

    count: int
    held: int
    last: int | None


@dataclass(slots=True)
class Hasten:
    """Deferred recipients made due now, in a window of their identities.

    What is held stays held: an operator's impatience is no release (RFC 4865 §4.1).

    Attributes:
        after: the recipient after which the window begins.
    """

    selector: Selector
    now: float
    after: int
    found: list[int] = field(default_factory=list, init=False)
    held: int = field(default=0, init=False)
    last: int | None = field(default=None, init=False)

    def stage(self, ledger: Ledger, changes: Changes) -> None:
        """Those of the window that wait, match and are not due yet."""
        self.found.clear()
        self.held = 0
        rows = ledger.connection.execute(
            "SELECT id, message, address, next_attempt FROM recipient"
            " WHERE id > ? ORDER BY id LIMIT ?",
            (self.after, HASTEN_WINDOW),
        ).fetchall()
        self.last = rows[-1][0] if len(rows) == HASTEN_WINDOW else None
        names = self.selector.queue_ids
        numbers = None if names is None else set(_present(ledger, names))
        waiting: list[tuple[int, int]] = []
        for id_, message, address, at in rows:
            if at is None or at <= self.now or id_ in ledger.claimed:
                continue
            if numbers is not None and message not in numbers:
                continue
            if self.selector.matches(decode_address(address)):
                waiting.append((id_, message))
        held = _held(ledger, {message for _, message in waiting}, self.now)
        for id_, message in waiting:
            if message in held:
                self.held += 1
            else:
                self.found.append(id_)
        changes.hastened += self.found
        changes.hasten_at = self.now

    def conclude(self, ledger: Ledger, _: Changes) -> Hastened:
        """They are due from now on."""
        ledger.rewind(self.now)
        return Hastened(len(self.found), self.held, self.last)


@dataclass(slots=True)
class Delete:
    """Messages removed with all their recipients, claimed or not; brings those that were there."""

    queue_ids: Sequence[str]
    found: list[int] = field(default_factory=list, init=False)

    def stage(self, ledger: Ledger, changes: Changes) -> None:
        """Those that exist."""
        self.found = _present(ledger, self.queue_ids)
        changes.emptied += self.found

    def conclude(self, ledger: Ledger, changes: Changes) -> list[Gone]:
        """Nothing of them is left."""
        ledger.forget(set(self.found))
        for number in self.found:
            ledger.drop(number)
        return [changes.gone.pop(number) for number in self.found if number in changes.gone]


def _held(ledger: Ledger, numbers: set[int], now: float) -> set[int]:
    """Those of some messages, by their numbers, that are to be released later."""
    if not numbers:
        return set()
    rows = ledger.connection.execute(
        "SELECT id FROM message WHERE id IN (SELECT value FROM json_each(?)) AND hold_until > ?",
        (json.dumps(list(numbers)), now),
    )
    return {number for (number,) in rows.fetchall()}


def _present(ledger: Ledger, queue_ids: Iterable[str]) -> list[int]:
    """The numbers of those messages that this shard has, which the number alone does not tell."""
    names = [name.upper() for name in queue_ids]
    numbers = [number_of(name) for name in names]
    rows = ledger.connection.execute(
        "SELECT id FROM message WHERE id IN (SELECT value FROM json_each(?))"
        " AND queue_id IN (SELECT value FROM json_each(?))",
        (json.dumps(numbers), json.dumps(names)),
    ).fetchall()
    return [number for (number,) in rows]
