"""Reading a history: beside the running server, or without one.

Reads the files of all workers, each through a connection that cannot write. A file that cannot be
read does not hide the others: it is named in `unreadable`. Pages come one by one, so a history of
any size can be gone through without holding it.
"""

from __future__ import annotations

import heapq
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from postroad.history.database import HistoryUnavailable, connect_reader, files_of
from postroad.history.page import DamagedPage, read_page
from postroad.model.members import Record

__all__ = ["Archive"]

_NAMED = (
    "SELECT content FROM page WHERE id IN (SELECT page FROM mention WHERE name = ?) ORDER BY id"
)
_NEXT = "SELECT id, content FROM page WHERE id > ? AND last >= ? AND first <= ? ORDER BY id LIMIT 1"
_BEFORE = "SELECT id, content FROM page WHERE id < ? ORDER BY id DESC LIMIT 1"
_FIRST = "SELECT min(first) FROM page"

_LAST_PAGE = 2**63 - 1
_FOREVER = float("inf")


class Archive:
    """What all workers remember.

    Attributes:
        unreadable: for each file that could not be read so far, why, in one line.
    """

    def __init__(self, folder: Path) -> None:
        """An archive.

        Args:
            folder: of the workers' files; one that does not exist is empty.
        """
        self._folder = folder
        self.unreadable: list[str] = []

    def reach(self) -> float | None:
        """Since when there are records, seconds since the epoch; `None`: there are none."""
        found = [first for path in self._files() if (first := self._first(path)) is not None]
        return min(found, default=None)

    def of_session(self, session: str) -> list[Record]:
        """The records of a session, in their order.

        Args:
            session: its identifier, as `session_id_of` spells it.
        """
        return self._named(session, "session")

    def of_message(self, queue_id: str) -> list[Record]:
        """The records of a message, in their order: how it came, each delivery, what was told.

        Args:
            queue_id: in capital letters.
        """
        return self._named(queue_id, "queue_id", "notification")

    def records(self, since: float = 0.0, until: float = _FOREVER) -> Iterator[Record]:
        """All records of a time, in their order.

        Args:
            since: the earliest time, seconds since the epoch.
            until: the latest time.
        """
        files = [self._forward(path, since, until) for path in self._files()]
        for record in heapq.merge(*files, key=time_of):
            if since <= time_of(record) <= until:
                yield record

    def latest(self, mention: str, matches: Callable[[Record], bool], most: int) -> list[Record]:
        """The last records of a kind, in their order.

        Args:
            mention: a text that occurs in each of them, as JSON writes it, in whatever case.
            matches: which to take.
            most: how many.
        """
        found: list[Record] = []
        files = [self._backward(path, mention) for path in self._files()]
        for record in heapq.merge(*files, key=time_of, reverse=True):
            if matches(record):
                found.append(record)
                if len(found) == most:
                    break
        return found[::-1]

    # Inside ------------------------------------------------------------------------------------

    def _files(self) -> list[Path]:
        return files_of(self._folder)

    def _named(self, name: str, *keys: str) -> list[Record]:
        found: list[Record] = []
        for path in self._files():
            try:
                with closing(connect_reader(path)) as connection:
                    for (content,) in connection.execute(_NAMED, (name,)):
                        page = read_page(content, name)
                        found += (r for r in page if name in map(r.get, keys))
            except (sqlite3.Error, HistoryUnavailable, DamagedPage) as error:
                self._cannot_read(path, error)
        return sorted(found, key=time_of)

    def _first(self, path: Path) -> float | None:
        try:
            with closing(connect_reader(path)) as connection:
                row = connection.execute(_FIRST).fetchone()
        except (sqlite3.Error, HistoryUnavailable) as error:
            self._cannot_read(path, error)
            return None
        return None if row[0] is None else float(row[0])

    def _forward(self, path: Path, since: float, until: float) -> Iterator[Record]:
        try:
            with closing(connect_reader(path)) as connection:
                number = -1
                while row := connection.execute(_NEXT, (number, since, until)).fetchone():
                    number, content = row
                    yield from sorted(read_page(content), key=time_of)
        except (sqlite3.Error, HistoryUnavailable, DamagedPage) as error:
            self._cannot_read(path, error)

    def _backward(self, path: Path, mention: str) -> Iterator[Record]:
        try:
            with closing(connect_reader(path)) as connection:
                number = _LAST_PAGE
                while row := connection.execute(_BEFORE, (number,)).fetchone():
                    number, content = row
                    yield from sorted(read_page(content, mention), key=time_of)[::-1]
        except (sqlite3.Error, HistoryUnavailable, DamagedPage) as error:
            self._cannot_read(path, error)

    def _cannot_read(self, path: Path, error: Exception) -> None:
        words = str(error)
        self.unreadable.append(words if words.startswith(str(path)) else f"{path}: {words}")


def time_of(record: Record) -> float:
    """When what a record tells of ended, seconds since the epoch."""
    at = record.get("ended", record.get("at"))
    return float(at) if isinstance(at, int | float) else 0.0
