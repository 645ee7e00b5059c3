"""The directory of a shard: made, locked, opened and put right; and where its commits go.

All of it waits for the disk, so it runs in a thread. It knows files and the database, and nothing
of messages. A second process is kept out by a lock that ends with ours.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from postroad.spool.bodies import Bodies, sync_directory
from postroad.spool.durable import Durable, Operation
from postroad.spool.errors import ShardBusy, SpoolError
from postroad.spool.recovery import Recovered, recover
from postroad.spool.schema import connect_writer

__all__ = [
    "BODIES",
    "DATABASE",
    "Opened",
    "close_unwanted",
    "commit",
    "identity_of",
    "open_directory",
]

LOCK = "lock"
DATABASE = "spool.db"
BODIES = "bodies"


@dataclass(frozen=True, slots=True)
class Opened:
    """What opening a directory brings."""

    lock: int
    connection: sqlite3.Connection
    bodies: Bodies
    recovered: Recovered

    def close(self) -> None:
        """Give it up again."""
        self.connection.close()
        os.close(self.lock)


def open_directory(directory: Path, number: int, durable: Durable) -> Opened:
    """Open a shard's directory, and put right what a crash left.

    Raises:
        ShardBusy: another process has it open.
        SpoolError: it cannot be used.
    """
    try:
        _make(directory)
        lock = _lock(directory)
    except OSError as error:
        raise SpoolError(f"{directory}: {error.strerror}") from error
    connection = None
    try:
        _make(directory / BODIES)
        connection = connect_writer(directory / DATABASE)
        bodies = Bodies(directory / BODIES, durable)
        recovered = recover(connection, bodies, number)
        sync_directory(directory)
    except BaseException as error:
        if connection is not None:
            connection.close()
        os.close(lock)
        if isinstance(error, OSError | sqlite3.Error):
            raise SpoolError(f"{directory}: {error}") from error
        raise
    return Opened(lock, connection, bodies, recovered)


def commit(
    durable: Durable, database: Path, identity: tuple[int, int], connection: sqlite3.Connection
) -> None:
    """Commit, unless nobody would find the message again: its file was removed or replaced."""
    if identity_of(database) != identity:
        raise OSError(errno.ESTALE, f"{database} is another file than the one that was opened")
    durable.perform(Operation.COMMIT, database, connection.commit)


def identity_of(database: Path) -> tuple[int, int]:
    """What tells a file from another one of the same name."""
    status = database.stat()
    return status.st_dev, status.st_ino


def _make(directory: Path) -> None:
    """A directory that is there after a crash, too."""
    if not directory.is_dir():
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        sync_directory(directory.parent)


def _lock(directory: Path) -> int:
    """Hold the directory for this process (flock, released when the process ends)."""
    descriptor = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise ShardBusy(f"{directory}: another process has it open") from None
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def close_unwanted(opened: asyncio.Future[Opened]) -> None:
    """Whoever asked for it is gone."""
    if not opened.cancelled() and opened.exception() is None:
        opened.result().close()
