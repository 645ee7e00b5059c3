"""Accounts that are frozen: they may log in and get mail, but what they send is refused.

A freeze is one row in the directory's file, so that all workers and the command line see the same,
at once and after a restart. Beginning one is a single statement that succeeds once: of several
workers that notice the same thief at the same moment, one is the first, and what has to follow (the
queue, the sessions, the operator) is its business. How far that got is in the row too, so that a
worker that was killed half-way can go on where it stopped.

A row stays when the account is thawed, for the number of its thaws: what is counted of an account
is counted under that number, and so begins anew with each thaw, without anybody being told.

Reading happens at each command of a logged-in client. One `pread` tells whether the file was
changed (see `memory`), and only then the few rows are read again. A file that is locked at that
moment is read at the next command.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Protocol

from postroad.directory.embedded.writer import Change
from postroad.directory.interface import DirectoryUnavailable

__all__ = ["Freeze", "FreezeAuthor", "Freezes", "Writing", "begin", "select", "thaw"]

PAUSE = 0.01  # seconds between two tries while somebody else commits
TRIES = 500  # then the file counts as not to be read: 5 seconds in all

_COLUMNS = "user, reason, since, author, worker, told, finished, thaws"
_ALL = f"SELECT {_COLUMNS} FROM freezes"  # noqa: S608 - no words from outside
_BEGIN = """
INSERT INTO freezes (user, reason, since, author, worker) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (user) DO UPDATE SET
    reason = excluded.reason, since = excluded.since, author = excluded.author,
    worker = excluded.worker, told = 0, finished = 0
WHERE since IS NULL
"""
_THAW = """
UPDATE freezes SET since = NULL, warned = NULL, thaws = thaws + 1
WHERE user = ? AND since IS NOT NULL
"""
_TOLD = "UPDATE freezes SET told = 1 WHERE user = ? AND since = ?"
_FINISHED = "UPDATE freezes SET finished = 1 WHERE user = ? AND since = ?"
_WARN = """
INSERT INTO freezes (user, warned) VALUES (?1, ?2)
ON CONFLICT (user) DO UPDATE SET warned = excluded.warned
WHERE since IS NULL AND (warned IS NULL OR abs(?2 - warned) >= ?3)
"""


class FreezeAuthor(Enum):
    """Who froze an account."""

    AUTOMATIC = "automatic"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Freeze:
    """An account that may not send.

    Attributes:
        user: the account.
        reason: in words, one line.
        since: seconds since the epoch.
        author: who froze it.
        worker: the number of the worker that does what follows.
        told: whether the operator was told.
        finished: whether everything that follows is done.
        thaws: how often the account was thawed before.
    """

    user: str
    reason: str
    since: float
    author: FreezeAuthor
    worker: int = 0
    told: bool = False
    finished: bool = False
    thaws: int = 0


class Writing(Protocol):
    """The part of a `DirectoryWriter` that is needed here."""

    async def write(self, change: Change[bool]) -> bool:
        """Make a change; it is on stable storage afterwards."""
        ...


class Freezes:
    """The freezes as a worker sees and makes them. Belongs to the event loop's thread."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        counter: Callable[[], bytes],
        writer: Writing,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Nothing is read yet.

        Args:
            connection: from `schema.open_for_reading`; the caller closes it.
            counter: the file's change counter (`Memory.counter`).
            writer: of the same file.
            pause: waits for so many seconds while somebody else commits.
        """
        self._pause = pause
        self._connection = connection
        self._count = counter
        self._writer = writer
        self._counter = b""
        self._frozen: Mapping[str, Freeze] = MappingProxyType({})
        self._thaws: Mapping[str, int] = MappingProxyType({})

    def of(self, user: str) -> Freeze | None:
        """The freeze that an account is under."""
        self._refresh()
        return self._frozen.get(user)

    def thaws(self, user: str) -> int:
        """How often an account was thawed."""
        self._refresh()
        return self._thaws.get(user, 0)

    async def look(self, user: str) -> Freeze | None:
        """The same as the file has it now: who is about to act on it waits for its lock.

        Raises:
            DirectoryUnavailable: the file stays locked.
        """
        await self._settle()
        return self._frozen.get(user)

    async def unfinished(self) -> tuple[Freeze, ...]:
        """Freezes of which something is left to do.

        Raises:
            DirectoryUnavailable: the file stays locked.
        """
        await self._settle()
        return tuple(each for each in self._frozen.values() if not each.finished)

    async def begin(self, user: str, reason: str, worker: int, now: float) -> bool:
        """Freeze an account. Whether that was news: it is not where it is frozen already.

        Args:
            user: its canonical name.
            reason: in words, one line.
            worker: the number of the one that does what follows.
            now: seconds since the epoch.

        Raises:
            DirectoryUnavailable: the file cannot be written.
        """
        freeze = Freeze(user, reason, now, FreezeAuthor.AUTOMATIC, worker)
        return await self._writer.write(lambda connection: begin(connection, freeze))

    async def warn(self, user: str, interval: float, now: float) -> bool:
        """Remember that the operator is warned of an account. Whether it is time for that.

        Args:
            user: its canonical name.
            interval: seconds for which one warning is enough.
            now: seconds since the epoch.

        Raises:
            DirectoryUnavailable: the file cannot be written.
        """
        return await self._do(_WARN, user, now, interval)

    async def mark_told(self, freeze: Freeze) -> None:
        """The operator was told.

        Raises:
            DirectoryUnavailable: the file cannot be written.
        """
        await self._do(_TOLD, freeze.user, freeze.since)

    async def mark_finished(self, freeze: Freeze) -> None:
        """Nothing is left to do.

        Raises:
            DirectoryUnavailable: the file cannot be written.
        """
        await self._do(_FINISHED, freeze.user, freeze.since)

    async def _do(self, sql: str, *parameters: str | float) -> bool:
        return await self._writer.write(
            lambda connection: connection.execute(sql, parameters).rowcount == 1
        )

    async def _settle(self) -> None:
        for _ in range(TRIES):
            if self._refresh():
                return
            await self._pause(PAUSE)
        raise DirectoryUnavailable("the directory database stays locked")

    def _refresh(self) -> bool:
        """Read what changed. Whether that was possible: while somebody commits it is not."""
        counter = self._count()
        if counter == self._counter:
            return True
        try:
            rows = list(self._connection.execute(f"{_ALL} WHERE since IS NOT NULL OR thaws > 0"))
        except sqlite3.Error:
            return False
        self._frozen = {each.user: each for each in map(_freeze, rows) if each is not None}
        self._thaws = {str(user): int(thaws) for user, *_, thaws in rows}
        # A commit between the two looks is found at the next command, which sees another count.
        self._counter = counter
        return True


def begin(connection: sqlite3.Connection, freeze: Freeze) -> bool:
    """Write a freeze, within a transaction. Whether the account was not frozen before."""
    row = (freeze.user, freeze.reason, freeze.since, freeze.author.value, freeze.worker)
    return connection.execute(_BEGIN, row).rowcount == 1


def thaw(connection: sqlite3.Connection, user: str) -> bool:
    """End a freeze, within a transaction. Whether there was one."""
    return connection.execute(_THAW, (user,)).rowcount == 1


def select(connection: sqlite3.Connection) -> Iterator[Freeze]:
    """The freezes there are, within a transaction or without."""
    for row in connection.execute(f"{_ALL} WHERE since IS NOT NULL ORDER BY since, user"):
        found = _freeze(row)
        if found is not None:
            yield found


def _freeze(row: tuple[object, ...]) -> Freeze | None:
    user, reason, since, author, worker, told, finished, thaws = row
    if since is None:
        return None
    return Freeze(
        user=str(user),
        reason=str(reason),
        since=float(str(since)),
        author=FreezeAuthor(author),
        worker=int(str(worker)),
        told=bool(told),
        finished=bool(finished),
        thaws=int(str(thaws)),
    )
