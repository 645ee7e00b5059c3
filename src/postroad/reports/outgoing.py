"""Reports that are to be sent, in the file: who sends which, when, and what has become of them.

All of these run within a transaction. The tables are in the file of each kind of reports, beside
the one that its counts are in, which has a `day` and a `domain`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from postroad.reports.day import day_of
from postroad.reports.text import text

__all__ = [
    "GIVE_UP",
    "LEASE",
    "TABLES",
    "Due",
    "State",
    "Tried",
    "claim",
    "finish",
    "noted",
    "postpone",
    "sent_to",
    "sweep",
    "tried",
]

LEASE = 1800.0
"""Seconds for which a report is left to who claimed it: longer than all attempts of a turn take."""

GIVE_UP = 86_400.0
"""Seconds after the first attempt at which there is no other one (RFC 8460 §5.5)."""

FIRST_PAUSE = 300.0
LONGEST_PAUSE = 14_400.0
"""Seconds between two attempts; each is twice the one before."""

MOST_WORDS = 300

TABLES = """
CREATE TABLE outgoing (
    day INTEGER NOT NULL,                      -- since the epoch, in UTC
    domain TEXT NOT NULL,
    report_id TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'sent', 'failed', 'unwanted')),
    begun REAL NOT NULL,                       -- epoch, seconds
    next REAL NOT NULL,                        -- the same: of the next attempt
    tries INTEGER NOT NULL,
    ok INTEGER NOT NULL,                       -- what went well, once it is known
    failed INTEGER NOT NULL,
    words TEXT NOT NULL,                       -- why it was not sent
    PRIMARY KEY (day, domain)
) STRICT, WITHOUT ROWID;
CREATE INDEX outgoing_by_time ON outgoing (state, next);
CREATE TABLE endpoints (
    day INTEGER NOT NULL,
    domain TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    sent REAL,                                 -- epoch, seconds; NULL: not yet
    words TEXT NOT NULL,                       -- how it went, the last time
    PRIMARY KEY (day, domain, endpoint)
) STRICT, WITHOUT ROWID;
"""

State = Literal["waiting", "sent", "failed", "unwanted"]


@dataclass(frozen=True, slots=True)
class Due:
    """A report that is to be sent now, by who was given this.

    Attributes:
        day: number of the day since the epoch.
        domain: whom it is about and for.
        report_id: its id.
        begun: when it was taken up first, seconds since the epoch.
        tries: attempts before this one.
    """

    day: int
    domain: str
    report_id: str
    begun: float
    tries: int

    def is_last(self, now: float) -> bool:
        """Whether there will be no other attempt."""
        return now + self.pause > self.begun + GIVE_UP

    @property
    def pause(self) -> float:
        """Seconds until the next attempt."""
        return min(FIRST_PAUSE * 2.0 ** min(self.tries, 10), LONGEST_PAUSE)


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of a report, for who lists it.

    Attributes:
        day: number of the day since the epoch.
        domain: whom it is about.
        report_id: its id.
        state: of the whole.
        tries: attempts.
        next: of the next one, where it waits; seconds since the epoch.
        ok: sessions that succeeded, or messages that passed.
        failed: those that did not.
        words: why it was not sent.
        endpoints: endpoint, when it was sent there (`None`: it was not), and how it went.
    """

    day: int
    domain: str
    report_id: str
    state: State
    tries: int
    next: float
    ok: int
    failed: int
    words: str
    endpoints: tuple[tuple[str, float | None, str], ...] = ()


def claim(
    connection: sqlite3.Connection,
    *,
    counts: str,
    now: float,
    delay: float,
    make_id: Callable[[int], str],
    most: int,
) -> list[Due]:
    """Reports that are due; who asks has them for `LEASE`.

    Args:
        connection: to the file.
        counts: the table of what was counted.
        now: seconds since the epoch.
        delay: seconds after midnight (UTC) at which this server begins.
        make_id: a new id for a report about a day.
        most: how many at the most.
    """
    over = day_of(now - delay) - 1
    new = connection.execute(_NEW.format(counts=counts), (over, most)).fetchall()
    connection.executemany(
        "INSERT INTO outgoing VALUES (?, ?, ?, 'waiting', ?, ?, 0, 0, 0, '')",
        [(day, domain, make_id(day), now, now) for day, domain in new],
    )
    rows = connection.execute(_DUE, (now, now + LONGEST_PAUSE, most)).fetchall()
    connection.executemany(
        "UPDATE outgoing SET next = ?, tries = tries + 1 WHERE day = ? AND domain = ?",
        [(now + LEASE, row[0], row[1]) for row in rows],
    )
    return [Due(*row) for row in rows]


def sent_to(connection: sqlite3.Connection, due: Due) -> frozenset[str]:
    """The endpoints that have a report already."""
    rows = connection.execute(
        "SELECT endpoint FROM endpoints WHERE day = ? AND domain = ? AND sent IS NOT NULL",
        (due.day, text(due.domain)),
    )
    return frozenset(str(row[0]) for row in rows)


def noted(
    connection: sqlite3.Connection, due: Due, endpoint: str, sent: float | None, words: str
) -> None:
    """Note how it went with an endpoint; `sent` is when it took the report."""
    row = (due.day, text(due.domain), text(endpoint), sent, text(words)[:MOST_WORDS])
    connection.execute("INSERT OR REPLACE INTO endpoints VALUES (?, ?, ?, ?, ?)", row)


def postpone(connection: sqlite3.Connection, due: Due, now: float, words: str) -> None:
    """Try it again later."""
    connection.execute(
        "UPDATE outgoing SET next = ?, words = ? WHERE day = ? AND domain = ?",
        (now + due.pause, text(words)[:MOST_WORDS], due.day, text(due.domain)),
    )


def finish(
    connection: sqlite3.Connection,
    due: Due,
    state: State,
    *,
    counts: str,
    totals: tuple[int, int] = (0, 0),
    words: str = "",
) -> None:
    """A report has come to its end, and so have its counts.

    Args:
        connection: to the file.
        due: the report.
        state: what became of it.
        counts: the table of what was counted.
        totals: how much of it went well and did not.
        words: why it was not sent.
    """
    key = (due.day, text(due.domain))
    connection.execute(
        "UPDATE outgoing SET state = ?, ok = ?, failed = ?, words = ? WHERE day = ? AND domain = ?",
        (state, *totals, text(words)[:MOST_WORDS], *key),
    )
    connection.execute(f"DELETE FROM {counts} WHERE day = ? AND domain = ?", key)  # noqa: S608


def tried(connection: sqlite3.Connection) -> Iterator[Tried]:
    """What was sent, or could not be, the newest first; who wanted none is left out."""
    for row in connection.execute(_TRIED).fetchall():
        ends = connection.execute(
            "SELECT endpoint, sent, words FROM endpoints WHERE day = ? AND domain = ?", row[:2]
        )
        yield replace(Tried(*row), endpoints=tuple(ends.fetchall()))


def sweep(connection: sqlite3.Connection, *, before: int, unwanted_before: int) -> None:
    """Forget reports about days before these. Who wanted none is soon forgotten."""
    connection.execute("DELETE FROM outgoing WHERE day < ?", (before,))
    connection.execute(
        "DELETE FROM outgoing WHERE state = 'unwanted' AND day < ?", (unwanted_before,)
    )
    connection.execute("DELETE FROM endpoints WHERE day < ?", (before,))


_NEW = """
SELECT DISTINCT day, domain FROM {counts} AS counted WHERE day <= ? AND NOT EXISTS (
    SELECT 1 FROM outgoing WHERE outgoing.day = counted.day AND outgoing.domain = counted.domain
) LIMIT ?
"""
_DUE = """
SELECT day, domain, report_id, begun, tries FROM outgoing
WHERE state = 'waiting' AND (next <= ? OR next > ?) ORDER BY next LIMIT ?
"""
"""Nothing waits longer than the longest pause, unless the clock was set back meanwhile."""

_TRIED = """
SELECT day, domain, report_id, state, tries, next, ok, failed, words FROM outgoing
WHERE state != 'unwanted' ORDER BY day DESC, domain
"""
