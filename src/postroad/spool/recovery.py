"""What is put right when a shard is opened, whether it was closed or crashed.

Nothing that was acknowledged is touched: rows stay, and a row whose content is missing or damaged
is held and reported rather than dropped, for an operator may still find the file. When the file is
back at the next start, the message goes on its way.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from postroad.model.durable import Durable, Operation
from postroad.spool.bodies import Bodies
from postroad.spool.changes import DUE_NOW
from postroad.spool.content import MISSING, FileContent, difference
from postroad.spool.damage import acquit, condemn
from postroad.spool.errors import SpoolError
from postroad.spool.quarantine import Quarantine
from postroad.spool.queue_id import number_of

__all__ = ["Recovered", "recover"]

WAS_CLOSED = "SELECT 1 FROM shard WHERE open = 0"
FILED = "SELECT id, queue_id, size, checksum, damage FROM message WHERE filed"
DAMAGED = "SELECT queue_id, damage, filed FROM message WHERE damage IS NOT NULL"


@dataclass(frozen=True, slots=True)
class Recovered:
    """The state of a shard that was just opened.

    Attributes:
        mark: no message number up to this one may be given.
        damaged: queue identifiers of messages whose content is damaged, with what is wrong.
        orphans: files whose message is not in a database that had to be made anew; where they are.
    """

    mark: int
    damaged: dict[str, str]
    orphans: tuple[Path, ...] = ()


def recover(
    connection: sqlite3.Connection,
    bodies: Bodies,
    number: int,
    database: Path,
    durable: Durable,
    *,
    keep: bool = False,
) -> Recovered:
    """Make an open database and its files agree, and note that it is open.

    Args:
        connection: the shard's writer.
        bodies: the shard's content files.
        number: the shard's number.
        database: the path of it.
        durable: the gate for every step.
        keep: whether files whose message is not known are kept: the database was made anew.

    Raises:
        SpoolError: the database belongs to another shard.
        sqlite3.Error: the database cannot be read or written.
        OSError: the files cannot be read, moved or deleted.
    """
    connection.execute("BEGIN IMMEDIATE")
    was_closed = connection.execute(WAS_CLOSED).fetchone() is not None
    mark = _mark(connection, number)
    for message, wrong in list(_judged(connection, bodies)):
        if wrong:
            condemn(connection, message, wrong)
        else:
            acquit(connection, message)
    if not was_closed:  # else whoever closed it has done so, for what the queue had
        connection.execute(DUE_NOW)
    durable.perform(Operation.COMMIT, database, connection.commit)
    quarantine = Quarantine(database.parent, durable)
    orphans: list[Path] = []

    def aside(path: Path) -> None:
        if (place := quarantine.take(path)) is not None:
            orphans.append(place)

    bodies.recover(lambda name: _is_filed(connection, name), aside if keep else None)
    damaged = {}
    for queue_id, wrong, filed in connection.execute(DAMAGED).fetchall():
        damaged[queue_id] = wrong
        if filed and bodies.size(queue_id) is not None:
            quarantine.take(bodies.path(queue_id))
    return Recovered(mark, damaged, tuple(orphans))


def _judged(connection: sqlite3.Connection, bodies: Bodies) -> Iterator[tuple[int, str]]:
    """Messages whose content is damaged now, or was and is whole again; with what is wrong."""
    for number, queue_id, size, checksum, damage in connection.execute(FILED):
        there = bodies.size(queue_id)
        if damage is not None:
            if there is not None and _is_readable(bodies.path(queue_id), size, checksum):
                yield number, ""
        elif there is None:
            yield number, MISSING
        elif there != size:
            yield number, difference(there, 0, size, None)


def _is_readable(path: Path, size: int, checksum: int | None) -> bool:
    try:
        for _ in FileContent(path, size, 0, checksum).chunks():
            pass
    except SpoolError:
        return False
    return True


def _mark(connection: sqlite3.Connection, number: int) -> int:
    row = connection.execute("SELECT number, mark FROM shard").fetchone()
    if row is None:
        connection.execute("INSERT INTO shard (number, mark) VALUES (?, 0)", (number,))
        row = (number, 0)
    if row[0] != number:
        raise SpoolError(f"this is the spool of shard {row[0]}, not of shard {number}")
    connection.execute("UPDATE shard SET open = 1")
    largest = connection.execute("SELECT coalesce(max(id), 0) FROM message").fetchone()[0]
    return max(int(row[1]), int(largest))


def _is_filed(connection: sqlite3.Connection, name: str) -> bool:
    found = connection.execute(
        "SELECT 1 FROM message WHERE id = ? AND queue_id = ? AND filed", (number_of(name), name)
    ).fetchone()
    return found is not None
