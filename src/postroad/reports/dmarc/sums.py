"""The counts in the file: their tables, and how they are read for a day's report.

All of these run within a transaction. How they get there, and how much there may be of them, is
`adding`'s business.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from postroad.reports.dmarc.feedback import DkimResult, Reason, Row, SpfResult
from postroad.reports.missed import sweep_missed
from postroad.reports.text import text

__all__ = ["TABLES", "Counted", "OfDay", "Policied", "counted", "of_day", "sweep"]

TABLES = """
CREATE TABLE policies (
    id INTEGER PRIMARY KEY,
    domain TEXT NOT NULL,
    record TEXT NOT NULL,
    found_by TEXT NOT NULL,
    UNIQUE (domain, record, found_by)
) STRICT;
CREATE TABLE domains (
    day INTEGER NOT NULL,                      -- since the epoch, in UTC; so everywhere
    domain TEXT NOT NULL,                      -- where the policy is
    organization TEXT NOT NULL,
    policy INTEGER NOT NULL,                   -- the one that was seen last
    entries INTEGER NOT NULL,                  -- rows of messages
    failing INTEGER NOT NULL,                  -- those of them that fail
    missed INTEGER NOT NULL,                   -- messages for which there was no room
    PRIMARY KEY (day, domain)
) STRICT, WITHOUT ROWID;
CREATE INDEX domains_by_organization ON domains (day, organization);
CREATE TABLE messages (
    day INTEGER NOT NULL,
    domain TEXT NOT NULL,
    digest BLOB NOT NULL,                      -- of policy and row
    policy INTEGER NOT NULL,
    passes INTEGER NOT NULL,
    row TEXT NOT NULL,                         -- a JSON array
    count INTEGER NOT NULL,
    PRIMARY KEY (day, domain, digest)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER messages_go_with_domains AFTER DELETE ON domains BEGIN
    DELETE FROM messages WHERE day = OLD.day AND domain = OLD.domain;
END;
CREATE TABLE missed (
    day INTEGER PRIMARY KEY,
    count INTEGER NOT NULL                     -- messages of domains for which there was no room
) STRICT;
"""


@dataclass(frozen=True, slots=True)
class Counted:
    """What is counted of a domain on a day, for who lists it.

    Attributes:
        day: number of the day since the epoch.
        domain: where the policy is.
        ok: messages that passed.
        failed: messages that failed.
        missed: messages for which there was no room.
    """

    day: int
    domain: str
    ok: int
    failed: int
    missed: int


@dataclass(frozen=True, slots=True)
class Policied:
    """Messages that are alike, and the record that they were evaluated by.

    Attributes:
        row: what came of them.
        count: how many they are.
        record: the record's text.
    """

    row: Row
    count: int
    record: str


@dataclass(frozen=True, slots=True)
class OfDay:
    """All that was counted of a domain on a day.

    Attributes:
        record: the record that was seen last; empty where nothing is known of the domain.
        found_by: how that was found.
        messages: them.
        missed: messages for which there was no room.
    """

    record: str
    found_by: str
    messages: tuple[Policied, ...]
    missed: int


def of_day(connection: sqlite3.Connection, day: int, domain: str) -> OfDay:
    """All that was counted of a domain on a day."""
    known = connection.execute(_KNOWN, (day, text(domain))).fetchone()
    record, found_by, lost = known or ("", "", 0)
    rows = connection.execute(_OF_DAY, (day, text(domain)))
    messages = [Policied(_read(row), int(count), str(said)) for row, count, said in rows]
    return OfDay(str(record), str(found_by), tuple(messages), int(lost))


def counted(connection: sqlite3.Connection) -> Iterator[Counted]:
    """What is counted and not reported yet, the newest day first."""
    yield from (Counted(*row) for row in connection.execute(_COUNTED))


def sweep(connection: sqlite3.Connection, before: int) -> None:
    """Forget the counts of days before this one, and policies that nothing goes by."""
    connection.execute("DELETE FROM domains WHERE day < ?", (before,))
    sweep_missed(connection, before)
    connection.execute(
        "DELETE FROM policies WHERE id NOT IN (SELECT policy FROM domains)"
        " AND id NOT IN (SELECT policy FROM messages)"
    )


_KNOWN = """
SELECT record, found_by, missed FROM domains JOIN policies ON policies.id = policy
WHERE day = ? AND domains.domain = ?
"""
_OF_DAY = """
SELECT row, count, record FROM messages JOIN policies ON policies.id = policy
WHERE day = ? AND messages.domain = ? ORDER BY count DESC, digest
"""
_COUNTED = """
SELECT day, domain, coalesce(sum(iif(passes, count, 0)), 0),
    coalesce(sum(iif(passes, 0, count)), 0), missed
FROM domains LEFT JOIN messages USING (day, domain)
GROUP BY day, domain ORDER BY day DESC, domain
"""


def _read(written: str) -> Row:
    value = json.loads(written)
    lists = (
        tuple([Reason(*each) for each in value[7]]),
        tuple([DkimResult(*each) for each in value[8]]),
        tuple([SpfResult(*each) for each in value[9]]),
    )
    return Row._make((*value[:7], *lists))
