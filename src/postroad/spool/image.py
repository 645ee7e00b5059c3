"""A broken database as an image that SQLite can read: what is in its log and what is in its file.

The log is written into a copy of the file, also beyond a break (`write_ahead_log`). Where the first
page, which holds the schema, cannot be read, a fresh one takes its place: tables lie where they
were made, in every spool at the same pages. Rows are read in the order of their keys and without
their indexes. At a page that cannot be read, the next key that can is looked for, by doubling and
halving; what is lost is what is on broken pages.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from postroad.spool.schema import STEPS
from postroad.spool.write_ahead_log import PAGE, apply_log

__all__ = ["Image", "make_image"]

MAGIC = b"SQLite format 3\0"
ROOTS = 16  # pages at the least: SQLite takes no schema whose tables begin behind the end
LARGEST = 9_223_372_036_854_775_807

Row = tuple[object, ...]


def make_image(database: Path, image: Path) -> None:
    """Copy a database together with its log; neither needs to be there.

    Args:
        database: the broken one; is not changed.
        image: is made.

    Raises:
        OSError: there is no room, as a rule.
    """
    with image.open("xb") as copy:
        image.chmod(0o600)
        with contextlib.suppress(FileNotFoundError), database.open("rb") as file:
            shutil.copyfileobj(file, copy, PAGE * 64)
    with image.open("r+b") as copy:
        apply_log(database.with_name(f"{database.name}-wal"), copy)
        copy.seek(0)
        _write_first_page(copy, copy.read(PAGE))
    if not _has_schema(image):
        with image.open("r+b") as copy:
            _write_first_page(copy, b"")


class Image:
    """An image, open to read.

    Args:
        path: where it is.
    """

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)

    def close(self) -> None:
        """Give it up."""
        self._connection.close()

    def columns(self, table: str) -> list[str]:
        """The names of a table's columns."""
        return [name for _, name, *_ in self._connection.execute(f"PRAGMA table_info({table})")]

    def rows(self, table: str, *columns: str) -> Iterator[Row | None]:
        """Every readable row, in the order of keys; `None` for each place that is not readable."""
        what = f"SELECT rowid, {', '.join(columns)} FROM {table} NOT INDEXED"  # noqa: S608 - constants
        last = -1
        while True:
            try:
                for key, *row in self._connection.execute(
                    f"{what} WHERE rowid > ? ORDER BY rowid", (last,)
                ):
                    if key <= last:  # pages that go round in a circle
                        break
                    last = key
                    yield tuple(row)
                else:
                    return
            except sqlite3.DatabaseError:
                pass
            yield None
            found = self._next_key(table, last)
            if found is None:
                return
            with contextlib.suppress(sqlite3.DatabaseError):
                rows = self._connection.execute(f"{what} WHERE rowid = ?", (found,)).fetchall()
                yield from (tuple(row) for _, *row in rows)
            last = found

    def _next_key(self, table: str, last: int) -> int | None:
        """The next key that can be reached; `None` when there is none."""
        bad, step = last, 1
        while not self._reaches(table, last + step):
            bad, step = last + step, step * 2
            if last + step > LARGEST:
                return None
        good = last + step
        while good - bad > 1:
            middle = (good + bad) // 2
            if self._reaches(table, middle):
                good = middle
            else:
                bad = middle
        return self._key_from(table, good)

    def _reaches(self, table: str, key: int) -> bool:
        """Whether the way to the first key from `key` on can be read."""
        try:
            self._key_from(table, key)
        except sqlite3.DatabaseError:
            return False
        return True

    def _key_from(self, table: str, key: int) -> int | None:
        row = self._connection.execute(
            f"SELECT rowid FROM {table} NOT INDEXED"  # noqa: S608 - a constant
            " WHERE rowid >= ? ORDER BY rowid LIMIT 1",
            (key,),
        ).fetchone()
        return None if row is None else int(row[0])


def _write_first_page(image: BinaryIO, page: bytes) -> None:
    """Write the page back, or a fresh one if it is none, as of a file that has no log."""
    size = int.from_bytes(page[16:18])
    octets = bytearray(page if page.startswith(MAGIC) and size == PAGE else _fresh_first_page())
    image.seek(0, os.SEEK_END)
    pages = max(ROOTS, image.tell() // PAGE)
    image.truncate(pages * PAGE)
    octets[18:20] = b"\1\1"  # neither written nor read by way of a log
    octets[28:32] = pages.to_bytes(4)
    octets[32:40] = bytes(8)  # no free pages: they may be where the damage is
    octets[92:96] = octets[24:28]  # the size above is up to date
    image.seek(0)
    image.write(octets)


def _fresh_first_page() -> bytes:
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.execute(f"PRAGMA page_size = {PAGE}")
        connection.executescript("".join(STEPS))
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("DELETE FROM sqlite_schema WHERE type IN ('index', 'trigger')")
        return connection.serialize()[:PAGE]


def _has_schema(image: Path) -> bool:
    with contextlib.closing(sqlite3.connect(image, isolation_level=None)) as connection:
        try:
            rows = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
            names = {name for (name,) in rows}
            connection.execute("SELECT 1 FROM message, content, recipient, shard WHERE 0")
        except sqlite3.DatabaseError:
            return False
        return {"shard", "message", "content", "recipient"} <= names
