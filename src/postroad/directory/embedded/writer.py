"""The few changes that the server itself makes to the embedded directory, off the event loop.

A renewed hash, the last use of an app password. Each is one short transaction in one thread of its
own, over a connection that is opened for it: SQLite's locks keep workers and the command line from
one another, and a reader that meets the lock waits without blocking (`embedded`). Nobody waits for
what is written here, and nobody misses it if it is lost.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from postroad.directory.embedded.schema import is_busy, open_for_update
from postroad.directory.interface import DirectoryUnavailable

__all__ = ["Change", "DirectoryNotWritable", "DirectoryWriter"]

_Result = TypeVar("_Result")

Change = Callable[[sqlite3.Connection], _Result]
"""Statements of one transaction."""


class DirectoryNotWritable(DirectoryUnavailable):
    """The file cannot be changed, now or a moment later: it is read-only, or the disk is full."""


class DirectoryWriter:
    """Makes changes, one after the other.

    Args:
        path: the database file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="directory")

    async def write(self, change: Change[_Result]) -> _Result:
        """Make a change; it is on stable storage afterwards.

        Raises:
            DirectoryNotWritable: the file cannot be written.
            DirectoryUnavailable: it stays locked, or cannot be opened.
        """
        return await asyncio.wrap_future(self.begin(change))

    def begin(self, change: Change[_Result]) -> Future[_Result]:
        """Begin a change without waiting; `close` waits for it."""
        return self._thread.submit(self._write, change)

    def close(self) -> None:
        """Let the changes that were begun end."""
        self._thread.shutdown()

    def _write(self, change: Change[_Result]) -> _Result:
        try:
            with closing(open_for_update(self._path)) as connection, connection:
                connection.execute("BEGIN IMMEDIATE")
                return change(connection)
        except sqlite3.Error as error:
            kind = DirectoryUnavailable if is_busy(error) else DirectoryNotWritable
            raise kind(f"{self._path}: {error}") from error
