"""`STATE/bans.db`: the SQLite file behind bans and known logins, and how it is opened.

Each worker opens it, and the command line. It uses the rollback journal, so that the file's change
counter tells a reader whether anything is new (`bans`), and so that two writers are safe with any
SQLite (the write-ahead log of releases before 3.51.3 is not). What the rows mean is the business
of `bans` and `familiar`.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

__all__ = ["BansUnavailable", "Change", "Later", "Writer", "open_bans"]

SCHEMA_VERSION = 1
APPLICATION_ID = 0x50527362  # "PRsb"
PATIENCE = 5.0  # seconds a writer waits for another one

MOST_WAITING = 1000
"""Changes that wait for the disk. Where it is slower than that, what is lost is the memory of a
login, or of a ban that this worker keeps all the same."""

_TABLES = f"""
BEGIN IMMEDIATE;
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
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};
COMMIT;
"""


Change = Callable[[sqlite3.Connection], None]
"""Something to write; runs within a transaction of its own."""


class Later(Protocol):
    """Makes changes by and by, in order, so that nobody waits for the disk."""

    def __call__(self, change: Change) -> None:
        """Take a change; never blocks, never raises."""
        ...


class BansUnavailable(Exception):
    """The file cannot be opened, read or written; the message says why."""


def open_bans(path: Path, *, patience: float = PATIENCE) -> sqlite3.Connection:
    """A connection, for the calling thread only; the file is made, for its owner alone, if absent.

    Args:
        path: the file; its folder must exist.
        patience: seconds to wait for another writer, once it is open.

    Raises:
        BansUnavailable: it cannot be made or opened, or is no such file of this release.
    """
    try:
        _create_file(path)
        connection = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)
    except OSError as error:
        raise BansUnavailable(f"{path}: {(error.strerror or '').lower()}") from error
    except sqlite3.Error as error:
        raise BansUnavailable(f"{path}: {error}") from error
    try:
        _prepare(connection)
        connection.execute(f"PRAGMA busy_timeout = {patience * 1000:.0f}")
    except sqlite3.Error as error:
        connection.close()
        raise BansUnavailable(f"{path}: {error}") from error
    except BansUnavailable as error:
        connection.close()
        raise BansUnavailable(f"{path}: {error}") from None
    return connection


def _create_file(path: Path) -> None:
    """Make the empty file with its rights. One that is there is not touched.

    Opening and closing that would drop the locks that SQLite holds on it for another connection
    of this process.
    """
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))


def _prepare(connection: sqlite3.Connection) -> None:
    if _is_empty(connection):
        try:
            connection.executescript(_TABLES)
        except sqlite3.OperationalError:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            if _is_empty(connection):  # not made by somebody else meanwhile
                raise


def _is_empty(connection: sqlite3.Connection) -> bool:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    owner = int(connection.execute("PRAGMA application_id").fetchone()[0])
    if owner != (APPLICATION_ID if version else 0):
        raise BansUnavailable("this SQLite file is not a database of bans")
    if version > SCHEMA_VERSION:
        raise BansUnavailable(
            f"the database of bans has version {version}, this Postroad reads up to "
            f"{SCHEMA_VERSION}; install the newer release"
        )
    return version == 0


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
