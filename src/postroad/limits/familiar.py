"""From which networks a user logged in lately: they are no strangers when the user is attacked.

Kept in `STATE/bans.db` beside the bans, because an attack may outlast the server. Names are those
that clients give, in small letters; only names that logged in get here.
"""

from __future__ import annotations

import math
import sqlite3

from postroad.limits.database import Later
from postroad.limits.network import network_of

__all__ = ["Familiar"]

RENEWAL = 86_400.0
"""Seconds after which a login is written down again: one write a day for each user and network."""

MOST_NETWORKS = 50
"""Networks of one user that are kept, the latest: few people travel so much in a month."""

_MOST_SEEN = 10_000  # logins that a worker need not look up again; some 2 MB


class Familiar:
    """The known networks of users. Belongs to the event loop's thread."""

    def __init__(self, connection: sqlite3.Connection, later: Later) -> None:
        """The logins of a file.

        Args:
            connection: from `open_bans`; the caller closes it.
            later: writes logins down.
        """
        self._connection = connection
        self._later = later
        self._seen: dict[tuple[str, str], float] = {}

    def knows(self, user: str, address: str, since: float) -> bool:
        """Whether a user logged in from the network of an address after a time.

        A file that cannot be read at the moment says yes: this lock keeps guessers from a name, and
        must not keep a user from it.

        Args:
            user: the name as the client gave it.
            address: the client's IP address.
            since: seconds since the epoch.
        """
        try:
            return self._was_seen(_form(user), network_of(address), since)
        except sqlite3.Error:
            return True

    def has_seen(self, user: str, since: float) -> bool:
        """Whether a user logged in from anywhere after a time. Cannot be read: see `knows`.

        Args:
            user: the name as the client gave it.
            since: seconds since the epoch.
        """
        sql = "SELECT 1 FROM logins WHERE user = ? AND last > ? LIMIT 1"
        try:
            found = self._connection.execute(sql, (_form(user), since)).fetchone()
        except sqlite3.Error:
            return False
        return found is not None

    def remember(self, user: str, address: str, now: float, keep: float) -> None:
        """A user logged in.

        Args:
            user: the name as the client gave it.
            address: the client's IP address.
            now: seconds since the epoch.
            keep: seconds for which logins are kept; older ones are forgotten.
        """
        name, network = _form(user), network_of(address)
        try:
            if self._was_seen(name, network, now - RENEWAL):
                return
        except sqlite3.Error:
            pass  # written once more than needed
        self._keep(name, network, now)
        self._later(lambda connection: _write(connection, (name, network, now), now - keep))

    def _was_seen(self, name: str, network: str, since: float) -> bool:
        if self._seen.get((name, network), -math.inf) > since:
            return True
        sql = "SELECT last FROM logins WHERE user = ? AND network = ?"
        row = self._connection.execute(sql, (name, network)).fetchone()
        if row is None:
            return False
        self._keep(name, network, float(row[0]))
        return float(row[0]) > since

    def _keep(self, name: str, network: str, last: float) -> None:
        if len(self._seen) >= _MOST_SEEN:
            self._seen.clear()
        self._seen[name, network] = last


def _form(user: str) -> str:
    """Small letters; what is no Unicode, which SQLite does not take, is replaced."""
    return user.casefold().encode("utf-8", "replace").decode()


def _write(connection: sqlite3.Connection, login: tuple[str, str, float], since: float) -> None:
    """Put a row; forget those before `since`, and more of the user's than there should be."""
    name = login[0]
    connection.execute("INSERT OR REPLACE INTO logins VALUES (?, ?, ?)", login)
    connection.execute("DELETE FROM logins WHERE last < ?", (since,))
    connection.execute(
        "DELETE FROM logins WHERE user = ? AND network NOT IN"
        " (SELECT network FROM logins WHERE user = ? ORDER BY last DESC LIMIT ?)",
        (name, name, MOST_NETWORKS),
    )
