"""Reports that others sent, in the file, and their sums for operators.

All of these run within a transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field

from postroad.reports.arrival import Arrival
from postroad.reports.day import day_of
from postroad.reports.text import text
from postroad.reports.tls.report import Report

__all__ = ["Day", "Failed", "days", "put", "sweep"]

MOST = 20_000
"""Reports that are kept; the oldest go first. Most have less than 1 KB."""

MOST_FAILURES = 500_000
"""Kinds of failures of all of them, some 50 MB, of which strangers decide what is in them."""


@dataclass(frozen=True, slots=True)
class Failed:
    """Failures of one kind.

    Attributes:
        result: the result type.
        host: our mail exchanger.
        reason: more about it, of one of them.
        count: sessions.
        senders: addresses of the servers that met it, at most `MOST_SENDERS`.
    """

    result: str
    host: str
    reason: str
    count: int
    senders: tuple[str, ...]


@dataclass(slots=True)
class Day:
    """What an organisation reported of a domain for a day.

    Attributes:
        day: number of the day since the epoch.
        organization: who reported; whoever it says that it is.
        domain: of the policies, as the reports name it.
        contact: whom to ask there.
        ok: sessions that succeeded.
        failed: sessions that failed.
        failures: those, by kind.
    """

    day: int
    organization: str
    domain: str
    contact: str
    ok: int = 0
    failed: int = 0
    failures: list[Failed] = field(default_factory=list)


MOST_SENDERS = 5


def put(connection: sqlite3.Connection, report: Report, arrival: Arrival) -> bool:
    """Keep a report; whether it is new. The same id from the same organisation is the same one."""
    cursor = connection.execute(
        "INSERT OR IGNORE INTO received (organization, report_id, contact, begins, ends, arrived,"
        " sender, queue_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            text(report.organization),
            text(report.id),
            text(report.contact),
            report.begins,
            report.ends,
            arrival.at,
            text(arrival.sender),
            text(arrival.queue_id),
        ),
    )
    if not cursor.rowcount:
        return False
    number = cursor.lastrowid
    for position, result in enumerate(report.policies):
        connection.execute(
            "INSERT INTO received_policies VALUES (?, ?, ?, ?, ?, ?)",
            (
                number,
                position,
                text(result.policy.kind),
                text(result.policy.domain),
                result.ok,
                result.failed,
            ),
        )
        connection.executemany(
            "INSERT INTO received_failures VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    number,
                    position,
                    at,
                    text(each.result),
                    text(each.host),
                    text(each.receiving),
                    text(each.sending),
                    text(each.reason),
                    each.count,
                )
                for at, each in enumerate(result.failures)
            ],
        )
    _bound(connection)
    return True


def days(connection: sqlite3.Connection) -> Iterator[Day]:
    """What was reported, the newest day first."""
    found: dict[tuple[int, str, str], Day] = {}
    for number, position, organization, contact, begins, domain, ok, failed in connection.execute(
        _POLICIES
    ).fetchall():
        key = (day_of(begins), organization, domain)
        day = found.setdefault(key, Day(*key, contact))
        day.ok += ok
        day.failed += failed
        day.failures += _failures(connection, number, position)
    for day in found.values():
        day.failures = _joined(day.failures)
        yield day


def sweep(connection: sqlite3.Connection, before: float) -> None:
    """Forget what arrived before this time, seconds since the epoch."""
    connection.execute("DELETE FROM received WHERE arrived < ?", (before,))
    _remove_orphans(connection)


_POLICIES = """
SELECT received.id, position, organization, contact, begins, domain, ok, failed
FROM received JOIN received_policies ON report = received.id
ORDER BY begins DESC, organization, domain
"""


def _failures(connection: sqlite3.Connection, number: int, position: int) -> list[Failed]:
    rows = connection.execute(
        "SELECT result, host, reason, count, sending FROM received_failures"
        " WHERE report = ? AND position = ?",
        (number, position),
    )
    return [
        Failed(result, host, reason, count, (sending,) if sending else ())
        for result, host, reason, count, sending in rows
    ]


def _joined(failures: list[Failed]) -> list[Failed]:
    """Those of the same type at the same host as one, the most frequent first."""
    joined: dict[tuple[str, str], Failed] = {}
    for each in failures:
        before = joined.get((each.result, each.host))
        if before is not None:
            senders = tuple(dict.fromkeys((*before.senders, *each.senders)))[:MOST_SENDERS]
            each = Failed(  # noqa: PLW2901 - the sum of both
                each.result,
                each.host,
                before.reason or each.reason,
                before.count + each.count,
                senders,
            )
        joined[each.result, each.host] = each
    return sorted(joined.values(), key=lambda each: (-each.count, each.result, each.host))


def _bound(connection: sqlite3.Connection) -> None:
    """Forget the oldest of too many."""
    (reports,) = connection.execute("SELECT count(*) FROM received").fetchone()
    (failures,) = connection.execute("SELECT count(*) FROM received_failures").fetchone()
    if reports <= MOST and failures <= MOST_FAILURES:
        return
    connection.execute(
        "DELETE FROM received WHERE id IN (SELECT id FROM received ORDER BY arrived, id LIMIT ?)",
        (max(reports - MOST, reports // 10),),
    )
    _remove_orphans(connection)


def _remove_orphans(connection: sqlite3.Connection) -> None:
    for table in ("received_policies", "received_failures"):
        connection.execute(f"DELETE FROM {table} WHERE report NOT IN (SELECT id FROM received)")  # noqa: S608
