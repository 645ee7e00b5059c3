"""A database made smaller again, when a long queue has gone.

SQLite keeps the room of what was deleted, and uses it for what comes next. That is right for a
queue that grows and shrinks all day: a file that keeps its size costs nothing. Only after an outage
it may be many times larger than it will be for years. So it is looked at when the shard is opened,
where nobody waits for a commit, and rebuilt if most of it is free and what is left is soon copied.

A rebuild is one transaction: a crash in the middle leaves the file as it was. It needs room for a
copy of what is left, twice; where there is none, or anything else is in the way, the file stays as
it is, which is no harm.
"""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from postroad.model.durable import Durable, Operation

__all__ = ["shrink"]

LEAST_FREE = 64 * 1024 * 1024  # octets; less is not worth a pause
MOST_LEFT = 128 * 1024 * 1024  # octets that are copied within about a second


def shrink(connection: sqlite3.Connection, database: Path, durable: Durable) -> bool:
    """Rebuild the database, if it is worth it.

    Args:
        connection: its writer, without an open transaction.
        database: its path.
        durable: the gate for the commit.

    Returns:
        Whether that was done.
    """
    free, pages, size = (
        connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("freelist_count", "page_count", "page_size")
    )
    left = (pages - free) * size
    if free * size < LEAST_FREE or free * 2 < pages or left > MOST_LEFT:
        return False
    with contextlib.suppress(sqlite3.Error, OSError):
        durable.perform(Operation.COMMIT, database, lambda: connection.execute("VACUUM"))
        # The file ends where it did until the log is written back; a reader may put that off.
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return True
    return False
