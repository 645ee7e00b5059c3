"""What is in the queue, for an operator: read beside the running server, without its lock.

Reads every shard's database through a connection that cannot write, some hundred messages at a
time, so that a listing of a million messages neither fills memory nor holds back the server's log.
A recipient that is shown without a next attempt is with the queue: fresh, or in an attempt.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from postroad.model import BLANK, Content, Envelope, Waybill
from postroad.model.address import Address
from postroad.spool.choosing import MATCH, bound
from postroad.spool.claim import Choice
from postroad.spool.content import FileContent, Reader, Recent, RowContent
from postroad.spool.errors import SpoolError
from postroad.spool.opening import BODIES, DATABASE
from postroad.spool.queue_id import number_of
from postroad.spool.rows import MESSAGE_COLUMNS, MessageRow, decode_address
from postroad.spool.schema import connect_reader

__all__ = ["Entry", "EntryRecipient", "Inventory", "shard_directories"]

PAGE = 200  # messages read at once

EVERYTHING = Choice()

RECIPIENTS = (
    "SELECT message, address, original, attempts, coalesce(next_attempt, shelved), reason,"
    " notify, orcpt, owed FROM recipient"
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
    """

    address: Address
    original: Address
    attempts: int
    next_attempt: float | None
    reason: str | None
    notify: str = ""
    orcpt: str = ""
    owed: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """A message in the queue.

    Attributes:
        envelope: what MAIL said.
        size: octets of the content.
        arrived: when its transaction began, seconds since the epoch.
        recipients: those that still wait.
        waybill: who brought it, and whether it is held.
    """

    queue_id: str
    envelope: Envelope
    size: int
    arrived: float
    recipients: tuple[EntryRecipient, ...]
    waybill: Waybill = BLANK

    @property
    def sender(self) -> str:
        """The reverse-path, empty for the null one."""
        return self.envelope.sender_text


class Inventory:
    """The queue over several shards.

    Args:
        directories: the shards'. One without a database yet is empty.
    """

    def __init__(self, directories: Sequence[Path]) -> None:
        self._directories = directories

    def list(self, choice: Choice = EVERYTHING) -> Iterator[Entry]:
        """Every message, shard by shard, the oldest first.

        Args:
            choice: only these.

        Raises:
            SpoolError: a database cannot be read.
        """
        for directory in self._present():
            yield from _list(directory / DATABASE, choice)

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


def _list(database: Path, choice: Choice) -> Iterator[Entry]:
    with closing(connect_reader(database)) as connection:
        last = -1
        while True:
            try:
                page = _page(connection, choice, last)
            except (sqlite3.Error, UnicodeError) as error:
                raise SpoolError(f"{database}: {error}") from error
            if not page:
                return
            last = page[-1][0]
            yield from (entry for _, entry in page)


def _page(connection: sqlite3.Connection, choice: Choice, last: int) -> list[tuple[int, Entry]]:
    rows = connection.execute(
        f"SELECT {MESSAGE_COLUMNS} FROM message WHERE {MATCH} ORDER BY id LIMIT {PAGE}",  # noqa: S608
        bound(choice, last),
    ).fetchall()
    recipients = _recipients(connection, [row[0] for row in rows])
    return [(row[0], _entry(MessageRow(*row), recipients)) for row in rows]


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
    return Entry(row.queue_id, row.envelope(), row.size, row.arrived, waiting, row.waybill())


def _content(directory: Path, row: MessageRow) -> Content:
    if row.filed:
        return FileContent(directory / BODIES / row.queue_id, row.size)
    return RowContent(row.number, row.size, Recent(), Reader(directory / DATABASE))


def _recipients(
    connection: sqlite3.Connection, numbers: Sequence[int]
) -> dict[int, list[EntryRecipient]]:
    found: dict[int, list[EntryRecipient]] = {}
    rows = connection.execute(RECIPIENTS, (json.dumps(numbers),)).fetchall()
    for number, address, original, attempts, at, reason, *wishes in rows:
        to = decode_address(address)
        said = to if original is None else decode_address(original)
        notify, orcpt, owed = (wish or "" for wish in wishes)
        found.setdefault(number, []).append(
            EntryRecipient(to, said, attempts, at, reason, notify, orcpt, owed)
        )
    return found
