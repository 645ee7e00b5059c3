"""The counts in the file: added by all workers, read for a day's report.

All of these run within a transaction.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from postroad.reports.missed import add_missed, sweep_missed
from postroad.reports.text import text
from postroad.reports.tls.counting import Counts
from postroad.reports.tls.session import SUCCESS, Policy, Session

__all__ = ["Counted", "add", "counted", "of_day", "sweep"]

MOST_ROWS = 200_000
"""Rows of counts, some 40 MB: a day of 100,000 domains. What has no row is counted as missed."""

MOST_DETAILS = 300
"""Kinds of failures of a policy and day that are kept in detail; the others only by their result.
A domain with very many hosts and addresses makes a report that nobody reads to its end."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What is counted of a domain on a day, for who lists it.

    Attributes:
        day: number of the day since the epoch.
        domain: the domain.
        ok: sessions that succeeded.
        failed: sessions that failed.
    """

    day: int
    domain: str
    ok: int
    failed: int


def add(connection: sqlite3.Connection, counts: Counts, uncounted: int, today: int) -> int:
    """Add what a worker counted.

    Args:
        connection: to the file.
        counts: how often what happened.
        uncounted: how many it could not count.
        today: number of the day since the epoch.

    Returns:
        How many sessions there was no room for.
    """
    (rows,) = connection.execute("SELECT count(*) FROM sessions").fetchone()
    lost: dict[int, int] = {today: uncounted} if uncounted else {}
    policies: dict[Policy, int] = {}
    for (day, session), count in counts.items():
        policy = policies.get(session.policy) or _policy(connection, session.policy)
        policies[session.policy] = policy
        if _added(connection, day, policy, session, count):
            continue
        if session.result != SUCCESS and _details(connection, day, policy, session.domain):
            short = session.in_short
            if _added(connection, day, policy, short, count):
                continue
            session = short  # noqa: PLW2901 - as it is counted from here on
        if rows >= MOST_ROWS:
            lost[day] = lost.get(day, 0) + count
            continue
        rows += 1
        connection.execute(_INSERT, (*_key(day, policy, session), count))
    add_missed(connection, lost)
    return sum(lost.values())


def of_day(connection: sqlite3.Connection, day: int, domain: str) -> list[tuple[Session, int]]:
    """All that was counted of a domain on a day."""
    rows = connection.execute(_OF_DAY, (day, text(domain)))
    return [(Session(domain, _read(row[:4]), *map(str, row[4:9])), int(row[9])) for row in rows]


def counted(connection: sqlite3.Connection) -> Iterator[Counted]:
    """What is counted and not reported yet, the newest day first."""
    yield from (Counted(*row) for row in connection.execute(_COUNTED, (SUCCESS, SUCCESS)))


def sweep(connection: sqlite3.Connection, before: int) -> None:
    """Forget the counts of days before this one, and policies that nothing goes by."""
    connection.execute("DELETE FROM sessions WHERE day < ?", (before,))
    sweep_missed(connection, before)
    connection.execute(
        "DELETE FROM policies WHERE NOT EXISTS (SELECT 1 FROM sessions WHERE policy = policies.id)"
    )


_KEY = "day = ? AND domain = ? AND policy = ? AND result = ? AND host = ? AND receiving = ?"
_UPDATE = f"UPDATE sessions SET count = count + ? WHERE {_KEY} AND sending = ? AND reason = ?"  # noqa: S608
_INSERT = "INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_OF_DAY = """
SELECT kind, policies.domain, strings, hosts, result, host, receiving, sending, reason, count
FROM sessions JOIN policies ON policies.id = policy WHERE day = ? AND sessions.domain = ?
"""
_COUNTED = """
SELECT day, domain, sum(iif(result = ?, count, 0)), sum(iif(result = ?, 0, count))
FROM sessions GROUP BY day, domain ORDER BY day DESC, domain
"""


def _added(
    connection: sqlite3.Connection, day: int, policy: int, session: Session, count: int
) -> bool:
    """Whether there was a row to add to."""
    return connection.execute(_UPDATE, (count, *_key(day, policy, session))).rowcount > 0


def _details(connection: sqlite3.Connection, day: int, policy: int, domain: str) -> bool:
    """Whether there are enough of them."""
    (rows,) = connection.execute(
        "SELECT count(*) FROM sessions WHERE day = ? AND domain = ? AND policy = ?",
        (day, text(domain), policy),
    ).fetchone()
    return int(rows) >= MOST_DETAILS


def _key(day: int, policy: int, session: Session) -> tuple[int, str, int, str, str, str, str, str]:
    return (
        day,
        text(session.domain),
        policy,
        text(session.result),
        text(session.host),
        text(session.receiving),
        text(session.sending),
        text(session.reason),
    )


def _policy(connection: sqlite3.Connection, policy: Policy) -> int:
    """The number of a policy's row."""
    row = (
        text(policy.kind),
        text(policy.domain),
        json.dumps(policy.strings),
        json.dumps(policy.hosts),
    )
    connection.execute(
        "INSERT OR IGNORE INTO policies (kind, domain, strings, hosts) VALUES (?, ?, ?, ?)", row
    )
    sql = "SELECT id FROM policies WHERE kind = ? AND domain = ? AND strings = ? AND hosts = ?"
    return int(connection.execute(sql, row).fetchone()[0])


def _read(row: tuple[str, str, str, str]) -> Policy:
    kind, domain, strings, hosts = row
    return Policy(kind, domain, tuple(json.loads(strings)), tuple(json.loads(hosts)))
