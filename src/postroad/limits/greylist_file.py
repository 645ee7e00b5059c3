"""`STATE/greylist.db`: who came, when first and when last, and whether it has passed.

The rows, and how they are read, written, swept and listed. What follows from them is the business
of `greylist`. Text comes in the form of `Triplet.of`: what is compared is stored.
"""

from __future__ import annotations

import math
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from postroad.limits.greylist_settings import GreylistSettings
from postroad.limits.network import network_of
from postroad.limits.state_file import Shape, StateUnavailable
from postroad.model.address import domain_key

__all__ = [
    "GREYLIST",
    "GreylistUnavailable",
    "Listed",
    "Met",
    "Stranger",
    "Triplet",
    "address_form",
    "forget",
    "forget_all",
    "known_sender",
    "passes_of",
    "put_known_sender",
    "put_pass",
    "put_stranger",
    "stranger",
    "strangers",
    "sweep",
]

MOST_OF_A_NETWORK = 50
"""One network may have one part in so many of the strangers that wait: 2,000 of 100,000. A spammer
who tries every address there is must not push out those who wait elsewhere."""

_TABLES = """
CREATE TABLE strangers (
    network TEXT NOT NULL,
    sender TEXT NOT NULL,
    recipient TEXT NOT NULL,
    first REAL NOT NULL,                       -- epoch, seconds
    last REAL NOT NULL,                        -- the same
    passed INTEGER NOT NULL,                   -- 1: it has waited long enough
    PRIMARY KEY (network, sender, recipient)
) STRICT, WITHOUT ROWID;
CREATE INDEX strangers_by_time ON strangers (passed, last);
CREATE TABLE clients (
    network TEXT PRIMARY KEY,
    passes INTEGER NOT NULL,                   -- strangers of it that passed, once an hour
    counted REAL NOT NULL,                     -- the last time that was counted
    last REAL NOT NULL                         -- its last mail, less a day at the most
) STRICT, WITHOUT ROWID;
CREATE INDEX clients_by_time ON clients (last);
CREATE TABLE senders (
    sender TEXT PRIMARY KEY,                   -- whom a user of ours has written to
    last REAL NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX senders_by_time ON senders (last);
"""


class GreylistUnavailable(StateUnavailable):
    """Nobody can say now whether it has to wait; the message says why."""


GREYLIST = Shape("strangers", 0x50527367, 1, _TABLES, GreylistUnavailable)  # "PRsg"

_EXTENSION = re.compile(r"\+.*", re.DOTALL)
_NUMBER = re.compile(r"\b\d+\b")
_TAG = re.compile(r"[0-9a-z]{10}")


class Triplet(NamedTuple):
    """Who wants to bring whose mail to whom, in the form in which that is compared."""

    network: str
    sender: str
    recipient: str

    @classmethod
    def of(cls, client_address: str, sender: str, recipient: str) -> Triplet:
        """The triplet of an attempt.

        Args:
            client_address: `Client.address`.
            sender: the reverse-path without brackets; empty for the null one.
            recipient: the forward-path likewise.
        """
        return cls(network_of(client_address), sender_form(sender), address_form(recipient))


def address_form(address: str) -> str:
    """What two spellings of an address have in common, as `Address.key`."""
    local, at, domain = address.rpartition("@")
    form = f"{local.lower()}@{domain_key(domain)}" if at else address.lower()
    return form.encode("utf-8", "replace").decode()  # SQLite takes no lone surrogates


def sender_form(sender: str) -> str:
    """The address without what is different in each message of a mailing list, as in postgrey.

    `list-return-123-me=example.org@lists.example` has a number for each message (VERP), and
    `prvs=1234567890=me@example.net` a tag for each day (BATV).
    """
    local, at, domain = address_form(sender).rpartition("@")
    if not at:
        return local or domain
    local = _EXTENSION.sub("", _without_tag(local))
    return f"{_NUMBER.sub('#', local)}@{domain}"


def _without_tag(local: str) -> str:
    """The local part behind a BATV tag; some put the tag last."""
    parts = local.split("=")
    if len(parts) != 3 or parts[0] != "prvs":
        return local
    _, first, second = parts
    return first if _TAG.match(second) and not _TAG.match(first) else second


class Stranger(NamedTuple):
    """One that came.

    Attributes:
        first: when it came first, seconds since the epoch.
        last: when it came last; once it has passed, that less a day at the most.
        passed: whether it has waited long enough.
    """

    first: float
    last: float
    passed: bool


class Met(NamedTuple):
    """How often strangers of a network passed, and when that was counted last, epoch, seconds."""

    passes: int
    counted: float
    last: float


@dataclass(frozen=True, slots=True)
class Listed:
    """A row for who lists them: a stranger, a network whose mail passes, or a known sender.

    Attributes:
        kind: `waiting`, `passed`, `client` or `sender`.
        network: the client's; empty for a sender.
        sender: empty for a client.
        recipient: empty for both.
        first: when it came first, seconds since the epoch; `None` where nobody kept it.
        last: when it came last.
        passes: how often strangers of a network passed.
    """

    kind: str
    network: str
    sender: str
    recipient: str
    first: float | None
    last: float
    passes: int = 0


# Reading -----------------------------------------------------------------------------------------


def stranger(connection: sqlite3.Connection, triplet: Triplet) -> Stranger | None:
    """What is remembered of a triplet."""
    sql = (
        "SELECT first, last, passed FROM strangers"
        " WHERE network = ? AND sender = ? AND recipient = ?"
    )
    row = connection.execute(sql, triplet).fetchone()
    return None if row is None else Stranger(float(row[0]), float(row[1]), bool(row[2]))


def passes_of(connection: sqlite3.Connection, network: str) -> Met | None:
    """What is remembered of a network."""
    sql = "SELECT passes, counted, last FROM clients WHERE network = ?"
    row = connection.execute(sql, (network,)).fetchone()
    return None if row is None else Met(int(row[0]), float(row[1]), float(row[2]))


def known_sender(connection: sqlite3.Connection, sender: str) -> float | None:
    """When a user of ours wrote to an address last, or nearly; `None` for a stranger."""
    row = connection.execute("SELECT last FROM senders WHERE sender = ?", (sender,)).fetchone()
    return None if row is None else float(row[0])


def strangers(connection: sqlite3.Connection) -> Iterator[Listed]:
    """Everything that is remembered, by kind and age."""
    rows = connection.execute(
        "SELECT CASE passed WHEN 0 THEN 'waiting' ELSE 'passed' END, network, sender, recipient,"
        " first, last, 0 FROM strangers ORDER BY passed, last"
    )
    yield from (Listed(*row) for row in rows)
    rows = connection.execute(
        "SELECT 'client', network, '', '', NULL, last, passes FROM clients ORDER BY last"
    )
    yield from (Listed(*row) for row in rows)
    rows = connection.execute(
        "SELECT 'sender', '', sender, '', NULL, last, 0 FROM senders ORDER BY last"
    )
    yield from (Listed(*row) for row in rows)


# Writing: all of these within a transaction ------------------------------------------------------


def put_stranger(connection: sqlite3.Connection, triplet: Triplet, row: Stranger) -> None:
    """Remember a triplet."""
    values = (*triplet, row.first, row.last, int(row.passed))
    connection.execute("INSERT OR REPLACE INTO strangers VALUES (?, ?, ?, ?, ?, ?)", values)


def put_pass(connection: sqlite3.Connection, network: str, row: Met) -> None:
    """Remember a network."""
    connection.execute("INSERT OR REPLACE INTO clients VALUES (?, ?, ?, ?)", (network, *row))


def put_known_sender(connection: sqlite3.Connection, sender: str, now: float) -> None:
    """Remember whom a user of ours wrote to."""
    connection.execute("INSERT OR REPLACE INTO senders VALUES (?, ?)", (sender, now))


def forget_all(connection: sqlite3.Connection) -> int:
    """Forget everything; how many rows that were."""
    tables = ("strangers", "clients", "senders")
    return sum(connection.execute(f"DELETE FROM {each}").rowcount for each in tables)  # noqa: S608


def forget(connection: sqlite3.Connection, subject: str) -> int:
    """Forget a network, with all that it brought, or an address as sender and recipient.

    Args:
        connection: to the file.
        subject: an IP address, a network as it is listed, or a mail address.

    Returns:
        How many rows that were.
    """
    if "@" in subject:
        sender, address = sender_form(subject), address_form(subject)
        gone = connection.execute(
            "DELETE FROM strangers WHERE sender = ? OR recipient = ?", (sender, address)
        ).rowcount
        sql = "DELETE FROM senders WHERE sender = ?"
        return gone + connection.execute(sql, (address,)).rowcount
    network = subject if "/" in subject else network_of(subject)
    gone = connection.execute("DELETE FROM strangers WHERE network = ?", (network,)).rowcount
    return gone + connection.execute("DELETE FROM clients WHERE network = ?", (network,)).rowcount


def sweep(connection: sqlite3.Connection, settings: GreylistSettings, now: float) -> bool:
    """Forget what is too old, and what there is too much of; whether too many wait nonetheless.

    Those that wait, and would be pushed out before they can come again, are not: see `greylist`.
    """
    window, remember = settings.retry_window, settings.remember
    if window:
        connection.execute("DELETE FROM strangers WHERE passed = 0 AND last < ?", (now - window,))
    if remember:
        connection.execute("DELETE FROM strangers WHERE passed = 1 AND last < ?", (now - remember,))
        for table in ("clients", "senders"):
            sql = f"DELETE FROM {table} WHERE last < ?"  # noqa: S608 - names of ours
            connection.execute(sql, (now - remember,))
    most = settings.entries
    return bool(most) and _bound(connection, most, now - 2 * settings.delay)


def _bound(connection: sqlite3.Connection, most: int, young: float) -> bool:
    """Keep each kind within its bound. Of those that wait, only those go that came before `young`.

    Whether there are too many nonetheless.
    """
    for table, key in (("clients", "network"), ("senders", "sender")):
        connection.execute(
            f"DELETE FROM {table} WHERE {key} IN (SELECT {key} FROM {table} ORDER BY last"  # noqa: S608
            f" LIMIT max(0, (SELECT count(*) FROM {table}) - ?))",
            (most,),
        )
    _bound_networks(connection, max(1, most // MOST_OF_A_NETWORK))
    _remove_oldest(connection, 1, _count(connection, 1) - most, math.inf)
    excess = _count(connection, 0) - most
    return _remove_oldest(connection, 0, excess, young) < excess


def _bound_networks(connection: sqlite3.Connection, most: int) -> None:
    crowded = connection.execute(
        "SELECT network, count(*) FROM strangers WHERE passed = 0 GROUP BY network"
        " HAVING count(*) > ?",
        (most,),
    ).fetchall()
    for network, count in crowded:
        connection.execute(
            "DELETE FROM strangers WHERE (network, sender, recipient) IN (SELECT network, sender,"
            " recipient FROM strangers WHERE network = ? AND passed = 0 ORDER BY last LIMIT ?)",
            (network, count - most),
        )


def _count(connection: sqlite3.Connection, passed: int) -> int:
    sql = "SELECT count(*) FROM strangers WHERE passed = ?"
    return int(connection.execute(sql, (passed,)).fetchone()[0])


def _remove_oldest(connection: sqlite3.Connection, passed: int, most: int, before: float) -> int:
    """How many went."""
    if most <= 0:
        return 0
    return connection.execute(
        "DELETE FROM strangers WHERE (network, sender, recipient) IN (SELECT network, sender,"
        " recipient FROM strangers WHERE passed = ? AND first < ? ORDER BY last LIMIT ?)",
        (passed, before, most),
    ).rowcount
