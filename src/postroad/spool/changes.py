"""The rows that one transaction adds, alters and removes, written in a few statements.

Every step of a statement gives the interpreter lock away and takes it back, so a transaction is
a fixed handful of statements however many messages share it. Rows are bound as
`VALUES (…), (…)` lists padded to a power of two with rows of NULL that the statement leaves out:
a few lengths of text then serve all batches, and each is parsed once. Lists of integers go in as
one JSON array.

Knows nothing of claims, futures or threads.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from postroad.model import Action
from postroad.spool.rows import ASKING_COLUMNS, PLAIN_COLUMNS

__all__ = ["DUE", "DUE_NOW", "Changes", "Gone"]

Value = str | bytes | int | float | None
Row = tuple[Value, ...]

ROWS = 256  # in one statement: 20 columns of that stay far below SQLite's 32,766 variables

DUE = (
    "(SELECT queued - 600 * max(coalesce(priority, 0), 0) FROM message"
    " WHERE message.id = recipient.message)"
)
"""When a recipient that was never deferred is due: since it came.

Each step of priority (RFC 6710) counts as ten minutes more. So mail of a higher one is read back
first, but only before what came in the time that its priority is worth: none is overtaken for ever.
"""

HELD = "(SELECT held FROM message WHERE message.id = recipient.message) IS NOT NULL"

DUE_NOW = f"UPDATE recipient SET next_attempt = {DUE} WHERE next_attempt IS NULL AND NOT {HELD}"  # noqa: S608 - constants
"""Recipients that were never deferred are due, and nobody has them any more; none of held mail."""

ADD_MESSAGES = (
    f"INSERT INTO message ({PLAIN_COLUMNS})"  # noqa: S608 - a constant
    " SELECT * FROM ({values}) WHERE column1 IS NOT NULL"
)
ADD_ASKING_MESSAGES = (
    f"INSERT INTO message ({ASKING_COLUMNS})"  # noqa: S608 - a constant
    " SELECT * FROM ({values}) WHERE column1 IS NOT NULL"
)
ADD_CONTENTS = "INSERT INTO content SELECT * FROM ({values}) WHERE column1 IS NOT NULL"
ADD_RECIPIENTS = (
    "INSERT INTO recipient (id, message, address, original, attempts)"
    " SELECT *, 0 FROM ({values}) WHERE column1 IS NOT NULL"
)
ADD_ASKING_RECIPIENTS = (
    "INSERT INTO recipient"
    " (id, message, address, original, next_attempt, shelved, notify, orcpt, owed, sender, reason,"
    " attempts)"
    " SELECT *, 0 FROM ({values}) WHERE column1 IS NOT NULL"
)
RETRY = (  # where the message is held, the time is for after its release
    "UPDATE recipient SET attempts = attempts + retry.column4,"  # noqa: S608 - a constant
    f" next_attempt = iif({HELD}, NULL, retry.column2),"
    f" shelved = iif({HELD}, retry.column2, NULL),"
    f" reason = iif(owed = '{Action.FAILED.value}', reason, retry.column3),"  # given up: as it is
    " told = coalesce(retry.column5, told), owed = coalesce(retry.column6, owed)"
    " FROM ({values}) AS retry WHERE recipient.id = retry.column1"
)
RELEASE = DUE_NOW + " AND id IN (SELECT value FROM json_each(?))"  # noqa: S608 - a constant
HASTEN = "UPDATE recipient SET next_attempt = ? WHERE id IN (SELECT value FROM json_each(?))"
REMOVE_RECIPIENTS = "DELETE FROM recipient WHERE id IN (SELECT value FROM json_each(?))"
REMOVE_EMPTY = (
    "DELETE FROM message WHERE id IN (SELECT value FROM json_each(?))"
    " AND NOT EXISTS (SELECT 1 FROM recipient WHERE recipient.message = message.id)"
    " RETURNING id, queue_id, filed"
)


@dataclass(frozen=True, slots=True)
class Gone:
    """A message whose rows the transaction removed; `filed` says that a file is left to remove."""

    queue_id: str
    filed: bool


@dataclass(slots=True)
class Changes:
    """What the jobs of one batch want.

    Attributes:
        mark: the limit of message numbers to store.
        closes: whether the shard is about to be closed.
        messages: rows of `message` up to `checksum`.
        asking_messages: whole rows of `message`, but for `damage`.
        contents: message number and octets.
        recipients: id, message, address, original address or `None`.
        asking_recipients: the same, then next attempt, shelved, notify, orcpt, owed,
            sender, reason.
        retries: id, next attempt, reason, 1 or 0 attempts to count, told, owed.
        released: recipients that are due again without an attempt.
        hastened: recipients that become due at `hasten_at`.
        done: recipients to remove.
        touched: messages to remove if no recipient is left.
        last: what is to be done with the open transaction when all rows are written.
        gone: what `write` removed, by message number.
    """

    mark: int | None = None
    closes: bool = False
    messages: list[Row] = field(default_factory=list)
    asking_messages: list[Row] = field(default_factory=list)
    contents: list[Row] = field(default_factory=list)
    recipients: list[Row] = field(default_factory=list)
    asking_recipients: list[Row] = field(default_factory=list)
    retries: list[Row] = field(default_factory=list)
    released: list[int] = field(default_factory=list)
    hastened: list[int] = field(default_factory=list)
    hasten_at: float = 0.0
    done: list[int] = field(default_factory=list)
    touched: set[int] = field(default_factory=set)
    last: list[Callable[[sqlite3.Connection], None]] = field(default_factory=list)
    gone: dict[int, Gone] = field(default_factory=dict)

    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return self.mark is None and not (
            self.messages
            or self.asking_messages
            or self.retries
            or self.released
            or self.hastened
            or self.done
            or self.last
        )

    def write(self, connection: sqlite3.Connection) -> None:
        """Begin a transaction and put everything into it.

        Raises:
            sqlite3.Error: it cannot be stored; the caller rolls back.
            UnicodeError: a text is not storable.
        """
        connection.execute("BEGIN IMMEDIATE")
        if self.mark is not None:
            connection.execute(
                "UPDATE shard SET mark = ?, open = ?", (self.mark, int(not self.closes))
            )
        _each(connection, ADD_MESSAGES, self.messages)
        _each(connection, ADD_ASKING_MESSAGES, self.asking_messages)
        _each(connection, ADD_CONTENTS, self.contents)
        _each(connection, ADD_RECIPIENTS, self.recipients)
        _each(connection, ADD_ASKING_RECIPIENTS, self.asking_recipients)
        _each(connection, RETRY, self.retries)
        if self.released:
            connection.execute(RELEASE, (json.dumps(self.released),))
        if self.hastened:
            connection.execute(HASTEN, (self.hasten_at, json.dumps(self.hastened)))
        if self.done:
            connection.execute(REMOVE_RECIPIENTS, (json.dumps(self.done),))
        self._remove_empty(connection)
        for change in self.last:
            change(connection)

    def _remove_empty(self, connection: sqlite3.Connection) -> None:
        if self.touched:
            rows = connection.execute(REMOVE_EMPTY, (json.dumps([*self.touched]),)).fetchall()
            self.gone = {number: Gone(name, bool(filed)) for number, name, filed in rows}


def _each(connection: sqlite3.Connection, statement: str, rows: Sequence[Row]) -> None:
    for start in range(0, len(rows), ROWS):
        part = rows[start : start + ROWS]
        length = 1 << (len(part) - 1).bit_length()
        width = len(part[0])
        values: list[Value] = [value for row in part for value in row]
        values += [None] * (width * (length - len(part)))
        connection.execute(_with_values(statement, width, length), values)


@lru_cache(maxsize=64)  # a few statements, nine lengths
def _with_values(statement: str, width: int, length: int) -> str:
    """The text of a statement for so many rows of so many columns."""
    mark = f"({', '.join('?' * width)})"
    return statement.format(values="VALUES " + ", ".join([mark] * length))
