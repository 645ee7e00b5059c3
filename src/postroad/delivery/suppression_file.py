"""`STATE/suppression.db`: addresses that refused mail for good, shared by all workers.

The rows, and how they are read, written, swept and listed. A row counts refusals first; once there
are enough of them it suppresses, until its end. An address may have a row for all senders (an empty
scope) and one for each domain of senders. Text is in the form of `Address.key`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from postroad.delivery.suppression_settings import SuppressionSettings
from postroad.limits.state_file import Shape, StateUnavailable

__all__ = [
    "SUPPRESSION",
    "Listed",
    "Suppressed",
    "SuppressionUnavailable",
    "clear",
    "listed",
    "put_by_hand",
    "put_refusal",
    "remove",
    "suppressed",
    "sweep",
]

MOST_TEXT = 500
"""Characters of a refusal that are kept."""

_TABLES = """
CREATE TABLE addresses (
    address TEXT NOT NULL,
    scope TEXT NOT NULL,                       -- the domain of senders; empty: all senders
    author TEXT NOT NULL CHECK (author IN ('automatic', 'operator')),
    reply TEXT NOT NULL,                       -- the last refusal, or the operator's words
    refusals INTEGER NOT NULL,                 -- those that count
    last REAL NOT NULL,                        -- epoch, seconds: of the last of them
    since REAL,                                -- the same: suppressed; NULL: not yet
    until REAL,                                -- its end; NULL: none
    PRIMARY KEY (address, scope)
) STRICT, WITHOUT ROWID;
CREATE INDEX addresses_by_time ON addresses (author, last);
"""


class SuppressionUnavailable(StateUnavailable):
    """Nobody can say now whether an address is suppressed; the message says why."""


SUPPRESSION = Shape("suppressed addresses", 0x50527370, 1, _TABLES, SuppressionUnavailable)  # PRsp


class Suppressed(NamedTuple):
    """Why an address gets no mail.

    Attributes:
        since: seconds since the epoch.
        reply: the refusal, or the operator's words.
        by_hand: whether an operator put it there.
    """

    since: float
    reply: str
    by_hand: bool


@dataclass(frozen=True, slots=True)
class Listed:
    """A row for who lists them.

    Attributes:
        address: the address.
        scope: the domain of senders; empty for all.
        author: `automatic` or `operator`.
        reply: the last refusal, or the operator's words.
        refusals: how many count.
        last: when the last came, seconds since the epoch.
        since: since when it is suppressed; `None`: it is not yet.
        until: until when; `None`: without an end.
    """

    address: str
    scope: str
    author: str
    reply: str
    refusals: int
    last: float
    since: float | None
    until: float | None

    def holds(self, now: float) -> bool:
        """Whether the address gets no mail now."""
        return self.since is not None and (self.until is None or now < self.until)


_COLUMNS = "address, scope, author, reply, refusals, last, since, until"


def suppressed(
    connection: sqlite3.Connection, address: str, scope: str, now: float
) -> Suppressed | None:
    """Why an address gets no mail of a sender; `None`: it does.

    Args:
        connection: to the file.
        address: `Address.key`.
        scope: the domain of the sender; empty for the null one.
        now: seconds since the epoch.
    """
    row = connection.execute(
        "SELECT since, reply, author FROM addresses WHERE address = ? AND scope IN ('', ?)"
        " AND since IS NOT NULL AND (until IS NULL OR until > ?) ORDER BY author DESC, scope",
        (text(address), text(scope), now),
    ).fetchone()
    return None if row is None else Suppressed(float(row[0]), str(row[1]), row[2] == "operator")


def listed(connection: sqlite3.Connection) -> Iterator[Listed]:
    """All rows, by address."""
    rows = connection.execute(f"SELECT {_COLUMNS} FROM addresses ORDER BY address, scope")  # noqa: S608
    yield from (Listed(*row) for row in rows)


# Writing: all of these within a transaction ------------------------------------------------------


def put_refusal(
    connection: sqlite3.Connection,
    address: str,
    scope: str,
    reply: str,
    *,
    settings: SuppressionSettings,
    now: float,
) -> bool:
    """Count a refusal; whether the address is suppressed by it.

    Args:
        connection: to the file.
        address: `Address.key`.
        scope: the domain of senders that it counts for; empty for all.
        reply: the refusal.
        settings: how many are enough, and for how long.
        now: seconds since the epoch.
    """
    key = (text(address), text(scope))
    row = connection.execute(
        "SELECT author, refusals, last, since, until FROM addresses"
        " WHERE address = ? AND scope = ?",
        key,
    ).fetchone()
    count = 1
    if row is not None:
        author, refusals, last, since, until = row
        if since is not None and (until is None or now < until):
            return False  # mail that was under way already
        recent = not settings.within or 0 <= now - last <= settings.within
        if author == "automatic" and since is None and recent:
            count = refusals + 1
    enough = count >= settings.bounces
    ends = now + settings.duration if enough and settings.duration else None
    connection.execute(
        "INSERT OR REPLACE INTO addresses VALUES (?, ?, 'automatic', ?, ?, ?, ?, ?)",
        (*key, text(reply)[:MOST_TEXT], count, now, now if enough else None, ends),
    )
    return enough


def put_by_hand(
    connection: sqlite3.Connection, address: str, scope: str, why: str, now: float
) -> None:
    """Suppress an address without an end."""
    connection.execute(
        "INSERT OR REPLACE INTO addresses VALUES (?, ?, 'operator', ?, 0, ?, ?, NULL)",
        (text(address), text(scope), text(why)[:MOST_TEXT], now, now),
    )


def remove(connection: sqlite3.Connection, subject: str) -> int:
    """Forget an address, or `@` and a domain; how many rows that were."""
    subject = text(subject)
    if subject.startswith("@"):
        sql = "DELETE FROM addresses WHERE substr(address, -length(?)) = ?"
        return connection.execute(sql, (subject, subject)).rowcount
    return connection.execute("DELETE FROM addresses WHERE address = ?", (subject,)).rowcount


def clear(connection: sqlite3.Connection, *, by_hand: bool) -> int:
    """Forget what was noted automatically, and with `by_hand` everything; how many rows."""
    sql = "DELETE FROM addresses" if by_hand else "DELETE FROM addresses WHERE author = 'automatic'"
    return connection.execute(sql).rowcount


def sweep(connection: sqlite3.Connection, settings: SuppressionSettings, now: float) -> None:
    """Forget what has ended, counts that are too old, and the oldest of too many."""
    connection.execute("DELETE FROM addresses WHERE until <= ?", (now,))
    if settings.within:
        sql = "DELETE FROM addresses WHERE since IS NULL AND last < ?"
        connection.execute(sql, (now - settings.within,))
    if settings.entries:
        connection.execute(
            "DELETE FROM addresses WHERE (address, scope) IN (SELECT address, scope FROM addresses"
            " WHERE author = 'automatic' ORDER BY last"
            " LIMIT max(0, (SELECT count(*) FROM addresses) - ?))",
            (settings.entries,),
        )


def text(value: str) -> str:
    """What SQLite takes: no lone surrogates."""
    return value.encode("utf-8", "replace").decode()
