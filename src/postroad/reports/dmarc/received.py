"""`STATE/dmarc-received.db`: reports that others sent, and what is in them.

Theory of operation. Anybody can send reports, so what is kept is bounded, and who says it is kept
with it. The author of a report is the domain that the border proved for its mail; all whose mail
proved nothing are one author, without a name. A report is known by the organization's name, its id
and the domain that it is about. The same one again from the same author counts once; one without an
author does not count beside one that has one, and goes when that comes. So nobody can take the
place of somebody else's report by being first. When there is too much, who has the most loses his
oldest, and all names of one organization are one there: who floods this file floods out himself.

All functions run within a transaction.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from postroad.limits.state_file import Shape, StateUnavailable
from postroad.mailauth.dmarc.suffixes import organizational_domain
from postroad.reports.arrival import Arrival
from postroad.reports.dmarc.feedback import (
    DkimResult,
    Feedback,
    PublishedPolicy,
    Reason,
    Row,
    SpfResult,
)
from postroad.reports.text import text

__all__ = ["DMARC_RECEIVED", "Kept", "ReceivedUnavailable", "kept", "put", "sweep"]

MOST_REPORTS = 20_000
"""Reports that are kept: a year of fifty a day."""

MOST_SIZE = 134_217_728
"""Octets of all of them, about; the file may be twice as long, of which strangers decide."""

_ROW_SIZE = 120  # octets of a row beside its texts

_TABLES = """
CREATE TABLE reports (
    id INTEGER PRIMARY KEY,
    organization TEXT NOT NULL,                -- as it names itself
    report_id TEXT NOT NULL,
    domain TEXT NOT NULL,                      -- of the policy
    author TEXT NOT NULL,                      -- the proved domain of the mail; '': none
    contact TEXT NOT NULL,
    begins INTEGER NOT NULL,                   -- epoch, seconds
    ends INTEGER NOT NULL,
    arrived REAL NOT NULL,                     -- the same
    sender TEXT NOT NULL,                      -- of the mail that it came by
    queue_id TEXT NOT NULL,
    published TEXT NOT NULL,                   -- a JSON array: the policy
    errors TEXT NOT NULL,                      -- a JSON array
    records INTEGER NOT NULL,
    skipped INTEGER NOT NULL,
    size INTEGER NOT NULL,                     -- octets, about
    UNIQUE (organization, report_id, domain, author)
) STRICT;
CREATE INDEX reports_by_time ON reports (arrived);
CREATE INDEX reports_by_end ON reports (ends);
CREATE TABLE rows (
    report INTEGER NOT NULL,
    number INTEGER NOT NULL,
    source TEXT NOT NULL,
    header_from TEXT NOT NULL,
    envelope_from TEXT NOT NULL,
    envelope_to TEXT NOT NULL,
    disposition TEXT NOT NULL,
    dkim INTEGER NOT NULL,
    spf INTEGER NOT NULL,
    details TEXT NOT NULL,                     -- a JSON array: reasons, signatures, senders
    count INTEGER NOT NULL,
    PRIMARY KEY (report, number)
) STRICT, WITHOUT ROWID;
"""


class ReceivedUnavailable(StateUnavailable):
    """What was received cannot be read or written now; the message says why."""


DMARC_RECEIVED = Shape(
    "received reports on DMARC",
    0x50526472,  # "PRdr"
    1,
    _TABLES,
    ReceivedUnavailable,
)


@dataclass(frozen=True, slots=True)
class Kept:
    """A report, and whose word it is.

    Attributes:
        feedback: the report.
        author: the domain that its mail proved to be from; empty: none.
        arrived: when, seconds since the epoch.
        queue_id: of the mail that it came by.
        is_named: whether the operator named a file with it, and so answers for it.
    """

    feedback: Feedback
    author: str = ""
    arrived: float = 0.0
    queue_id: str = ""
    is_named: bool = False

    @property
    def is_proved(self) -> bool:
        """Whether it is anybody's word."""
        return bool(self.author) or self.is_named


def put(connection: sqlite3.Connection, report: Feedback, author: str, arrival: Arrival) -> bool:
    """Keep a report; whether it is new.

    Args:
        connection: to the file.
        report: it.
        author: the proved domain of its mail; empty: none.
        arrival: the mail.
    """
    known = connection.execute(_KNOWN, _identity(report)).fetchall()
    authors = {each for _, each in known}
    if text(author) in authors or (authors - {""} and not author):
        return False
    if author:
        _remove(connection, [number for number, each in known if not each])
    size = _size(report)
    cursor = connection.execute(
        "INSERT INTO reports VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *_identity(report),
            text(author),
            text(report.contact),
            report.begins,
            report.ends,
            arrival.at,
            text(arrival.sender),
            text(arrival.queue_id),
            _json(report.published),
            _json(report.errors),
            report.records,
            report.skipped,
            size,
        ),
    )
    number = cursor.lastrowid
    connection.executemany(
        "INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (_values(number, at, row, count) for at, (row, count) in enumerate(report.rows)),
    )
    _bound(connection)
    return True


def kept(
    connection: sqlite3.Connection, since: float = 0.0, arrived: float = 0.0
) -> Iterator[Kept]:
    """What was reported: by whom is proved, the oldest first; and then by nobody, likewise.

    Who sums it up has room for so much, and strangers must not be the first to take it.

    Args:
        connection: to the file.
        since: only reports that end after this time, seconds since the epoch.
        arrived: only those that came after this time, likewise: older ones are to be forgotten, and
            are as soon as the next one comes.
    """
    for found in connection.execute(_REPORTS, (since, arrived)).fetchall():
        number, organization, report_id, author, contact, begins, ends, came, *rest = found
        queue_id, published, errors, records, skipped = rest
        rows = connection.execute(_ROWS, (number,))
        yield Kept(
            Feedback(
                organization,
                contact,
                report_id,
                begins,
                ends,
                PublishedPolicy(*json.loads(published)),
                tuple((_row(each), int(each[8])) for each in rows),
                records,
                skipped,
                tuple(json.loads(errors)),
            ),
            author,
            came,
            queue_id,
        )


def sweep(connection: sqlite3.Connection, before: float) -> None:
    """Forget what arrived before this time, seconds since the epoch."""
    old = connection.execute("SELECT id FROM reports WHERE arrived < ?", (before,))
    _remove(connection, [number for (number,) in old.fetchall()])


_KNOWN = "SELECT id, author FROM reports WHERE organization = ? AND report_id = ? AND domain = ?"
_REPORTS = """
SELECT id, organization, report_id, author, contact, begins, ends, arrived, queue_id, published,
    errors, records, skipped
FROM reports WHERE ends >= ? AND arrived >= ? ORDER BY author = '', ends, id
"""
_ROWS = """
SELECT source, header_from, envelope_from, envelope_to, disposition, dkim, spf, details, count
FROM rows WHERE report = ? ORDER BY number
"""
_AUTHORS = "SELECT author, {amount} FROM reports GROUP BY author"
_OLDEST = """
SELECT id, size FROM reports WHERE author IN (SELECT value FROM json_each(?)) ORDER BY arrived, id
"""


def _identity(report: Feedback) -> tuple[str, str, str]:
    return text(report.organization), text(report.id), text(report.published.domain)


def _values(number: int | None, at: int, row: Row, count: int) -> tuple[object, ...]:
    return (
        number,
        at,
        *[text(each) for each in row[:5]],
        row.dkim,
        row.spf,
        _json((row.reasons, row.signatures, row.senders)),
        count,
    )


def _row(found: tuple[str, str, str, str, str, int, int, str, int]) -> Row:
    source, header_from, envelope_from, envelope_to, disposition, dkim, spf, details, _ = found
    reasons, signatures, senders = json.loads(details)
    return Row(
        source,
        header_from,
        envelope_from,
        envelope_to,
        disposition,
        bool(dkim),
        bool(spf),
        tuple([Reason(*each) for each in reasons]),
        tuple([DkimResult(*each) for each in signatures]),
        tuple([SpfResult(*each) for each in senders]),
    )


def _json(value: object) -> str:
    return text(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def _size(report: Feedback) -> int:
    """About as many octets as it takes: texts are ASCII mostly."""
    return sum([_ROW_SIZE + len(_json(row[2:])) for row, _ in report.rows]) + 500


def _bound(connection: sqlite3.Connection) -> None:
    """Forget the oldest of who has the most, while there is too much."""
    reports, size = connection.execute("SELECT count(*), sum(size) FROM reports").fetchone()
    while reports > MOST_REPORTS or size > MOST_SIZE:
        amount = "count(*)" if reports > MOST_REPORTS else "sum(size)"
        authors = json.dumps(_of_who_has_most(connection, amount))
        oldest = connection.execute(_OLDEST, (authors,)).fetchall()
        going = oldest[: max(1, len(oldest) // 10)]
        _remove(connection, [number for number, _ in going])
        reports -= len(going)
        size -= sum([each for _, each in going])


def _of_who_has_most(connection: sqlite3.Connection, amount: str) -> list[str]:
    """All names of one organization: a record in the DNS proves any number of them."""
    authors: dict[str, list[str]] = {}
    amounts: dict[str, int] = {}
    for author, much in connection.execute(_AUTHORS.format(amount=amount)):
        organization = organizational_domain(author) if author else ""
        authors.setdefault(organization, []).append(author)
        amounts[organization] = amounts.get(organization, 0) + much
    return authors[max(amounts, key=lambda each: amounts[each])]


def _remove(connection: sqlite3.Connection, numbers: list[int]) -> None:
    for table, column in (("rows", "report"), ("reports", "id")):
        connection.executemany(
            f"DELETE FROM {table} WHERE {column} = ?",  # noqa: S608 - names of ours
            [(number,) for number in numbers],
        )
