"""A broken database taken out of the way, and everything readable in it brought into a new one.

Theory of operation. The files as they were found get second names in `quarantine/database-N`; from
here on nothing that was there can be lost. A note (`salvage`) names that place until the new
database is in use, so that a crash on the way begins the work anew from the same files.

What is read is an image of the database (`image`). Its rows go into the new one as they are. Then
what belongs together is joined again: a message whose content is gone, or that nobody receives any
more, is marked as damaged. Contents and recipients whose message is gone have no sender and cannot
be delivered; they are written to files beside the broken database, with a report.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from zlib import crc32

from postroad.model.durable import Durable, Operation
from postroad.spool.content import difference
from postroad.spool.damage import condemn
from postroad.spool.image import Image, make_image
from postroad.spool.quarantine import Quarantine, sync_directory
from postroad.spool.schema import STEPS, VERSION

__all__ = ["Salvaged", "Salvor"]

NOTE = "salvage"
IMAGE = "salvage.image"
FRESH = "salvage.new"
REPORT = "report.txt"
PARTS = ("", "-wal", "-shm")  # of a database, by the ends of their names
TABLES = {"message": "id", "content": "message", "recipient": "id"}  # with their keys
RESERVE = 60_000_000
"""Message numbers that may have been given beyond the largest that is found: a minute of them."""

CONTENT_LOST = "its content was lost with a broken database"
RECIPIENTS_LOST = "its recipients were lost with a broken database"

NO_CONTENT = (
    "SELECT id FROM message WHERE NOT filed AND NOT EXISTS"
    " (SELECT 1 FROM content WHERE content.message = message.id)"
)
NO_RECIPIENT = (
    "SELECT id FROM message WHERE NOT EXISTS"
    " (SELECT 1 FROM recipient WHERE recipient.message = message.id)"
)
WITH_CONTENT = (
    "SELECT id, size, checksum, octets FROM message JOIN content ON content.message = message.id"
)
NO_MESSAGE = "FROM {} AS part WHERE message NOT IN (SELECT id FROM message)"


@dataclass(slots=True)
class Salvaged:
    """What became of a broken database.

    Attributes:
        reason: what was wrong with it.
        place: where it is now.
        messages, recipients: brought into the new one.
        damaged: of these messages, how many cannot be delivered as they are.
        orphans: contents and recipients whose message is lost.
        gaps: places where something could not be read.
    """

    reason: str
    place: Path
    messages: int = 0
    recipients: int = 0
    damaged: int = 0
    orphans: int = 0
    gaps: int = 0

    def __str__(self) -> str:
        return (
            f"the database was broken ({self.reason}): {self.messages} messages with"
            f" {self.recipients} recipients were saved, {self.damaged} of them damaged;"
            f" {self.gaps} places could not be read, {self.orphans} contents and recipients have"
            f" no message any more; everything as it was found is in {self.place}"
        )


class Salvor:
    """Saves the database of one shard.

    Args:
        database: the path of it.
        number: the shard's.
        durable: the gate for every step.
    """

    def __init__(self, database: Path, number: int, durable: Durable) -> None:
        self._database = database
        self._number = number
        self._durable = durable
        self._shard = database.parent
        self._note = self._shard / NOTE
        self._quarantine = Quarantine(self._shard, durable)

    @property
    def is_due(self) -> bool:
        """Whether a salvage was begun and not ended."""
        return self._note.exists()

    def begin(self, reason: str) -> None:
        """Put the database where nothing can happen to it, and note that it is to be replaced.

        Raises:
            OSError: that was not possible; nothing has changed for the database.
        """
        place = self._quarantine.new_place()
        for end in PARTS:
            path = self._database.with_name(self._database.name + end)
            with contextlib.suppress(FileNotFoundError):
                link = partial(os.link, path, place / path.name)
                self._durable.perform(Operation.LINK, path, link)
        self._sync(place)
        self._write(self._note, f"{place.name}\n{' '.join(reason.split())}\n")

    def finish(self) -> Salvaged:
        """Make the new database and put it in place of the broken one; again, after a crash.

        Raises:
            OSError: there is no room for it, as a rule.
            sqlite3.Error: it cannot be written.
        """
        name, _, reason = self._note.read_text().partition("\n")
        salvaged = Salvaged(reason.strip(), self._quarantine.directory / name)
        image, fresh = self._shard / IMAGE, self._shard / FRESH
        self._remove(image, fresh)
        make_image(salvaged.place / self._database.name, image)
        with contextlib.closing(Image(image)) as source:
            self._fill(fresh, source, salvaged)
        self._perform(Operation.SYNC_FILE, fresh, partial(_sync_file, fresh))
        self._report(salvaged)
        # The old log first: what is in it must not be taken for the new database's.
        self._remove(*(self._database.with_name(self._database.name + end) for end in PARTS))
        self._sync(self._shard)
        self._perform(Operation.RENAME, fresh, partial(fresh.rename, self._database))
        self._sync(self._shard)
        self._remove(self._note, image)
        self._sync(self._shard)
        return salvaged

    def _fill(self, fresh: Path, source: Image, salvaged: Salvaged) -> None:
        descriptor = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
        os.close(descriptor)
        with contextlib.closing(sqlite3.connect(fresh, isolation_level=None)) as connection:
            # Until it is renamed nobody needs it, so it needs no journal and no syncs.
            connection.execute("PRAGMA journal_mode = OFF")
            connection.execute("PRAGMA synchronous = OFF")
            connection.executescript(f"{''.join(STEPS)} PRAGMA user_version = {VERSION};")
            connection.execute("BEGIN")
            for table in TABLES:
                salvaged.gaps += _copy(source, connection, table)
            self._join(connection, salvaged)
            self._mark(source, connection)
            self._perform(Operation.WRITE, fresh, connection.commit)

    def _join(self, connection: sqlite3.Connection, salvaged: Salvaged) -> None:
        wrong = {number: CONTENT_LOST for (number,) in connection.execute(NO_CONTENT)}
        for number, size, checksum, octets in connection.execute(WITH_CONTENT):
            words = difference(len(octets), crc32(octets), size, checksum)
            if words:
                wrong[number] = words
        wrong |= {number: RECIPIENTS_LOST for (number,) in connection.execute(NO_RECIPIENT)}
        for number, words in wrong.items():
            condemn(connection, number, words)
        salvaged.damaged = len(wrong)
        salvaged.orphans = self._put_aside(connection, salvaged.place)
        salvaged.messages = _count(connection, "message")
        salvaged.recipients = _count(connection, "recipient")

    def _put_aside(self, connection: sqlite3.Connection, place: Path) -> int:
        """Write what has no message to files; how many there are."""
        contents, recipients = NO_MESSAGE.format("content"), NO_MESSAGE.format("recipient")
        count = 0
        for number, octets in connection.execute(f"SELECT message, octets {contents}"):
            (place / f"content-{number}").write_bytes(octets)
            count += 1
        lines = [
            f"{message} {address} {reason or ''}".rstrip()
            for message, address, reason in connection.execute(
                f"SELECT message, address, reason {recipients}"
            )
        ]
        if lines:
            text = "".join(f"{line}\n" for line in lines)
            (place / "recipients").write_text(text, errors="backslashreplace")
        for table in ("content", "recipient"):
            connection.execute(
                f"DELETE FROM {table} WHERE message NOT IN (SELECT id FROM message)"  # noqa: S608 - constants
            )
        return count + len(lines)

    def _mark(self, source: Image, connection: sqlite3.Connection) -> None:
        """The shard's own row; numbers that were given must not be given again."""
        (largest,) = connection.execute("SELECT coalesce(max(id), 0) FROM message").fetchone()
        stored = [row[0] for row in source.rows("shard", "mark") if row and isinstance(row[0], int)]
        mark = max([largest + RESERVE if largest and not stored else largest, *stored])
        connection.execute("INSERT INTO shard (number, mark) VALUES (?, ?)", (self._number, mark))

    def _report(self, salvaged: Salvaged) -> None:
        text = f"{salvaged}\ncontent-NUMBER: contents without a message\n"
        text += "recipients: message number, address and last reply of those without a message\n"
        (salvaged.place / REPORT).write_text(text)
        self._sync(salvaged.place)

    def _write(self, path: Path, text: str) -> None:
        part = path.with_name(f"{path.name}.part")
        self._perform(Operation.WRITE, part, partial(part.write_text, text))
        self._perform(Operation.SYNC_FILE, part, partial(_sync_file, part))
        self._perform(Operation.RENAME, part, partial(part.rename, path))
        self._sync(path.parent)

    def _remove(self, *paths: Path) -> None:
        for path in paths:
            if path.exists():
                self._perform(Operation.UNLINK, path, path.unlink)

    def _sync(self, directory: Path) -> None:
        self._perform(Operation.SYNC_DIRECTORY, directory, partial(sync_directory, directory))

    def _perform(self, operation: Operation, path: Path, action: Callable[[], object]) -> None:
        self._durable.perform(operation, path, action)


def _copy(source: Image, connection: sqlite3.Connection, table: str) -> int:
    """Bring every readable row of a table over; at how many places that was not possible."""
    known = {name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")}
    columns = [name for name in source.columns(table) if name in known]
    if not columns:
        return 1
    marks = ", ".join("?" * len(columns))
    statement = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608 - constants
    gaps = 0
    for row in source.rows(table, *columns):
        gaps += row is None or not _inserted(connection, statement, row)
    return gaps


def _inserted(connection: sqlite3.Connection, statement: str, row: Sequence[object]) -> bool:
    try:
        connection.execute(statement, tuple(row))
    except sqlite3.IntegrityError:  # not of the type that the column has
        return False
    return True


def _count(connection: sqlite3.Connection, table: str) -> int:
    (count,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608 - a constant
    return int(count)


def _sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
