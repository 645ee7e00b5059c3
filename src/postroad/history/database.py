"""`STATE/history/N.db`: the pages of worker N, and where a session or message occurs in them.

A file has one writer, the worker of its number, and any readers. The write-ahead log is used
without waiting for the disk: a killed process loses nothing that was written, a power cut may cost
the last seconds or the file, and then a new one is begun. History is not mail.

The index is a table of names, not of records: what is written at once is one page, one statement
for its names, and the mark of the session identifiers.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from postroad.history.page import Line, pages_of

__all__ = ["Book", "DamagedBook", "HistoryUnavailable", "connect_reader", "files_of"]

SCHEMA_VERSION = 1
APPLICATION_ID = 0x50527368  # "PRsh"

PRUNED_AT_ONCE = 32
"""Pages deleted in one step, some megabytes of file: more than one batch adds."""

VACUUMED_AT_ONCE = 256
"""Free pages of the file given back to the system in one step, a megabyte."""

PATIENCE = 5.0  # seconds for which a reader that recovers a file may be waited for

_TABLES = """
BEGIN IMMEDIATE;
CREATE TABLE page (
    id INTEGER PRIMARY KEY,
    first REAL NOT NULL,              -- times of its records, epoch, seconds
    last REAL NOT NULL,
    records INTEGER NOT NULL,
    content BLOB NOT NULL             -- JSON, a record a line, compressed by zlib
) STRICT;
CREATE TABLE mention (
    page INTEGER NOT NULL,
    name TEXT NOT NULL,               -- a session or queue identifier
    PRIMARY KEY (page, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX mention_by_name ON mention (name);
CREATE TABLE mark (session INTEGER NOT NULL) STRICT;  -- session numbers above it are free
INSERT INTO mark VALUES (0);
"""
_SEAL = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"

_NAME = re.compile(r"[0-9]{1,5}\.db\Z")
_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})

_PUT_PAGE = "INSERT INTO page (first, last, records, content) VALUES (?, ?, ?, ?)"
_PUT_NAMES = "INSERT INTO mention (page, name) SELECT ?, value FROM json_each(?)"
_PUT_MARK = "UPDATE mark SET session = ?"
_OLDEST = "SELECT id, last FROM page ORDER BY id LIMIT ?"
_SPARE = "DELETE FROM page WHERE id <= ?"
_SPARE_NAMES = "DELETE FROM mention WHERE page <= ?"


class HistoryUnavailable(Exception):
    """A file of the history cannot be opened, read or written; the message says why."""


class DamagedBook(HistoryUnavailable):
    """A file cannot be used, and never will be: it is put aside for a new one."""


class Book:
    """A worker's file, open for writing. Used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        """Open the file; it is made, for its owner alone, if absent, with its folder.

        Raises:
            HistoryUnavailable: it cannot be opened, or is not a file of this release.
        """
        self._path = path
        try:
            path.parent.mkdir(mode=0o700, exist_ok=True)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            self._connection = sqlite3.connect(
                path, timeout=PATIENCE, isolation_level=None, check_same_thread=False
            )
        except OSError as error:
            raise HistoryUnavailable(f"{path}: {(error.strerror or '').lower()}") from error
        except sqlite3.Error as error:
            raise HistoryUnavailable(f"{path}: {error}") from error
        try:
            self._prepare()
        except sqlite3.Error as error:
            self._connection.close()
            raise _unavailable(path, error) from error
        except HistoryUnavailable as error:
            self._connection.close()
            raise HistoryUnavailable(f"{path}: {error}") from error

    @property
    def mark(self) -> int:
        """No session number up to this one is free.

        Raises:
            HistoryUnavailable: the file cannot be read.
        """
        try:
            row = self._connection.execute("SELECT max(session) FROM mark").fetchone()
        except sqlite3.Error as error:
            raise _unavailable(self._path, error) from error
        return int(row[0] or 0)

    @property
    def size(self) -> int:
        """Octets in use; the file may be larger, with room that is used again first."""
        free, pages, octets = (
            int(self._connection.execute(f"PRAGMA {what}").fetchone()[0])
            for what in ("freelist_count", "page_count", "page_size")
        )
        return (pages - free) * octets

    def write(self, lines: Sequence[Line], mark: int) -> None:
        """Add records, all or none.

        Args:
            lines: the records, in their order.
            mark: see `mark`; 0 leaves it as it is.

        Raises:
            HistoryUnavailable: nothing was added.
        """
        pages = list(pages_of(lines))
        with self._transaction() as connection:
            for page in pages:
                row = (page.first, page.last, page.records, page.content)
                number = connection.execute(_PUT_PAGE, row).lastrowid
                connection.execute(_PUT_NAMES, (number, json.dumps(page.names)))
            if mark:
                connection.execute(_PUT_MARK, (mark,))

    def prune(self, before: float, size: int) -> bool:
        """Forget the oldest pages: one step.

        Args:
            before: pages whose records all ended before this go; seconds since the epoch.
            size: octets that may be in use; 0 is no bound.

        Returns:
            Whether there is more to forget.

        Raises:
            HistoryUnavailable: nothing was forgotten.
        """
        with self._transaction() as connection:
            oldest = connection.execute(_OLDEST, (PRUNED_AT_ONCE + 1,)).fetchall()
            old = [number for number, last in oldest if last < before]
            excess = 0 < size < self.size
            chosen = [number for number, _ in oldest] if excess and not old else old
            if not chosen:
                return False
            # A file over its size loses a few pages a step, and so not much more than it must.
            last = chosen[: PRUNED_AT_ONCE if old else max(1, len(chosen) // 8)][-1]
            connection.execute(_SPARE_NAMES, (last,))
            connection.execute(_SPARE, (last,))
        with contextlib.suppress(sqlite3.Error):
            self._connection.execute(f"PRAGMA incremental_vacuum({VACUUMED_AT_ONCE})").fetchall()
        return True

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        connection = self._connection
        try:
            with connection:  # commits, or rolls back on any exception
                connection.execute("BEGIN IMMEDIATE")
                yield connection
        except sqlite3.Error as error:
            raise _unavailable(self._path, error) from error

    def _prepare(self) -> None:
        connection = self._connection
        if not _is_ours(connection):
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # before the first table
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA secure_delete = OFF")
        if not _is_ours(connection):
            connection.executescript(_TABLES + _SEAL)


def connect_reader(path: Path) -> sqlite3.Connection:
    """Open a file to read, beside whoever writes.

    Raises:
        HistoryUnavailable: it cannot be opened, or is not a file of this release.
    """
    try:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=PATIENCE, isolation_level=None
        )
    except sqlite3.Error as error:
        raise HistoryUnavailable(f"{path}: {error}") from error
    try:
        is_ours = _is_ours(connection)
    except (sqlite3.Error, HistoryUnavailable) as error:
        connection.close()
        raise HistoryUnavailable(f"{path}: {error}") from error
    if not is_ours:
        connection.close()
        raise HistoryUnavailable(f"{path}: nothing is recorded in it yet")
    return connection


def files_of(folder: Path) -> list[Path]:
    """The files of all workers that ever wrote, by number.

    Raises:
        OSError: the folder is there, and cannot be read.
    """
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return []
    found = [folder / name for name in names if _NAME.match(name)]
    return sorted(found, key=lambda path: int(path.stem))


def _unavailable(path: Path, error: sqlite3.Error) -> HistoryUnavailable:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    kind = DamagedBook if code in _DAMAGE else HistoryUnavailable
    return kind(f"{path}: {error}")


def _is_ours(connection: sqlite3.Connection) -> bool:
    """Whether the file has our tables; `False` for an empty one.

    Raises:
        HistoryUnavailable: it is somebody else's, or of a newer release.
    """
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    owner = int(connection.execute("PRAGMA application_id").fetchone()[0])
    if owner != (APPLICATION_ID if version else 0):
        raise HistoryUnavailable("this SQLite file is not a history")
    if version > SCHEMA_VERSION:
        raise HistoryUnavailable(
            f"the history has version {version}, this Postroad reads up to {SCHEMA_VERSION}; "
            "install the newer release"
        )
    return version > 0
