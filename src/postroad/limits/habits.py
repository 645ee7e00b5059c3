"""What is usual for an account: from where it logs in, and how much it sends at once.

Kept in `STATE/habits.db`, because what is usual is learnt over weeks and must outlast the server.
Losing it does no harm: an account without habits has none to break.

Little is written. A region (`network.region_of`) once a day for each account; a burst only if it is
large enough to make a difference, the greatest of each day, once a minute at the most. Bursts are
kept apart by the number of the account's thaws: what an operator has thawed an account after was
found to be right, and counts as usual from then on, also on the same day.

Nobody waits for what is written, and nothing is asked before an account sends very much.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from postroad.limits.network import region_of
from postroad.limits.state_file import Keeping, Shape, StateUnavailable

__all__ = ["HABITS", "Habits", "HabitsUnavailable", "Usual"]

DAY = 86_400.0
KEPT = 60 * DAY
"""Seconds: two months, so that a monthly newsletter is usual."""

RENEWAL = DAY
MOST_REGIONS = 50
"""Regions of one account that are kept, the latest: few people travel so much in two months."""

WRITING = 60.0  # seconds between two writings of bursts
MOST_NOTED = 10_000  # accounts between two writings
MOST_SEEN = 10_000  # logins that need not be written again; some 2 MB

_TABLES = """
CREATE TABLE bursts (
    user TEXT NOT NULL,
    day INTEGER NOT NULL,          -- since the epoch
    thaws INTEGER NOT NULL,        -- how often the account had been thawed
    recipients INTEGER NOT NULL,   -- of the greatest burst
    PRIMARY KEY (user, day, thaws)
) STRICT, WITHOUT ROWID;
CREATE INDEX bursts_by_day ON bursts (day);
CREATE TABLE regions (
    user TEXT NOT NULL,
    region TEXT NOT NULL,
    first REAL NOT NULL,           -- epoch, seconds
    last REAL NOT NULL,
    PRIMARY KEY (user, region)
) STRICT, WITHOUT ROWID;
CREATE INDEX regions_by_time ON regions (last);
"""

_PUT_REGION = """
INSERT INTO regions VALUES (?1, ?2, ?3, ?3)
ON CONFLICT (user, region) DO UPDATE SET last = max(last, excluded.last)
"""
_BOUND_REGIONS = """
DELETE FROM regions WHERE user = ?1 AND region NOT IN
    (SELECT region FROM regions WHERE user = ?1 ORDER BY last DESC LIMIT ?2)
"""
_PUT_BURST = """
INSERT INTO bursts VALUES (?, ?, ?, ?)
ON CONFLICT (user, day, thaws) DO UPDATE SET recipients = max(recipients, excluded.recipients)
"""
_GREATEST = """
SELECT max(recipients) FROM bursts WHERE user = ? AND (day < ? OR thaws < ?) AND day >= ?
"""
_FIRST_OF_ALL = "SELECT min(first) FROM regions WHERE user = ?"
_FIRST_OF_REGION = "SELECT first FROM regions WHERE user = ? AND region = ?"


class HabitsUnavailable(StateUnavailable):
    """The file of habits cannot be opened, read or written; the message says why."""


HABITS = Shape("habits", 0x50527375, 1, _TABLES, HabitsUnavailable)  # "PRsu"
"""What is in the file."""


@dataclass(frozen=True, slots=True)
class Usual:
    """What is known of an account that sends very much.

    Attributes:
        burst: recipients of its greatest burst before today.
        since: when it logged in first, seconds since the epoch; `None` if it is not known to have.
        here_since: when it first logged in from the region it sends from now; likewise.
    """

    burst: int
    since: float | None
    here_since: float | None


class Habits:
    """Remembers what is usual. Belongs to the event loop's thread."""

    def __init__(
        self,
        file: Keeping,
        complain: Callable[[str], None],
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Nothing is opened before something is to be written or asked.

        Args:
            file: of the shape `HABITS`; the caller closes it.
            complain: told why something could not be written.
            pause: waits for so many seconds.
        """
        self._file = file
        self._complain = complain
        self._pause = pause
        self._seen: dict[tuple[str, str], float] = {}
        self._bursts: dict[tuple[str, int, int], int] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._writing: asyncio.Task[None] | None = None

    def logged_in(self, user: str, address: str, now: float) -> None:
        """An account logged in from an IP address; written down once a day for each region."""
        region = region_of(address)
        last = self._seen.get((user, region))
        if last is not None and 0 <= now - last < RENEWAL:  # a clock that was set back is no day
            return
        if len(self._seen) >= MOST_SEEN:
            self._seen.clear()
        self._seen[user, region] = now
        task = asyncio.create_task(self._write(lambda file: _put_region(file, user, region, now)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def sent(self, user: str, thaws: int, recipients: int, now: float) -> None:
        """An account has sent to so many in the window of bursts, which is worth remembering."""
        key = (user, int(now // DAY), thaws)
        if key in self._bursts or len(self._bursts) < MOST_NOTED:
            self._bursts[key] = max(recipients, self._bursts.get(key, 0))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_bursts())

    async def usual(self, user: str, thaws: int, address: str, now: float) -> Usual:
        """What is usual for an account that now sends from an IP address.

        Raises:
            HabitsUnavailable: the file cannot be read.
        """
        today, region = int(now // DAY), region_of(address)
        earliest = int((now - KEPT) // DAY)

        def find(file: sqlite3.Connection) -> Usual:
            return Usual(
                int(_one(file, _GREATEST, user, today, thaws, earliest) or 0),
                _one(file, _FIRST_OF_ALL, user),
                _one(file, _FIRST_OF_REGION, user, region),
            )

        return await self._file.ask(find)

    async def close(self) -> None:
        """Write what is noted."""
        if self._writing is not None:
            self._writing.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._bursts:
            await self._write(self._taken())

    async def _write_bursts(self) -> None:
        """Write now and then; a burst that has begun will be larger in a minute."""
        while self._bursts:
            await self._pause(WRITING)
            await self._write(self._taken())
        self._writing = None

    def _taken(self) -> Callable[[sqlite3.Connection], None]:
        bursts, self._bursts = self._bursts, {}
        rows = [(*key, recipients) for key, recipients in bursts.items()]
        return lambda file: _put_bursts(file, rows)

    async def _write(self, change: Callable[[sqlite3.Connection], None]) -> None:
        try:
            await self._file.ask(change)
        except StateUnavailable as error:
            self._complain(str(error))


def _put_region(file: sqlite3.Connection, user: str, region: str, now: float) -> None:
    file.execute(_PUT_REGION, (user, region, now))
    file.execute(_BOUND_REGIONS, (user, MOST_REGIONS))
    file.execute("DELETE FROM regions WHERE last < ?", (now - KEPT,))


def _put_bursts(file: sqlite3.Connection, rows: list[tuple[str, int, int, int]]) -> None:
    file.executemany(_PUT_BURST, rows)
    latest = max(day for _, day, _, _ in rows)
    file.execute("DELETE FROM bursts WHERE day < ?", (latest - int(KEPT // DAY),))


def _one(file: sqlite3.Connection, sql: str, *parameters: str | int) -> float | None:
    row = file.execute(sql, parameters).fetchone()
    return None if row is None or row[0] is None else float(row[0])
