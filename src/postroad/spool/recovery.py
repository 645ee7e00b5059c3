"""What is put right when a shard is opened, whether it was closed or crashed.

Nothing that was acknowledged is touched: rows stay, and a row whose file is missing is reported
and held back rather than dropped, for an operator may still find the file.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from postroad.spool.bodies import Bodies
from postroad.spool.changes import DUE_NOW
from postroad.spool.errors import SpoolError
from postroad.spool.queue_id import number_of

__all__ = ["Recovered", "recover"]


@dataclass(frozen=True, slots=True)
class Recovered:
    """The state of a shard that was just opened.

    Attributes:
        mark: no message number up to this one may be given.
        damaged: queue identifiers of messages whose file is missing or cut short.
        unreadable: the recipients of these, with their message's number.
    """

    mark: int
    damaged: tuple[str, ...]
    unreadable: dict[int, int]


def recover(connection: sqlite3.Connection, bodies: Bodies, number: int) -> Recovered:
    """Make an open database and its files agree.

    Args:
        connection: the shard's writer.
        bodies: the shard's content files.
        number: the shard's number.

    Raises:
        SpoolError: the database belongs to another shard.
        sqlite3.Error: the database cannot be read or written.
        OSError: the files cannot be read or deleted.
    """
    mark = _mark(connection, number)
    connection.execute(DUE_NOW)
    bodies.recover(lambda name: _is_filed(connection, name))
    damaged = [
        (message, queue_id)
        for message, queue_id, size in connection.execute(
            "SELECT id, queue_id, size FROM message WHERE filed"
        )
        if not bodies.is_whole(queue_id, size)
    ]
    unreadable = {
        recipient: message
        for message, _ in damaged
        for (recipient,) in connection.execute(
            "SELECT id FROM recipient WHERE message = ?", (message,)
        )
    }
    return Recovered(mark, tuple(queue_id for _, queue_id in damaged), unreadable)


def _mark(connection: sqlite3.Connection, number: int) -> int:
    row = connection.execute("SELECT number, mark FROM shard").fetchone()
    if row is None:
        connection.execute("INSERT INTO shard VALUES (?, 0)", (number,))
        row = (number, 0)
    if row[0] != number:
        raise SpoolError(f"this is the spool of shard {row[0]}, not of shard {number}")
    largest = connection.execute("SELECT coalesce(max(id), 0) FROM message").fetchone()[0]
    return max(int(row[1]), int(largest))


def _is_filed(connection: sqlite3.Connection, name: str) -> bool:
    found = connection.execute(
        "SELECT 1 FROM message WHERE id = ? AND queue_id = ? AND filed", (number_of(name), name)
    ).fetchone()
    return found is not None
