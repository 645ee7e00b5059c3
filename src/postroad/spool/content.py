"""The contents of stored messages, wherever they are: in memory, in the database, in a file.

A fresh message is delivered within moments of its commit. Its octets are kept in `Recent` for
that, up to a bound over all messages, so that the usual delivery reads nothing back. Evicting one
costs a read later and nothing else, for the database has it too.

What is read back is compared with the checksum that was stored beside it, and the last piece is
kept back until it is known to be the end of what was stored. So nobody takes a content for complete
that is not, and whoever sends it never reaches its end. CRC-32 finds every burst of up to 32 wrong
bits and lets one in four thousand million other errors pass, at 0.7 µs for 4 KiB; a cryptographic
hash costs four times as much and is worth it only against somebody who can write to the disk, and
to the checksum as well. Whoever keeps the message is told of a content that is damaged.

The database is read through one connection of its own that cannot write: the shard's other
connection is busy while a commit syncs. A row is read in one short statement, so that no reader
keeps the write-ahead log from being reused.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from zlib import crc32

from postroad.spool.errors import ContentDamaged, SpoolError
from postroad.spool.schema import connect_reader
from postroad.spool.soundness import is_damage

__all__ = [
    "MISSING",
    "UNREADABLE",
    "Alarm",
    "FileContent",
    "Reader",
    "Recent",
    "RowContent",
    "difference",
]

Alarm = Callable[[int, str], None]
"""Takes the number of a message whose content is damaged, and what is wrong with it; called from
any thread, and each time that somebody reads it."""

PIECE = 65_536  # octets in one chunk of a row: what a socket takes well at once
FILE_PIECE = 131_072  # of a file, which a thread is asked for each time
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
            ContentDamaged: it is not there (nor is the message, as a rule), or its page is broken.
            SpoolError: the shard is closed, or the database unreadable.
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
                if is_damage(error):
                    raise ContentDamaged(UNREADABLE) from error
                raise SpoolError(f"{self._path}: {error}") from error
        if not row:
            raise ContentDamaged(MISSING)
        octets: bytes = row[0][0]
        return octets

    def close(self) -> None:
        """No content of this shard can be read from the database any more."""
        with self._lock:
            self._closed = True
            if self._connection is not None:
                self._connection.close()
                self._connection = None


MISSING = "its content is not there"
UNREADABLE = "its content is on a broken page of the database"


def _nobody(_: int, __: str) -> None:
    """Whoever reads beside the owner of a shard reports to nobody but its caller."""


@dataclass(frozen=True, slots=True)
class RowContent:
    """A content that is a row. `chunks` raises `SpoolError` once the message was deleted.

    Attributes:
        checksum: CRC-32; `None` where it was stored before there were any.
        alarm: hears of damage.
    """

    number: int
    size: int
    recent: Recent
    reader: Reader
    checksum: int | None = None
    alarm: Alarm = _nobody

    def chunks(self) -> Iterator[bytes]:
        """The octets in order.

        Raises:
            ContentDamaged: they are not what was stored; before the first of them.
        """
        octets = self.recent.get(self.number)
        if octets is None:
            octets = self._read()
        if len(octets) <= PIECE:
            yield octets
            return
        for start in range(0, len(octets), PIECE):
            yield octets[start : start + PIECE]

    def _read(self) -> bytes:
        try:
            octets = self.reader.read(self.number)
        except ContentDamaged as error:
            self.alarm(self.number, str(error))
            raise
        found = (len(octets), crc32(octets))
        wrong = difference(*found, self.size, self.checksum)
        if wrong:
            self.alarm(self.number, wrong)
            raise ContentDamaged(f"message {self.number}: {wrong}")
        return octets


@dataclass(frozen=True, slots=True)
class FileContent:
    """A content that is a file. `chunks` raises `SpoolError` once the message was deleted.

    Attributes:
        number: the message's.
        checksum: CRC-32; `None` where it was stored before there were any.
        alarm: hears of damage.
    """

    path: Path
    size: int
    number: int = 0
    checksum: int | None = None
    alarm: Alarm = _nobody

    def chunks(self) -> Iterator[bytes]:
        """The octets in order.

        Raises:
            ContentDamaged: they are not what was stored; in place of the last piece.
        """
        seen, checksum, held = 0, 0, b""
        try:
            with self.path.open("rb") as file:
                while piece := file.read(FILE_PIECE):
                    seen += len(piece)
                    checksum = crc32(piece, checksum)
                    if held:
                        yield held
                    held = piece
        except FileNotFoundError:
            self._fail(MISSING)
        except OSError as error:
            raise SpoolError(f"{self.path}: {error.strerror}") from error
        wrong = difference(seen, checksum, self.size, self.checksum)
        if wrong:
            self._fail(wrong)
        if held:
            yield held

    def _fail(self, wrong: str) -> NoReturn:
        self.alarm(self.number, wrong)
        raise ContentDamaged(f"{self.path}: {wrong}")


def difference(size: int, checksum: int, stored_size: int, stored: int | None) -> str:
    """What is wrong with a content that was read back; empty for nothing.

    Args:
        size: octets that were read.
        checksum: of them.
        stored_size: octets that were stored.
        stored: the checksum of these; `None` where it is not known.
    """
    if size != stored_size:
        return f"its content has {size} octets instead of {stored_size}"
    if stored is not None and checksum != stored:
        return "its content does not match its checksum"
    return ""
