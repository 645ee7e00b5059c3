"""`STATE/bans.db`: the SQLite file behind bans and known logins, and how it is opened.

Each worker opens it, and the command line. It uses the rollback journal, as all such files do
(`state_file`), so that the file's change counter tells a reader whether anything is new (`bans`).
What the rows mean is the business of `bans` and `familiar`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

from postroad.limits.state_file import PATIENCE, Shape, StateUnavailable, open_file

__all__ = ["BANS", "BansUnavailable", "Change", "Later", "Writer", "open_bans"]

SCHEMA_VERSION = 1
APPLICATION_ID = 0x50527362  # "PRsb"

MOST_WAITING = 1000
"""Changes that wait for the disk. Where it is slower than that, what is lost is the memory of a
login, or of a ban that this worker keeps all the same."""

_TABLES = """
CREATE TABLE bans (
    change INTEGER PRIMARY KEY AUTOINCREMENT,  -- a new number whenever the row changes
    subject TEXT NOT NULL UNIQUE,              -- an address, a network, or a user name
    reason TEXT NOT NULL,
    author TEXT NOT NULL CHECK (author IN ('automatic', 'operator')),
    since REAL NOT NULL,                       -- epoch, seconds
    until REAL,                                -- the same; NULL: for ever
    times INTEGER NOT NULL                     -- how often in a row it was banned automatically
) STRICT;
CREATE TABLE logins (
    user TEXT NOT NULL,
    network TEXT NOT NULL,
    last REAL NOT NULL,                        -- epoch, seconds
    PRIMARY KEY (user, network)
) STRICT, WITHOUT ROWID;
CREATE INDEX logins_by_time ON logins (last);
"""


Change = Callable[[sqlite3.Connection], None]
"""Something to write; runs within a transaction of its own."""


class Later(Protocol):
    """Makes changes by and by, in order, so that nobody waits for the disk."""

    def __call__(self, change: Change) -> None:
        """Take a change; never blocks, never raises."""
        ...


class BansUnavailable(StateUnavailable):
    """The file of bans cannot be opened, read or written; the message says why."""


BANS = Shape("bans", APPLICATION_ID, SCHEMA_VERSION, _TABLES, BansUnavailable)


def open_bans(path: Path, *, patience: float = PATIENCE) -> sqlite3.Connection:
    """A connection, for the calling thread only; the file is made, for its owner alone, if absent.

    Args:
        path: the file; its folder must exist.
        patience: seconds to wait for another writer, once it is open.

    Raises:
        BansUnavailable: it cannot be made or opened, or is no such file of this release.
    """
    return open_file(path, BANS, patience=patience)


class Writer:
    """Implements `Later` by a thread with a connection of its own."""

    def __init__(self, path: Path, complain: Callable[[str], None]) -> None:
        """A writer that has not begun.

        Args:
            path: the file.
            complain: told, in the writer's thread, why a change could not be written.
        """
        self._path = path
        self._complain = complain
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="bans")
        self._connection: sqlite3.Connection | None = None
        self._waiting = 0

    def __call__(self, change: Change) -> None:
        """See `Later`."""
        if self._waiting < MOST_WAITING:
            self._waiting += 1
            self._thread.submit(self._write, change)

    def close(self) -> None:
        """Write what waits, and end the thread."""
        self._thread.submit(self._end)
        self._thread.shutdown()

    def _write(self, change: Change) -> None:
        self._waiting -= 1
        try:
            if self._connection is None:
                self._connection = open_bans(self._path)
            apply(self._connection, change)
        except (BansUnavailable, sqlite3.Error) as error:
            self._complain(f"{self._path}: {error}")

    def _end(self) -> None:
        if self._connection is not None:
            self._connection.close()


def apply(connection: sqlite3.Connection, change: Change) -> None:
    """Make a change as one transaction.

    Raises:
        sqlite3.Error: nothing was changed.
    """
    with connection:  # commits, or rolls back on any exception
        connection.execute("BEGIN IMMEDIATE")
        change(connection)
