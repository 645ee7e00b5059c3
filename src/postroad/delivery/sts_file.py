"""`STATE/sts.db`: the MTA-STS policies that were fetched, shared by all workers.

Theory of operation. A policy must outlive a restart, for its whole worth is that it was fetched
when nobody interfered: who can take the TXT record or the web server away from us later must not
take the policy with it (RFC 8461 §10.2). A row is a domain's policy with its text, as long as it
holds, and what came of the last attempt to fetch one. Who refreshes policies in the background
claims them in the transaction that finds them due, so that one worker does it.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from postroad.delivery.sts_policy import Malformed, StsPolicy, parse
from postroad.limits.state_file import Keeping, Shape, StateUnavailable

__all__ = ["STS", "Fetched", "StsFile", "StsUnavailable"]

MOST = 20_000
"""Domains that are kept; those that were used longest ago go first. Some 300 octets each."""

_TABLES = """
CREATE TABLE policies (
    domain TEXT PRIMARY KEY,
    id TEXT NOT NULL,                          -- of the TXT record that the policy was fetched for
    text TEXT NOT NULL,                        -- empty: none was ever fetched
    fetched REAL NOT NULL,                     -- epoch, seconds: when it was
    tried REAL NOT NULL,                       -- the same: the last attempt
    failure TEXT NOT NULL,                     -- why that brought none; empty: it did
    used REAL NOT NULL                         -- the same: when mail last went by it
) STRICT, WITHOUT ROWID;
CREATE INDEX policies_by_use ON policies (used);
"""


class StsUnavailable(StateUnavailable):
    """What is kept cannot be read or written now; the message says why."""


STS = Shape("MTA-STS policies", 0x50527374, 1, _TABLES, StsUnavailable)  # "PRst"


@dataclass(frozen=True, slots=True)
class Fetched:
    """What is known of a domain.

    Attributes:
        domain: the domain.
        id: of the TXT record for which the policy was fetched.
        policy: the policy that holds; `None`: there is none.
        fetched: when it was, seconds since the epoch.
        tried: when one was last asked for.
        failure: why that brought none, in the form `result words`; empty: it did.
    """

    domain: str
    id: str
    policy: StsPolicy | None
    fetched: float
    tried: float
    failure: str = ""

    def holds(self, now: float) -> bool:
        """Whether there is a policy, and its time is not over."""
        return self.policy is not None and now < self.fetched + self.policy.max_age


class StsFile:
    """The file, for one worker."""

    def __init__(self, file: Keeping) -> None:
        """Take who keeps `STS`."""
        self._file = file

    async def get(self, domain: str, now: float) -> Fetched | None:
        """What is known of a domain, which is about to get mail.

        Raises:
            StsUnavailable: nobody knows now.
        """

        def question(connection: sqlite3.Connection) -> Fetched | None:
            row = connection.execute(f"{_SELECT} WHERE domain = ?", (domain,)).fetchone()
            if row is None:
                return None
            connection.execute(
                "UPDATE policies SET used = ? WHERE domain = ? AND used < ?",
                (now, domain, now - _NOTE_USE),
            )
            return _fetched(row)

        return await self._file.ask(question)

    async def put(self, known: Fetched, text: str, now: float) -> None:
        """Keep what was fetched, or that nothing was.

        Args:
            known: what is known from now on.
            text: the policy's lines; empty: the one before it is left.
            now: seconds since the epoch.

        Raises:
            StsUnavailable: it is not kept.
        """

        def question(connection: sqlite3.Connection) -> None:
            row = (known.domain, known.id, text, known.fetched, known.tried, known.failure, now)
            if text:
                connection.execute(_REPLACE, row)
            else:
                connection.execute(_FAILED, row)
            (count,) = connection.execute("SELECT count(*) FROM policies").fetchone()
            if count > MOST:
                connection.execute(_SWEEP, (count - MOST,))

        await self._file.ask(question)

    async def due(self, before: float, used_since: float, now: float, most: int) -> list[Fetched]:
        """Policies that should be fetched again; who asks has claimed them.

        Args:
            before: those that were last asked for before this time, seconds since the epoch.
            used_since: only those by which mail went since this time.
            now: seconds since the epoch.
            most: how many at the most.

        Raises:
            StsUnavailable: nobody knows now.
        """

        def question(connection: sqlite3.Connection) -> list[Fetched]:
            rows = connection.execute(
                f"{_SELECT} WHERE text != '' AND tried < ? AND used >= ? ORDER BY tried LIMIT ?",
                (before, used_since, most),
            ).fetchall()
            connection.executemany(
                "UPDATE policies SET tried = ? WHERE domain = ?", [(now, row[0]) for row in rows]
            )
            return [_fetched(row) for row in rows]

        return await self._file.ask(question)


_NOTE_USE = 86_400.0  # seconds between two notes that a policy was used

_SELECT = "SELECT domain, id, text, fetched, tried, failure FROM policies"
_REPLACE = """
INSERT OR REPLACE INTO policies (domain, id, text, fetched, tried, failure, used)
VALUES (?, ?, ?, ?, ?, ?, ?)
"""
_FAILED = """
INSERT INTO policies (domain, id, text, fetched, tried, failure, used)
VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (domain) DO UPDATE SET tried = excluded.tried, failure = excluded.failure
"""
_SWEEP = """
DELETE FROM policies WHERE domain IN (SELECT domain FROM policies ORDER BY used LIMIT ?)
"""


def _fetched(row: tuple[str, str, str, float, float, str]) -> Fetched:
    domain, policy_id, text, fetched, tried, failure = row
    policy: StsPolicy | None = None
    if text:
        try:
            policy = parse(domain, text)
        except Malformed:  # written by a release that read more
            policy = None
    return Fetched(domain, policy_id, policy, fetched, tried, failure)
