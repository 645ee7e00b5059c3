"""Adding counts to the file, within bounds, by all workers.

All of it runs within a transaction.

What strangers can make up is bounded at three places. A domain has room for `MOST_OF_DOMAIN` kinds
of messages a day, of which those that fail leave some free: anybody can send mail in somebody's
name that fails, from anywhere and with any signatures, but none that passes. An organization has
room for so many domains, as one record in the DNS can make any number of them. And there is room
for so many kinds of messages in the file, of which an organization may have a part of what is
*left*: the fuller the file, the less for each, so that whoever comes still finds something; the
last of it is for mail that passes. What finds no room in detail is counted in short, without what
is easily made up; what finds none at all is counted as missed, and a report says how much that was.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from dataclasses import dataclass

from postroad.mailauth.dmarc.suffixes import organizational_domain
from postroad.reports.dmarc.counting import Counts
from postroad.reports.dmarc.observation import Observation
from postroad.reports.missed import add_missed
from postroad.reports.text import text

__all__ = ["add"]

MOST_ROWS = 100_000
"""Rows of counts, some 60 MB; four times as much if strangers see to it."""

MOST_RECORDS = 50_000
"""Records of domains, some 5 MB; at most 200 MB, as one may have 4,096 characters. Half of it is
for domains' first ones."""

PART = 10
"""An organization may have as many rows on a day as one part, of so many, of the room that is left:
some 9,000 if it is alone, and ten that take all they can leave 38,000."""

FOR_PASSING = 10
"""One part of all rows, of so many, is for mail that passes."""

MOST_DOMAINS = 100
"""Domains of one organization on one day that are reported on. Each is a report."""

MOST_OF_DOMAIN = 6_000
"""Rows of a domain on a day: a report of some 4 MB, and of 200 KB packed."""

MOST_DETAILED = 4_000
"""Those of a domain on a day in which details are kept."""

MOST_FAILING = 3_000
"""Those of them that fail; in short there may be `MOST_SHORT_FAILING`."""

MOST_SHORT_FAILING = 5_000

MOST_POLICIES = 5
"""Records of a domain that are told apart; what comes with more of them goes with the last."""


def add(connection: sqlite3.Connection, counts: Counts, uncounted: int, today: int) -> int:
    """Add what a worker counted.

    Args:
        connection: to the file.
        counts: how often what happened.
        uncounted: how many it could not count.
        today: number of the day since the epoch.

    Returns:
        How many messages there was no room for.
    """
    adding = _Adding(connection)
    lost: dict[int, int] = {today: uncounted} if uncounted else {}
    without_room = 0
    for (day, seen), count in counts.items():
        if not adding.has_domain(day, seen):
            lost[day] = lost.get(day, 0) + count
        elif not adding.is_added(day, seen, count):
            without_room += count
            connection.execute(_MISSED_OF_DOMAIN, (count, day, text(seen.domain)))
    add_missed(connection, lost)
    return sum(lost.values()) + without_room


_MISSED_OF_DOMAIN = "UPDATE domains SET missed = missed + ? WHERE day = ? AND domain = ?"
_ROOM = "SELECT count(*), coalesce(sum(entries), 0) FROM domains WHERE day = ? AND organization = ?"


@dataclass(slots=True)
class _Room:
    """How much there is of a domain already."""

    entries: int
    failing: int
    policy: int


class _Adding:
    """What is known of the file while counts are added, so that it is asked for once."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._domains: dict[tuple[int, str], _Room | None] = {}
        self._organizations: dict[tuple[int, str], list[int]] = {}
        self._policies: dict[tuple[str, str, str], int] = {}
        self._rows: int
        (self._rows,) = connection.execute(
            "SELECT coalesce(sum(entries), 0) FROM domains"
        ).fetchone()
        (self._records,) = connection.execute("SELECT count(*) FROM policies").fetchone()

    def has_domain(self, day: int, seen: Observation) -> bool:
        """Whether there is a row of the domain, or room for one; its policy is noted."""
        key = (day, seen.domain)
        if key not in self._domains:
            self._domains[key] = self._domain(day, seen)
        return self._domains[key] is not None

    def is_added(self, day: int, seen: Observation, count: int) -> bool:
        """Count it, in detail or in short; whether there was room."""
        policy = self._policy(seen)
        self._last_seen(day, seen.domain, policy)
        short = seen.in_short
        return self._put(day, seen, policy, count, is_short=seen.row == short.row) or (
            seen.row != short.row and self._put(day, short, policy, count, is_short=True)
        )

    def _last_seen(self, day: int, domain: str, policy: int) -> None:
        room = self._room(day, domain)
        if room.policy == policy:
            return
        room.policy = policy
        self._connection.execute(
            "UPDATE domains SET policy = ? WHERE day = ? AND domain = ?",
            (policy, day, text(domain)),
        )

    def _room(self, day: int, domain: str) -> _Room:
        room = self._domains[day, domain]
        assert room is not None, "has_domain was asked"
        return room

    def _put(self, day: int, seen: Observation, policy: int, count: int, *, is_short: bool) -> bool:
        written = json.dumps(seen.row, separators=(",", ":"))
        digest = hashlib.blake2b(f"{policy} {written}".encode(), digest_size=16).digest()
        key = (day, text(seen.domain), digest)
        updated = self._connection.execute(
            "UPDATE messages SET count = count + ? WHERE day = ? AND domain = ? AND digest = ?",
            (count, *key),
        )
        if updated.rowcount:
            return True
        passes = seen.row.passes
        if not self._has_room(day, seen.domain, passes=passes, is_short=is_short):
            return False
        self._connection.execute(
            "INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?, ?)",
            (*key, policy, passes, written, count),
        )
        self._taken(day, seen.domain, passes=passes)
        return True

    def _has_room(self, day: int, domain: str, *, passes: bool, is_short: bool) -> bool:
        room = self._room(day, domain)
        failing = MOST_SHORT_FAILING if is_short else MOST_FAILING
        return (
            room.entries < (MOST_OF_DOMAIN if is_short else MOST_DETAILED)
            and (passes or room.failing < failing)
            and self._organization(day, domain)[1] < self._share(passes=passes)
        )

    def _share(self, *, passes: bool) -> int:
        """Rows that an organization may have now."""
        left = MOST_ROWS - self._rows - (0 if passes else MOST_ROWS // FOR_PASSING)
        return -(-left // PART)  # rounded up: of one row, one

    def _taken(self, day: int, domain: str, *, passes: bool) -> None:
        room = self._room(day, domain)
        room.entries += 1
        room.failing += not passes
        self._rows += 1
        self._organization(day, domain)[1] += 1
        self._connection.execute(
            "UPDATE domains SET entries = ?, failing = ? WHERE day = ? AND domain = ?",
            (room.entries, room.failing, day, text(domain)),
        )

    def _domain(self, day: int, seen: Observation) -> _Room | None:
        row = self._connection.execute(
            "SELECT entries, failing, policy FROM domains WHERE day = ? AND domain = ?",
            (day, text(seen.domain)),
        ).fetchone()
        if row is not None:
            return _Room(*row)
        known = self._organization(day, seen.domain)
        share = self._share(passes=seen.row.passes)
        if self._records >= MOST_RECORDS or known[0] >= MOST_DOMAINS or known[1] >= share:
            return None
        known[0] += 1
        policy = self._policy(seen)
        self._connection.execute(
            "INSERT INTO domains VALUES (?, ?, ?, ?, 0, 0, 0)",
            (
                day,
                text(seen.domain),
                text(organizational_domain(seen.domain)),
                policy,
            ),
        )
        return _Room(0, 0, policy)

    def _organization(self, day: int, domain: str) -> list[int]:
        """Domains and rows of the organization that a domain belongs to."""
        key = (day, organizational_domain(domain))
        if key not in self._organizations:
            found = self._connection.execute(_ROOM, (day, text(key[1]))).fetchone()
            self._organizations[key] = list(found)
        return self._organizations[key]

    def _policy(self, seen: Observation) -> int:
        """The number of a policy's row."""
        row = (text(seen.domain), text(seen.record), seen.found_by)
        if row not in self._policies:
            self._policies[row] = self._stored_policy(row)
        return self._policies[row]

    def _stored_policy(self, row: tuple[str, str, str]) -> int:
        sql = "SELECT id FROM policies WHERE domain = ? AND record = ? AND found_by = ?"
        known = self._connection.execute(sql, row).fetchone()
        if known is not None:
            return int(known[0])
        newest = self._connection.execute(
            "SELECT count(*), max(id) FROM policies WHERE domain = ?", row[:1]
        ).fetchone()
        if newest[0] >= MOST_POLICIES or (newest[0] and self._records >= MOST_RECORDS // 2):
            return int(newest[1])
        self._records += 1
        inserted = self._connection.execute(
            "INSERT INTO policies (domain, record, found_by) VALUES (?, ?, ?)", row
        )
        return int(inserted.lastrowid or 0)
