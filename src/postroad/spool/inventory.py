"""What is in the queue, for an operator: read beside the running server, without its lock.

Reads every shard's database through a connection that cannot write, one stretch of rows at a time,
by their key. Each stretch is one short transaction, read to its end before anything of it is shown:
a listing of a million messages neither fills memory nor keeps the server from reusing its log, not
even while whoever reads it takes a pause. What comes and goes meanwhile may be in it or not.

A recipient that is shown without a next attempt is with the queue: fresh, or in an attempt.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from postroad.model import BLANK, SAME, Content, Envelope, Same, Waybill
from postroad.model.address import Address
from postroad.spool.choosing import Values, condition
from postroad.spool.claim import Choice
from postroad.spool.content import FileContent, Reader, Recent, RowContent
from postroad.spool.errors import SpoolError
from postroad.spool.opening import BODIES, DATABASE
from postroad.spool.quarantine import NAME as QUARANTINE
from postroad.spool.queue_id import number_of
from postroad.spool.rows import MESSAGE_COLUMNS, MessageRow, decode_address, decode_sender
from postroad.spool.schema import connect_reader

__all__ = ["Entry", "EntryRecipient", "Inventory", "shard_directories"]

T = TypeVar("T")

STRETCH = 1000  # rows looked at in one transaction, of which all or none may be meant

EVERYTHING = Choice()

END_OF_MESSAGES = "SELECT id FROM message WHERE id > ? ORDER BY id LIMIT 1 OFFSET ?"
END_OF_RECIPIENTS = "SELECT id FROM recipient WHERE id > ? ORDER BY id LIMIT 1 OFFSET ?"

COLUMNS = ", ".join(f"m.{name}" for name in MESSAGE_COLUMNS.split(", "))

RECIPIENTS = (
    "SELECT message, address, original, attempts, coalesce(next_attempt, shelved), reason,"
    " sender, notify, orcpt, owed FROM recipient"
    " WHERE message IN (SELECT value FROM json_each(?)) ORDER BY id"
)


@dataclass(frozen=True, slots=True)
class EntryRecipient:
    """A recipient that still waits.

    Attributes:
        attempts: deliveries tried so far.
        next_attempt: seconds since the epoch; `None` while the recipient is with the queue since
            it came, and while it is held since then. In a message that is held it is the time
            that counts after the release.
        reason: why the last attempt failed; `None` before the first.
        notify: which notices the sender wants, as RCPT spells it; empty where it did not say.
        orcpt: the sender's own name for the recipient, `type;address`; empty for none.
        owed: the report that is all that is left to do; empty while the message itself is.
        sender: the reverse-path of its copy; `SAME`: the message's.
    """

    address: Address
    original: Address
    attempts: int
    next_attempt: float | None
    reason: str | None
    notify: str = ""
    orcpt: str = ""
    owed: str = ""
    sender: Address | Same | None = SAME


@dataclass(frozen=True, slots=True)
class Entry:
    """A message in the queue.

    Attributes:
        envelope: what MAIL said.
        size: octets of the content.
        arrived: when its transaction began, seconds since the epoch.
        recipients: those that still wait.
        waybill: who brought it, and whether it is held.
        damage: what is wrong with its content; empty for nothing.
    """

    queue_id: str
    envelope: Envelope
    size: int
    arrived: float
    recipients: tuple[EntryRecipient, ...]
    waybill: Waybill = BLANK
    damage: str = ""

    @property
    def sender(self) -> str:
        """The reverse-path, empty for the null one."""
        return self.envelope.sender_text


class Inventory:
    """The queue over several shards.

    Args:
        directories: the shards'. One without a database yet is empty.
        clock: seconds since the epoch.
    """

    def __init__(self, directories: Sequence[Path], clock: Callable[[], float] = time.time) -> None:
        self._directories = directories
        self._clock = clock

    def list(self, choice: Choice = EVERYTHING) -> Iterator[Entry]:
        """Every message, shard by shard, the oldest first.

        Args:
            choice: only these.

        Raises:
            SpoolError: a database cannot be read.
        """
        now = self._clock()
        for directory in self._present():
            yield from _list(directory / DATABASE, choice, now)

    def recipients(self, choice: Choice = EVERYTHING) -> Iterator[tuple[str, float]]:
        """Every recipient that still waits: its address, and when its message arrived.

        Args:
            choice: only these; of a message with several recipients those that are meant.

        Raises:
            SpoolError: a database cannot be read.
        """
        now = self._clock()
        for directory in self._present():
            yield from _recipients_of(directory / DATABASE, choice, now)

    def senders(self, choice: Choice = EVERYTHING) -> Iterator[tuple[str, float]]:
        """The reverse-path of every message, empty for the null one, and when it arrived.

        Args:
            choice: only these messages.

        Raises:
            SpoolError: a database cannot be read.
        """
        now = self._clock()
        for directory in self._present():
            yield from _senders_of(directory / DATABASE, choice, now)

    def show(self, queue_id: str) -> tuple[Entry, Content] | None:
        """One message and its content; `None` when it is not there (any more).

        Raises:
            SpoolError: a database cannot be read. Reading the content raises it, too.
        """
        number = number_of(queue_id)
        if number is None:
            return None
        for directory in self._present():
            found = _find(directory, number, queue_id.upper())
            if found is not None:
                return found
        return None

    def _present(self) -> Iterator[Path]:
        return (path for path in self._directories if (path / DATABASE).exists())


def shard_directories(spool: Path) -> tuple[Path, ...]:
    """The shards under a spool directory: its subdirectories with a number for a name."""
    if not spool.is_dir():
        return ()
    numbered = [path for path in spool.iterdir() if path.name.isdecimal() and path.is_dir()]
    return tuple(sorted(numbered, key=lambda path: int(path.name)))


Stretch = Callable[[sqlite3.Connection, int, int | None], list[T]]
"""Reads what is meant behind one key, up to another."""


def _stretches(database: Path, end: str, read: Stretch[T], *, is_named: bool) -> Iterator[T]:
    """Everything that is meant, stretch by stretch."""
    with closing(connect_reader(database)) as connection:
        after: int | None = -1
        while after is not None:
            try:
                last = None if is_named else _one(connection, end, after)
                found = read(connection, after, last)
            except (sqlite3.Error, UnicodeError) as error:
                raise SpoolError(f"{database}: {error}") from error
            yield from found
            after = last


def _one(connection: sqlite3.Connection, end: str, after: int) -> int | None:
    row = connection.execute(end, (after, STRETCH - 1)).fetchone()
    return None if row is None else int(row[0])


def _list(database: Path, choice: Choice, now: float) -> Iterator[Entry]:
    meant = condition(choice, now)

    def read(connection: sqlite3.Connection, after: int, last: int | None) -> list[Entry]:
        text, values = meant.of_messages(after, last)
        rows = connection.execute(f"SELECT {COLUMNS} {text}", values).fetchall()
        recipients = _recipients(connection, [row[0] for row in rows])
        return [_entry(MessageRow(*row), recipients) for row in rows]

    return _stretches(database, END_OF_MESSAGES, read, is_named=meant.is_named)


def _recipients_of(database: Path, choice: Choice, now: float) -> Iterator[tuple[str, float]]:
    meant = condition(choice, now)
    ends = END_OF_RECIPIENTS
    return _aged(database, "r.address", meant.of_recipients, ends, is_named=meant.is_named)


def _senders_of(database: Path, choice: Choice, now: float) -> Iterator[tuple[str, float]]:
    meant = condition(choice, now)
    ends = END_OF_MESSAGES
    return _aged(database, "m.sender", meant.of_messages, ends, is_named=meant.is_named)


def _aged(
    database: Path,
    column: str,
    rest: Callable[[int, int | None], tuple[str, Values]],
    ends: str,
    *,
    is_named: bool,
) -> Iterator[tuple[str, float]]:
    """A column of what is meant, with the time at which its message came."""

    def read(
        connection: sqlite3.Connection, after: int, last: int | None
    ) -> list[tuple[str, float]]:
        text, values = rest(after, last)
        return connection.execute(f"SELECT {column}, m.arrived {text}", values).fetchall()

    return _stretches(database, ends, read, is_named=is_named)


def _find(directory: Path, number: int, queue_id: str) -> tuple[Entry, Content] | None:
    database = directory / DATABASE
    try:
        with closing(connect_reader(database)) as connection:
            found = connection.execute(
                f"SELECT {MESSAGE_COLUMNS} FROM message WHERE id = ? AND queue_id = ?",  # noqa: S608
                (number, queue_id),
            ).fetchone()
            if found is None:
                return None
            recipients = _recipients(connection, [number])
    except sqlite3.Error as error:
        raise SpoolError(f"{database}: {error}") from error
    row = MessageRow(*found)
    return _entry(row, recipients), _content(directory, row)


def _entry(row: MessageRow, recipients: Mapping[int, Sequence[EntryRecipient]]) -> Entry:
    waiting = tuple(recipients.get(row.number, ()))
    waybill, damage = row.waybill(), row.damage or ""
    return Entry(row.queue_id, row.envelope(), row.size, row.arrived, waiting, waybill, damage)


def _content(directory: Path, row: MessageRow) -> Content:
    if row.filed:
        aside = directory / QUARANTINE / row.queue_id
        if row.damage and aside.exists():  # what is left of it, for an operator to look at
            return FileContent(aside, aside.stat().st_size)
        path = directory / BODIES / row.queue_id
        return FileContent(path, row.size, row.number, row.checksum)
    reader = Reader(directory / DATABASE)
    return RowContent(row.number, row.size, Recent(), reader, row.checksum)


def _recipients(
    connection: sqlite3.Connection, numbers: Sequence[int]
) -> dict[int, list[EntryRecipient]]:
    found: dict[int, list[EntryRecipient]] = {}
    rows = connection.execute(RECIPIENTS, (json.dumps(numbers),)).fetchall()
    for number, address, original, attempts, at, reason, sender, *wishes in rows:
        to = decode_address(address)
        said = to if original is None else decode_address(original)
        notify, orcpt, owed = (wish or "" for wish in wishes)
        found.setdefault(number, []).append(
            EntryRecipient(
                to, said, attempts, at, reason, notify, orcpt, owed, decode_sender(sender)
            )
        )
    return found
