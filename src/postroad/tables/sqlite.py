"""`sqlite:`, a database in a file (sqlite_table(5)).

SQLite has no server; what is slow is slow in our process, so a query runs in a thread, one at a
time for each table, and is given up when it takes too long. The file is opened for reading only:
a look-up changes nothing, whatever its query says. Before each query the path is looked at: a
database that another one took the place of (`mv new.db live.db`) would answer for ever.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from urllib.parse import quote

from postroad.tables.kept import Bounds
from postroad.tables.sql import Answer, Row
from postroad.tables.statement import Statement
from postroad.tables.table import TableUnavailable

__all__ = ["SqliteDatabase"]

BUSY_TIMEOUT = 2.0
"""Seconds to wait for somebody who writes."""

MAX_LENGTH = 2**20
"""Octets of a value or row: no answer to a look-up is nearly so long, and a longer one fails."""

ASK_EVERY = 10_000
"""Steps of a query between two looks at whether anybody still waits; some tenths of a ms."""


class SqliteDatabase:
    """A file; implements `Database`.

    Args:
        path: of the file.
        bounds: the time limits.
    """

    def __init__(self, path: Path, bounds: Bounds) -> None:
        self._path = path
        self._bounds = bounds
        self._connection: sqlite3.Connection | None = None
        self._opened = (0, 0)
        self._turn = asyncio.Lock()
        self._given_up = threading.Event()

    async def rows(self, statement: Statement, key: str, most: int) -> Sequence[Row]:
        """The rows of an answer.

        Raises:
            TableUnavailable: the file cannot be read, or not in time.
        """
        return (await self.answer(statement, key, most)).rows

    async def answer(self, statement: Statement, key: str, most: int) -> Answer:
        """See `Database.answer`; the errors are those of `rows`."""
        text = statement.marked(("?",) * len(statement.places))
        ask = partial(self._ask, text, statement.parameters(key), most)
        try:
            async with asyncio.timeout(self._bounds.answer), self._turn:
                return await self._in_thread(ask)
        except TimeoutError as error:
            raise TableUnavailable(f"no answer in {self._bounds.answer:g} seconds") from error
        except (sqlite3.Error, sqlite3.Warning, UnicodeError) as error:
            self._drop()  # the file may have been written over by another one
            raise TableUnavailable(f"{self._path}: {error}") from error

    async def close(self) -> None:
        """Close the file, after the query that is running."""
        async with self._turn:
            self._drop()

    async def _in_thread(self, ask: Callable[[], Answer]) -> Answer:
        self._given_up.clear()
        running = asyncio.ensure_future(asyncio.to_thread(ask))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            # The thread cannot be cancelled, but its query can, also one that has not begun yet;
            # the connection is free after that.
            self._given_up.set()
            with contextlib.suppress(sqlite3.Error, sqlite3.Warning, UnicodeError):
                await running
            raise

    def _ask(self, text: str, parameters: Sequence[str], most: int) -> Answer:
        found = _identity(self._path)
        if self._connection is not None and found != self._opened:
            self._drop()
        if self._connection is None:
            self._connection, self._opened = self._open(), found
        with contextlib.closing(self._connection.execute(text, parameters)) as cursor:
            columns = tuple(str(column[0]) for column in cursor.description or ())
            return Answer(columns, [[_shown(x) for x in row] for row in cursor.fetchmany(most)])

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"file:{quote(str(self._path))}?mode=ro",
            uri=True,
            timeout=BUSY_TIMEOUT,
            isolation_level=None,
            check_same_thread=False,
        )
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_LENGTH)
        connection.set_progress_handler(self._given_up.is_set, ASK_EVERY)
        connection.execute("PRAGMA query_only = ON")  # also for databases that a query attaches
        return connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _identity(path: Path) -> tuple[int, int]:
    """Which file a path leads to: its device and inode; zeros for none."""
    try:
        about = path.stat()
    except OSError:
        return 0, 0
    return about.st_dev, about.st_ino


def _shown(value: object) -> str | None:
    if isinstance(value, bytes):
        return value.decode()
    return None if value is None else str(value)
