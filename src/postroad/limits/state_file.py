"""SQLite files in the state directory that all workers share: how they are opened and written to.

Theory of operation. Such a file uses the rollback journal: two writers are safe with any SQLite
then (the write-ahead log of releases before 3.51.3 is not). A `Keeper` is one worker's hand on a
file. It has a thread, which takes everything that was asked of it meanwhile and does it within one
transaction, so that a crowd of questions costs one sync, and whoever asked is answered when that
is on the disk. Questions and changes are the same thing: a function from the connection to an
answer. A transaction that begins has the only right to write, so that a function that reads and
then writes is safe from the other workers. A question that fails takes nobody with it: all is
taken back, and the others are asked again without it.

What is kept here can be lost without losing mail. A file that is damaged is put aside, and a new
one begun; one that somebody removed is made anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Generic, Protocol, TypeVar

__all__ = ["PATIENCE", "Keeper", "Keeping", "Shape", "StateUnavailable", "open_file"]

PATIENCE = 5.0
"""Seconds a writer waits for another one."""

MOST_WAITING = 10_000
"""Questions that wait for a slow disk; some 5 MB. Who comes after them gets no answer."""

AT_ONCE = 500
"""Questions of one transaction: a few milliseconds, for which other workers wait."""

_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})

_Answer = TypeVar("_Answer")
_Asked_co = TypeVar("_Asked_co", covariant=True)


class StateUnavailable(Exception):
    """The file cannot be opened, read or written; the message says why."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What is in a file of some kind.

    Attributes:
        noun: what it is a database of, for error messages.
        application_id: tells its files from all others.
        version: of its tables; files of later ones are refused.
        tables: the statements that make them in an empty file.
        error: what is raised when it cannot be used.
    """

    noun: str
    application_id: int
    version: int
    tables: str
    error: type[StateUnavailable]


def open_file(path: Path, shape: Shape, *, patience: float = PATIENCE) -> sqlite3.Connection:
    """A connection, for the calling thread only; the file is made, for its owner alone, if absent.

    Args:
        path: the file; its folder must exist.
        shape: what should be in it.
        patience: seconds to wait for another writer, once it is open.

    Raises:
        StateUnavailable: as the shape's error; it cannot be made or opened, or is no such file of
            this release.
    """
    try:
        _create(path)
        connection = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)
    except OSError as error:
        raise shape.error(f"{path}: {(error.strerror or '').lower()}") from error
    except sqlite3.Error as error:
        raise shape.error(f"{path}: {error}") from error
    try:
        _prepare(connection, shape)
        connection.execute(f"PRAGMA busy_timeout = {patience * 1000:.0f}")
    except sqlite3.Error as error:
        connection.close()
        raise shape.error(f"{path}: {error}") from error
    except StateUnavailable as error:
        connection.close()
        raise shape.error(f"{path}: {error}") from None
    return connection


def _create(path: Path) -> None:
    """Make the empty file with its rights. One that is there is not touched.

    Opening and closing that would drop the locks that SQLite holds on it for another connection
    of this process.
    """
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))


def _prepare(connection: sqlite3.Connection, shape: Shape) -> None:
    if not _is_empty(connection, shape):
        return
    statements = (
        f"BEGIN IMMEDIATE; {shape.tables} PRAGMA application_id = {shape.application_id};"
        f" PRAGMA user_version = {shape.version}; COMMIT;"
    )
    try:
        connection.executescript(statements)
    except sqlite3.OperationalError:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        if _is_empty(connection, shape):  # not made by somebody else meanwhile
            raise


def _is_empty(connection: sqlite3.Connection, shape: Shape) -> bool:
    connection.execute("BEGIN")  # another worker may be making it: both numbers, or neither
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    owner = int(connection.execute("PRAGMA application_id").fetchone()[0])
    connection.execute("COMMIT")
    if owner != (shape.application_id if version else 0):
        raise shape.error(f"this SQLite file is not a database of {shape.noun}")
    if version > shape.version:
        raise shape.error(
            f"the database of {shape.noun} has version {version}, this Postroad reads up to "
            f"{shape.version}; install the newer release"
        )
    return version == 0


class Keeping(Protocol):
    """Who asks a file."""

    async def ask(self, question: Callable[[sqlite3.Connection], _Answer]) -> _Answer:
        """What a function of the connection returns, once what it wrote is on the disk.

        Args:
            question: runs within a transaction that may write, in another thread. It may run more
                than once, the last time for good.

        Raises:
            StateUnavailable: nothing was written.
        """
        ...


class _Asked(Generic[_Asked_co]):
    """A question, and who waits for its answer."""

    __slots__ = ("_answer", "_error", "_future", "_question", "is_to_blame")

    def __init__(
        self,
        question: Callable[[sqlite3.Connection], _Asked_co],
        future: asyncio.Future[_Asked_co],
    ) -> None:
        self._question = question
        self._future = future
        self._answer: _Asked_co
        self._error: Exception | None = None
        self.is_to_blame = False

    def run(self, connection: sqlite3.Connection) -> None:
        self.is_to_blame = True
        self._answer = self._question(connection)
        self.is_to_blame = False

    def fail(self, error: Exception) -> None:
        self._error = error

    def tell(self) -> None:
        """In the event loop: who waits may have gone."""
        if self._future.done():
            return
        if self._error is not None:
            self._future.set_exception(self._error)
        else:
            self._future.set_result(self._answer)


class Keeper:
    """Implements `Keeping` by a thread of its own. Belongs to one event loop."""

    def __init__(self, path: Path, shape: Shape, complain: Callable[[str], None]) -> None:
        """Nothing is opened, and no file made, before the first question.

        Args:
            path: the file.
            shape: what is in it.
            complain: told, in the keeper's thread, of a file that had to be put aside.
        """
        self._path = path
        self._shape = shape
        self._complain = complain
        self._thread: ThreadPoolExecutor | None = None
        self._lock = Lock()
        self._waiting: list[_Asked[object]] = []
        self._is_working = False
        self._connection: sqlite3.Connection | None = None
        self._inode = 0

    async def ask(self, question: Callable[[sqlite3.Connection], _Answer]) -> _Answer:
        """See `Keeping.ask`."""
        loop = asyncio.get_running_loop()
        if self._thread is None:
            name = self._path.stem
            self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        future: asyncio.Future[_Answer] = loop.create_future()
        with self._lock:
            if len(self._waiting) >= MOST_WAITING:
                raise self._shape.error(f"{self._path}: {MOST_WAITING} questions wait already")
            self._waiting.append(_Asked(question, future))  # type: ignore[arg-type]
            begin = not self._is_working
            self._is_working = True
        if begin:
            self._thread.submit(self._work, loop)
        return await future

    def close(self) -> None:
        """Answer what was asked, and close the file."""
        if self._thread is not None:
            self._thread.submit(self._forget)
            self._thread.shutdown()

    # In the thread -------------------------------------------------------------------------------

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        while True:
            with self._lock:
                asked = self._waiting[:AT_ONCE]
                del self._waiting[:AT_ONCE]
                if not asked:
                    self._is_working = False
                    return
            self._answer_or_fail(asked)
            with contextlib.suppress(RuntimeError):  # the loop is gone, and all who waited
                loop.call_soon_threadsafe(_tell, asked)

    def _answer_or_fail(self, asked: list[_Asked[object]]) -> None:
        """Run all; without the one that failed where one did, none where the file is to blame."""
        while asked:
            try:
                self._answer(asked)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is theirs who asked
                failed = [each for each in asked if each.is_to_blame] or asked
                for each in failed:
                    each.fail(error)
                asked = [each for each in asked if each not in failed]
            else:
                return

    def _answer(self, asked: list[_Asked[object]]) -> None:
        """Run all as one transaction.

        Raises:
            StateUnavailable: nothing was written.
        """
        try:
            self._run(asked)
        except (sqlite3.Error, UnicodeError) as error:  # no text that SQLite could keep
            if not _is_damage(error):
                raise self._shape.error(f"{self._path}: {error}") from error
        except StateUnavailable as error:
            if not _is_damage(error.__cause__):
                raise
        else:
            return
        for each in asked:
            each.is_to_blame = False
        self._mend()
        try:
            self._run(asked)
        except (sqlite3.Error, UnicodeError) as error:
            raise self._shape.error(f"{self._path}: {error}") from error

    def _run(self, asked: list[_Asked[object]]) -> None:
        connection = self._opened()
        with connection:  # commits, or rolls back on any exception
            connection.execute("BEGIN IMMEDIATE")
            for each in asked:
                each.run(connection)

    def _opened(self) -> sqlite3.Connection:
        if self._connection is not None and _inode(self._path) == self._inode:
            return self._connection
        self._forget()
        self._connection = open_file(self._path, self._shape)
        # What a power cut may take is a second's memory; the file stays sound.
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._inode = _inode(self._path)
        return self._connection

    def _forget(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _mend(self) -> None:
        """Put a damaged file aside, unless another worker has done so."""
        self._forget()
        try:
            connection = open_file(self._path, self._shape)
        except StateUnavailable as error:
            if not _is_damage(error.__cause__):
                raise
        else:
            try:
                sound = connection.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok"
            except sqlite3.Error:
                sound = False
            connection.close()
            if sound:
                return
        aside = self._path.with_name(f"{self._path.name}.damaged-{time.time():.0f}")
        with contextlib.suppress(OSError):
            os.unlink(f"{self._path}-journal")  # it must not be played back into the new file
        try:
            self._path.rename(aside)
        except OSError as error:
            raise self._shape.error(f"{self._path}: {(error.strerror or '').lower()}") from error
        self._complain(f"{self._path} was damaged: it is {aside.name} now, and a new one begins")


def _tell(asked: list[_Asked[object]]) -> None:
    for each in asked:
        each.tell()


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except OSError:
        return 0


def _is_damage(error: BaseException | None) -> bool:
    """Whether SQLite says that the file is none of its own; our own mistakes have no such code."""
    return isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", 0) in _DAMAGE
