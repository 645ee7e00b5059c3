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
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from postroad.model.durable import Durable, Operation
from postroad.spool.bodies import Bodies
from postroad.spool.errors import DatabaseDamaged, ShardBusy, SpoolError
from postroad.spool.quarantine import sync_directory
from postroad.spool.recovery import Recovered, recover
from postroad.spool.salvage import Salvaged, Salvor
from postroad.spool.schema import connect_writer
from postroad.spool.shrinking import shrink
from postroad.spool.soundness import is_damage

__all__ = [
    "BODIES",
    "DATABASE",
    "Opened",
    "commit",
    "findings",
    "identity_of",
    "open_in_thread",
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
    salvaged: Salvaged | None = None

    def close(self) -> None:
        """Give it up again."""
        self.connection.close()
        os.close(self.lock)


async def open_in_thread(directory: Path, number: int, durable: Durable) -> Opened:
    """See `open_directory`. What is opened for a caller who was cancelled is closed again."""
    work = asyncio.get_running_loop().run_in_executor(
        None, open_directory, directory, number, durable
    )
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        work.add_done_callback(_close_unwanted)
        raise


def _close_unwanted(work: asyncio.Future[Opened]) -> None:
    """Whoever asked for it is gone."""
    if not work.cancelled() and work.exception() is None:
        work.result().close()


def open_directory(directory: Path, number: int, durable: Durable) -> Opened:
    """Open a shard's directory, and put right what a crash left.

    Raises:
        ShardBusy: another process has it open.
        SpoolError: it cannot be used.
    """
    try:
        _make(directory, durable)
        is_ours = (directory / LOCK).exists()
        lock = _lock(directory)
    except OSError as error:
        raise SpoolError(f"{directory}: {error.strerror}") from error
    connection = None
    try:
        _make(directory / BODIES, durable)
        bodies = Bodies(directory / BODIES, durable)
        salvor = Salvor(directory / DATABASE, number, durable)
        connection, salvaged = _open_database(directory, salvor, durable, is_ours=is_ours)
        try:
            recovered = recover(
                connection, bodies, number, directory / DATABASE, durable, keep=salvaged is not None
            )
        except sqlite3.Error as error:  # it was closed, and yet is broken
            if not is_damage(error):
                raise
            salvor.begin(str(error))
            connection.close()
            salvaged = salvor.finish()
            connection = connect_writer(directory / DATABASE, durable)
            recovered = recover(
                connection, bodies, number, directory / DATABASE, durable, keep=True
            )
        shrink(connection, directory / DATABASE, durable)
        durable.perform(Operation.SYNC_DIRECTORY, directory, lambda: sync_directory(directory))
        _sign(lock, directory / LOCK, number, durable)
    except BaseException as error:
        if connection is not None:
            connection.close()
        os.close(lock)
        if isinstance(error, OSError | sqlite3.Error):
            raise SpoolError(f"{directory}: {error}") from error
        raise
    return Opened(lock, connection, bodies, recovered, salvaged)


def _open_database(
    directory: Path, salvor: Salvor, durable: Durable, *, is_ours: bool
) -> tuple[sqlite3.Connection, Salvaged | None]:
    """Open the database, or what can be saved of it.

    Where the directory was not used before (`is_ours`), something broken in it is no spool of ours.
    """
    database = directory / DATABASE
    if not salvor.is_due:
        wrong = _vanished(directory)
        if wrong:
            salvor.begin(wrong)
        else:
            is_new = not (directory / LOCK).stat().st_size
            rescue = salvor.begin if is_ours else _leave
            try:
                return connect_writer(database, durable, is_new=is_new, rescue=rescue), None
            except DatabaseDamaged:
                if not is_ours:
                    raise
    salvaged = salvor.finish()
    return connect_writer(database, durable), salvaged


def _leave(_: str) -> None:
    """What is broken and was never ours is not ours to save."""


def _vanished(directory: Path) -> str:
    """Whether a database that was there once is not; in words, or empty."""
    database, lock = directory / DATABASE, directory / LOCK
    if database.exists() and database.stat().st_size:
        return ""
    log = database.with_name(f"{DATABASE}-wal")
    if not lock.stat().st_size and not (log.exists() and log.stat().st_size):
        return ""
    return f"{DATABASE} is {'empty' if database.exists() else 'gone'}"


def _sign(lock: int, path: Path, number: int, durable: Durable) -> None:
    """Say in the lock file that there is a database, so that nobody takes its loss for a start."""
    text = f"shard {number}\n".encode()
    if os.pread(lock, len(text) + 1, 0) == text:
        return
    durable.perform(Operation.WRITE, path, lambda: os.pwrite(lock, text, 0))
    durable.perform(Operation.SYNC_FILE, path, lambda: os.fsync(lock))


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


def _make(directory: Path, durable: Durable) -> None:
    """A directory that is there after a crash, too."""
    if directory.is_dir():
        return
    _make(directory.parent, durable)
    durable.perform(Operation.CREATE, directory, lambda: directory.mkdir(mode=0o700, exist_ok=True))
    parent = directory.parent
    durable.perform(Operation.SYNC_DIRECTORY, parent, lambda: sync_directory(parent))


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


def findings(opened: Opened) -> Iterator[str]:
    """What was found damaged, a line for each thing."""
    if opened.salvaged is not None:
        yield str(opened.salvaged)
    for path in opened.recovered.orphans:
        yield f"{path} is the content of a message that was lost with the database"
    for queue_id, wrong in opened.recovered.damaged.items():
        yield f"{queue_id}: damaged: {wrong}; it is on hold, and not delivered"
