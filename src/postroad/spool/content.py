"""The contents of stored messages, wherever they are: in memory, in the database, in a file.

A fresh message is delivered within moments of its commit. Its octets are kept in `Recent` for
that, up to a bound over all messages, so that the usual delivery reads nothing back. Evicting one
costs a read later and nothing else, for the database has it too.

The database is read through one connection of its own that cannot write: the shard's other
connection is busy while a commit syncs. A row is read in one short statement, so that no reader
keeps the write-ahead log from being reused.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from postroad.spool.errors import SpoolError
from postroad.spool.schema import connect_reader

__all__ = ["FileContent", "Reader", "Recent", "RowContent"]

PIECE = 65_536  # octets in one chunk: what a socket or a file takes well at once
RESIDENT = 64 * 1024 * 1024  # octets of fresh contents kept in memory, all messages together


class Recent:
    """Fresh contents by message number; the oldest leave when the bound is reached."""

    def __init__(self, bound: int = RESIDENT) -> None:
        self._bound = bound
        self._size = 0
        self._contents: OrderedDict[int, bytes] = OrderedDict()

    def put(self, number: int, octets: bytes) -> None:
        """Keep a content for as long as there is room."""
        self._contents[number] = octets
        self._size += len(octets)
        while self._size > self._bound:
            _, oldest = self._contents.popitem(last=False)
            self._size -= len(oldest)

    def get(self, number: int) -> bytes | None:
        """The content, if it is still kept. May be called from any thread."""
        return self._contents.get(number)

    def drop(self, number: int) -> None:
        """The message is gone."""
        octets = self._contents.pop(number, None)
        if octets is not None:
            self._size -= len(octets)


class Reader:
    """Reads contents from the database; from any thread, one at a time.

    Args:
        path: the shard's database.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._closed = False

    def read(self, number: int) -> bytes:
        """The content of message `number`.

        Raises:
            SpoolError: the message is gone, the shard is closed, or the database unreadable.
        """
        with self._lock:
            if self._closed:
                raise SpoolError(f"{self._path}: closed")
            if self._connection is None:
                self._connection = connect_reader(self._path)
            try:
                row = self._connection.execute(
                    "SELECT octets FROM content WHERE message = ?", (number,)
                ).fetchall()
            except sqlite3.Error as error:
                raise SpoolError(f"{self._path}: {error}") from error
        if not row:
            raise SpoolError(f"{self._path}: message {number} is not there any more")
        octets: bytes = row[0][0]
        return octets

    def close(self) -> None:
        """No content of this shard can be read from the database any more."""
        with self._lock:
            self._closed = True
            if self._connection is not None:
                self._connection.close()
                self._connection = None


@dataclass(frozen=True, slots=True)
class RowContent:
    """A content that is a row. `chunks` raises `SpoolError` once the message was deleted."""

    number: int
    size: int
    recent: Recent
    reader: Reader

    def chunks(self) -> Iterator[bytes]:
        """The octets in order."""
        octets = self.recent.get(self.number)
        if octets is None:
            octets = self.reader.read(self.number)
        if len(octets) <= PIECE:
            yield octets
            return
        for start in range(0, len(octets), PIECE):
            yield octets[start : start + PIECE]


@dataclass(frozen=True, slots=True)
class FileContent:
    """A content that is a file. `chunks` raises `SpoolError` once the message was deleted."""

    path: Path
    size: int

    def chunks(self) -> Iterator[bytes]:
        """The octets in order."""
        try:
            with self.path.open("rb") as file:
                while piece := file.read(PIECE):
                    yield piece
        except OSError as error:
            raise SpoolError(f"{self.path}: {error.strerror}") from error
