"""Whether a database can be trusted, asked when a shard is opened after anything but a clean close.

A shard says in its own row that it is open, and unsays it with the last commit before it is closed.
Where that is missing (a crash, a kill, a power cut, an older release), the log is looked at for a
break that SQLite would pass over, and SQLite checks the whole file. That reads all of it: a second
for each GB or two that are in memory, and as long as the disk takes otherwise. So of a database
that is very large only the tables are checked that say what is in the queue; a content that is
damaged is found by its checksum when it is read.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from postroad.spool.errors import DatabaseDamaged
from postroad.spool.write_ahead_log import is_broken_inside

__all__ = ["is_damage", "require_sound"]

WHOLE = 2_147_483_648  # octets of a database that is checked as a whole
TABLES = ("shard", "message", "recipient")
DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def is_damage(error: BaseException) -> bool:
    """Whether SQLite says that the file itself is broken, and not that it cannot be had now."""
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(error, sqlite3.Error) and isinstance(code, int) and code & 0xFF in DAMAGE


def require_sound(connection: sqlite3.Connection, path: Path) -> None:
    """Check a database that was not closed; nothing may have been written to it since.

    Args:
        connection: to it.
        path: of it.

    Raises:
        DatabaseDamaged: it is broken; the text says how.
        sqlite3.Error: it is so broken that it cannot be read, or it cannot be had now.
        OSError: its log cannot be read.
    """
    if _was_closed(connection):
        return
    log = path.with_name(f"{path.name}-wal")
    _, taken, _ = connection.execute("PRAGMA wal_checkpoint").fetchone()
    if is_broken_inside(log, max(taken, 0)):
        raise DatabaseDamaged(f"{log}: broken in the middle")
    for check in _checks(connection):
        (found,) = connection.execute(check).fetchone()
        if found != "ok":
            raise DatabaseDamaged(f"{path}: {' '.join(found.split())}")


def _was_closed(connection: sqlite3.Connection) -> bool:
    try:
        row = connection.execute("SELECT open FROM shard").fetchone()
    except sqlite3.OperationalError:  # an older release wrote it, or nobody has yet
        return False
    return row is not None and row[0] == 0


def _checks(connection: sqlite3.Connection) -> list[str]:
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    if pages * size <= WHOLE:
        return ["PRAGMA integrity_check(1)"]
    return [f"PRAGMA integrity_check({table})" for table in TABLES]
