"""The directory's SQLite file: its tables, its version and how it is opened.

Several processes open this file: each worker to read, the command line to write. It therefore
uses the rollback journal and not write-ahead logging (SQLite before 3.51.3 can corrupt a WAL
that two connections check-point at once); a reader sees a change as soon as it is committed.
What the rows mean is the business of `embedded` and `editor`.

A file of an earlier release is brought up to date, in place and in one transaction, by whoever
opens it first for a change; the server does so when it starts. What an older release wrote into it
still means the same.

Names are stored in the form of `names`: the text of an address with lower-case local part and
A-label domain. A catch-all alias has the source `@domain`.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

from postroad.directory.embedded.schema_steps import STEPS
from postroad.directory.interface import DirectoryUnavailable
from postroad.limits.whole_file import give_away, sync_folder

__all__ = [
    "SCHEMA_VERSION",
    "SchemaTooNew",
    "SchemaTooOld",
    "is_busy",
    "open_for_change",
    "open_for_reading",
    "open_for_update",
]

SCHEMA_VERSION = 4
APPLICATION_ID = 0x50527344  # "PRsD", so that `file` and a wrong path are told apart
CHANGE_TIMEOUT = 10.0  # seconds the editor waits for another editor


class SchemaTooNew(DirectoryUnavailable):
    """The file was written by a later release of Postroad than this one."""


class SchemaTooOld(DirectoryUnavailable):
    """The file was written by an earlier release; opening it for a change brings it up to date."""


def open_for_reading(path: Path) -> sqlite3.Connection:
    """A connection for look-ups on the event loop; it never waits for a lock.

    The connection belongs to the calling thread and must not be carried across a fork. It may
    write only to finish what an interrupted writer left in the journal.

    Raises:
        DirectoryUnavailable: the file is missing, unreadable or not a directory database.
        SchemaTooNew: it comes from a later release.
        SchemaTooOld: it comes from an earlier one.
    """
    if not path.exists():
        raise DirectoryUnavailable(
            f"{path}: the directory database does not exist; postroad user add makes it"
        )
    return _open(path, 0.0, _prepare_reading)


def open_for_change(path: Path) -> sqlite3.Connection:
    """A connection for the editor; the file is created, readable by its owner alone, if absent.

    Run by root, a new file gets the owner of the folder it lies in, so that the server can read
    it after it gave up root's rights.

    Raises:
        DirectoryUnavailable: the file cannot be created or opened, or is locked for long.
        SchemaTooNew: it comes from a later release.
    """
    try:
        _create_file(path)
    except OSError as error:
        raise DirectoryUnavailable(f"{path}: {error.strerror}") from error
    return _open(path, CHANGE_TIMEOUT, _prepare_change)


def open_for_update(path: Path) -> sqlite3.Connection:
    """A connection for the short changes that the server makes; it makes no file.

    Safe beside other connections of this process: SQLite's locks on a file are the process's own
    and would go with any descriptor of it that is closed, so that only SQLite may open one.

    Raises:
        DirectoryUnavailable: the file is missing or cannot be opened.
        SchemaTooNew: it comes from a later release.
    """
    return _open(path, CHANGE_TIMEOUT, _prepare_change)


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another connection holds the file, which passes."""
    # The low octet of an extended result code is the plain one.
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
    )


def _open(
    path: Path, timeout: float, prepare: Callable[[sqlite3.Connection], None]
) -> sqlite3.Connection:
    try:
        # Every statement is its own transaction unless BEGIN says otherwise (isolation_level).
        # The file is not made here: `_create_file` does, with its rights.
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=timeout, isolation_level=None
        )
    except sqlite3.Error as error:
        raise DirectoryUnavailable(f"{path}: {error}") from error
    try:
        prepare(connection)
    except sqlite3.Error as error:
        connection.close()
        raise DirectoryUnavailable(f"{path}: {error}") from error
    except DirectoryUnavailable as error:
        connection.close()
        raise type(error)(f"{path}: {error}") from None
    return connection


def _prepare_reading(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA query_only = ON")
    version = _version(connection)
    if version == 0:
        raise DirectoryUnavailable("the file is empty, not a directory database")
    if version < SCHEMA_VERSION:
        raise SchemaTooOld(
            "the directory database is of an earlier release; `postroad user list` brings it up "
            "to date"
        )


def _prepare_change(connection: sqlite3.Connection) -> None:
    # EXTRA is FULL, and syncs the folder after the journal went: a change that was reported is
    # not undone by a power cut.
    connection.execute("PRAGMA synchronous = EXTRA")
    _bring_up_to_date(connection)


def _version(connection: sqlite3.Connection) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    owner = int(connection.execute("PRAGMA application_id").fetchone()[0])
    if owner != (APPLICATION_ID if version else 0):
        raise DirectoryUnavailable("this SQLite file is not a directory database")
    if version > SCHEMA_VERSION:
        raise SchemaTooNew(
            f"the directory database has version {version}, this Postroad reads up to "
            f"{SCHEMA_VERSION}; install the newer release"
        )
    return version


def _bring_up_to_date(connection: sqlite3.Connection) -> None:
    """Make the tables, or those that an earlier release did not have; all of it or nothing."""
    version = _version(connection)
    if version == SCHEMA_VERSION:
        return
    script = "".join(STEPS[version:])
    try:
        connection.executescript(
            f"BEGIN IMMEDIATE; {script} PRAGMA application_id = {APPLICATION_ID}; "
            f"PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
        )
    except sqlite3.OperationalError:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        if _version(connection) != SCHEMA_VERSION:  # not done by another process meanwhile
            raise


def _create_file(path: Path) -> None:
    """Make the empty file with its rights, and its name durable.

    The descriptor is closed before SQLite opens the file: closing it later would drop SQLite's
    POSIX locks.
    """
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
    except FileExistsError:
        return
    try:
        os.fchmod(descriptor, 0o600)
        give_away(descriptor, path.parent)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    sync_folder(path.parent)
