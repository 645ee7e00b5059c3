"""`STATE/verified.db`: what probes found out about addresses, shared by all workers.

Theory of operation. A row has the last result and its time. It also says until when no other probe
may begin: whoever is to probe an address claims it in the transaction in which it found that a
probe is due, so that one is under way at a time, whichever worker was asked. A claim ends by
itself should its worker be killed.

As with Postfix, a result is used until it expires, and renewed behind the client's back when it
gets old; that an address takes mail is not forgotten for one probe that failed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from postroad.delivery.settings import VerificationSettings
from postroad.limits.state_file import Keeping, Shape, StateUnavailable
from postroad.policy import Verification, VerificationStatus

__all__ = ["CLAIM", "VERIFIED", "Known", "Verified", "VerifiedUnavailable", "forget", "listed"]

CLAIM = 150.0
"""Seconds for which nobody else probes an address: longer than any probe (`probing.LONGEST`)."""

MOST_TEXT = 500
"""Characters of a next hop's words that are kept: more do not fit a reply line either."""

_SWEEP_EVERY = 100
"""Results after which a worker looks for those that are too old or too many; some 20 ms each."""

_TABLES = """
CREATE TABLE addresses (
    address TEXT PRIMARY KEY,
    status TEXT NOT NULL CHECK (status IN ('deliverable', 'undeliverable', 'unknown', '')),
    why TEXT NOT NULL,                         -- the next hop's words
    updated REAL NOT NULL,                     -- epoch, seconds: when that was found out
    claimed REAL NOT NULL                      -- the same: before it, nobody else probes
) STRICT, WITHOUT ROWID;
CREATE INDEX addresses_by_time ON addresses (updated);
"""


class VerifiedUnavailable(StateUnavailable):
    """What is known of addresses cannot be read or written now; the message says why."""


VERIFIED = Shape("verified addresses", 0x50527661, 1, _TABLES, VerifiedUnavailable)  # "PRva"


class Known(NamedTuple):
    """What is known of an address.

    Attributes:
        verification: the result that can be used; `None`: there is none.
        due: whether it is to be probed, and who asked has claimed it.
    """

    verification: Verification | None
    due: bool


@dataclass(frozen=True, slots=True)
class Listed:
    """A row for who lists them.

    Attributes:
        address: the address.
        status: `deliverable`, `undeliverable`, `unknown`, or `probing` before the first result.
        why: the next hop's words.
        updated: when that was found out, seconds since the epoch.
    """

    address: str
    status: str
    why: str
    updated: float


class Verified:
    """The results, for one worker.

    Attributes:
        settings: may be exchanged at any time.
    """

    def __init__(self, settings: VerificationSettings, file: Keeping) -> None:
        """What is known.

        Args:
            settings: how long results are good.
            file: keeps `VERIFIED`.
        """
        self.settings = settings
        self._file = file
        self._left = 0  # results until the next look for old ones

    async def look(self, address: str, now: float, *, claim: bool) -> Known:
        """What is known of an address.

        Args:
            address: `Address.key`.
            now: seconds since the epoch.
            claim: whether who asks will probe it if that is due.

        Raises:
            VerifiedUnavailable: nobody knows now.
        """
        look = _Look(_text(address), self.settings, now)
        return await self._file.ask(lambda connection: look.up(connection, claim=claim))

    async def put(self, address: str, result: Verification, now: float) -> None:
        """Write down what a probe found.

        Raises:
            VerifiedUnavailable: it was not.
        """
        look = _Look(_text(address), self.settings, now)
        must_sweep = self._left <= 0
        self._left = _SWEEP_EVERY if must_sweep else self._left - 1

        def write(connection: sqlite3.Connection) -> None:
            look.put(connection, result)
            if must_sweep:
                _sweep(connection, self.settings, now)

        await self._file.ask(write)

    async def release(self, address: str) -> None:
        """Give a claim back: the address was not probed.

        Raises:
            VerifiedUnavailable: it ends by itself.
        """
        await self._file.ask(lambda connection: _release(connection, _text(address)))


class _Look:
    """A look at one address at one time, within a transaction."""

    __slots__ = ("_address", "_now", "_settings")

    def __init__(self, address: str, settings: VerificationSettings, now: float) -> None:
        self._address = address
        self._settings = settings
        self._now = now

    def up(self, connection: sqlite3.Connection, *, claim: bool) -> Known:
        """What is known; claims the address where a probe is due."""
        row = _row(connection, self._address)
        if row is None:
            if claim:
                values = (self._address, self._now, self._now + CLAIM)
                connection.execute("INSERT INTO addresses VALUES (?, '', '', ?, ?)", values)
            return Known(None, due=claim)
        verification = row.verification if self._is_good(row) else None
        due = claim and not self._is_claimed(row) and self._is_due(row)
        if due:
            sql = "UPDATE addresses SET claimed = ? WHERE address = ?"
            connection.execute(sql, (self._now + CLAIM, self._address))
        return Known(verification, due)

    def put(self, connection: sqlite3.Connection, result: Verification) -> None:
        """Replace the result, unless a good one would go for a bad one before its time."""
        row = _row(connection, self._address)
        status = result.status
        keeps = (
            row is not None
            and row.status == VerificationStatus.DELIVERABLE.value
            and status is not VerificationStatus.DELIVERABLE
            and self._is_good(row)
        )
        if keeps:
            later = self._now + max(self._settings.unknown_refresh, 1.0)
            sql = "UPDATE addresses SET claimed = ? WHERE address = ?"
            connection.execute(sql, (later, self._address))
            return
        values = (self._address, status.value, _text(result.why)[:MOST_TEXT], self._now)
        connection.execute("INSERT OR REPLACE INTO addresses VALUES (?, ?, ?, ?, 0)", values)

    def _is_good(self, row: _Row) -> bool:
        """Whether the result can be told. One that says nothing is no better than none once old."""
        settings, age = self._settings, self._now - row.updated
        match row.status:
            case VerificationStatus.DELIVERABLE.value:
                limit = settings.positive_expire
            case VerificationStatus.UNDELIVERABLE.value:
                limit = settings.negative_expire
            case VerificationStatus.UNKNOWN.value:
                return 0 <= age <= settings.unknown_refresh
            case _:
                return False
        return not limit or age <= limit

    def _is_due(self, row: _Row) -> bool:
        settings, age = self._settings, self._now - row.updated
        if not self._is_good(row):
            return True
        match row.status:
            case VerificationStatus.DELIVERABLE.value:
                limit = settings.positive_refresh
            case VerificationStatus.UNDELIVERABLE.value:
                limit = settings.negative_refresh
            case _:
                return False
        return bool(limit) and age > limit

    def _is_claimed(self, row: _Row) -> bool:
        """Whether somebody probes it. No claim is longer than there are, whatever clocks did."""
        longest = max(CLAIM, self._settings.unknown_refresh)
        return self._now < row.claimed <= self._now + longest


class _Row(NamedTuple):
    status: str
    why: str
    updated: float
    claimed: float

    @property
    def verification(self) -> Verification:
        return Verification(VerificationStatus(self.status), self.why)


def _row(connection: sqlite3.Connection, address: str) -> _Row | None:
    sql = "SELECT status, why, updated, claimed FROM addresses WHERE address = ?"
    row = connection.execute(sql, (address,)).fetchone()
    return None if row is None else _Row(str(row[0]), str(row[1]), float(row[2]), float(row[3]))


def _release(connection: sqlite3.Connection, address: str) -> None:
    connection.execute("DELETE FROM addresses WHERE address = ? AND status = ''", (address,))
    connection.execute("UPDATE addresses SET claimed = 0 WHERE address = ?", (address,))


def _sweep(connection: sqlite3.Connection, settings: VerificationSettings, now: float) -> None:
    """Forget results that nobody would be told, and the oldest of too many."""
    for status, limit in (
        ("deliverable", settings.positive_expire),
        ("undeliverable", settings.negative_expire),
        ("unknown", settings.negative_expire),
        ("", 2 * CLAIM),
    ):
        if limit:
            sql = "DELETE FROM addresses WHERE status = ? AND updated < ?"
            connection.execute(sql, (status, now - limit))
    if settings.entries:
        connection.execute(
            "DELETE FROM addresses WHERE address IN (SELECT address FROM addresses"
            " ORDER BY updated LIMIT max(0, (SELECT count(*) FROM addresses) - ?))",
            (settings.entries,),
        )


def _text(text: str) -> str:
    """What SQLite takes: no lone surrogates."""
    return text.encode("utf-8", "replace").decode()


# For those who look at the file -------------------------------------------------------------------


def listed(connection: sqlite3.Connection) -> Iterator[Listed]:
    """All rows, the oldest first."""
    rows = connection.execute(
        "SELECT address, CASE status WHEN '' THEN 'probing' ELSE status END, why, updated"
        " FROM addresses ORDER BY updated"
    )
    yield from (Listed(*row) for row in rows)


def forget(connection: sqlite3.Connection, subject: str | None) -> int:
    """Forget an address, a domain, or everything; how many addresses that were.

    Args:
        connection: to the file.
        subject: `Address.key`, or `@` and a domain in the same form; `None`: all.
    """
    if subject is None:
        return connection.execute("DELETE FROM addresses").rowcount
    if subject.startswith("@"):
        sql = "DELETE FROM addresses WHERE substr(address, -length(?)) = ?"
        return connection.execute(sql, (subject, subject)).rowcount
    return connection.execute("DELETE FROM addresses WHERE address = ?", (subject,)).rowcount
