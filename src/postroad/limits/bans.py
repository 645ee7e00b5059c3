"""Who is banned, until when and why: one row each in `STATE/bans.db`.

A ban is against an address, a network, or a user's name. The server bans automatically (`guessing`
decides), the operator by the command line; both write to the file, and every worker sees a change
at the next client, because it looks at the file's change counter first (SQLite file format,
§1.3.7), one `pread`. It then reads the rows that are new, and no others: under an attack there are
many bans, and each of them is news to all workers.

For that reason a ban that is taken back stays as a row that has ended, until it is swept. An
automatic one also stays after its end, so that the next ban of the same client is longer.
"""

from __future__ import annotations

import ipaddress
import os
import re
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from socket import AF_INET, AF_INET6, inet_pton
from typing import Protocol

from postroad.limits.database import BansUnavailable, Later, apply

__all__ = [
    "Author",
    "Ban",
    "BanFile",
    "BanList",
    "Banned",
    "Bans",
    "InvalidSubject",
    "network_banned",
    "subject_of",
]

MOST_BANS = 50_000
"""Rows, some 15 MB in each worker. Beyond them the automatic ban that ends first makes room."""

FAR = 253_402_214_400.0
"""The last day of the year 9999, seconds since the epoch. A row of later times, which no calendar
can name, is taken for one without an end."""

_MAPPED = 96  # bits before an IPv4 address in one of IPv6

_COUNTER_OFFSET = 24
_COUNTER_LENGTH = 4

_LIKE_AN_ADDRESS = re.compile(r"[0-9.]+\Z|.*[:/]", re.DOTALL)

_HOLDING = (
    "SELECT subject, reason, author, since, until, times FROM bans"
    " WHERE until IS NULL OR until > ? ORDER BY since, change"
)
_NEW = (
    "SELECT change, subject, reason, author, since, until, times FROM bans"
    " WHERE change > ? ORDER BY change"
)
_PUT = (
    "INSERT OR REPLACE INTO bans (subject, reason, author, since, until, times)"
    " VALUES (?, ?, ?, ?, ?, ?)"
)
_SWEEP = "DELETE FROM bans WHERE until < ?"
_BOUND = (
    "DELETE FROM bans WHERE change IN (SELECT change FROM bans WHERE author = 'automatic'"
    " ORDER BY until LIMIT max(0, (SELECT count(*) FROM bans) - ?))"
)


class Author(Enum):
    """Who made a ban."""

    AUTOMATIC = "automatic"
    OPERATOR = "operator"


class InvalidSubject(ValueError):
    """Neither an address nor a network nor a user's name; the message says what was expected."""


@dataclass(frozen=True, slots=True)
class Ban:
    """A ban.

    Attributes:
        subject: in the form of `subject_of`.
        reason: for the operator, in words.
        author: who made it.
        since: when, seconds since the epoch.
        until: its end, likewise; `None` for ever.
        times: how often in a row the subject was banned automatically, with this one.
    """

    subject: str
    reason: str
    author: Author
    since: float
    until: float | None
    times: int = 1

    def holds(self, now: float) -> bool:
        """Whether it has not ended."""
        return self.until is None or now < self.until


def subject_of(text: str) -> str:
    """The form in which a subject is kept: the shortest text of a network, small letters of a name.

    Raises:
        InvalidSubject: the text is none.
    """
    text = text.strip()
    if _LIKE_AN_ADDRESS.match(text):
        try:
            network = _unmapped(ipaddress.ip_network(text))
        except ValueError as error:
            raise InvalidSubject(str(error)) from None
        return str(network.network_address) if network.num_addresses == 1 else str(network)
    if not text or not text.isprintable():
        raise InvalidSubject("expected an address, a network or a user's name")
    return text.casefold()


def _unmapped(network: IPv4Network | IPv6Network) -> IPv4Network | IPv6Network:
    """IPv4 as such: that is how clients' addresses are written here (RFC 4291 §2.5.5.2)."""
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is None or network.prefixlen < _MAPPED:
        return network
    return IPv4Network((mapped, network.prefixlen - _MAPPED))


def network_banned(subject: str) -> IPv4Network | IPv6Network | None:
    """The network that a subject stands for; `None` where it is a user's name, or nothing."""
    try:
        return ipaddress.ip_network(subject) if _LIKE_AN_ADDRESS.match(subject) else None
    except ValueError:  # written into the file by other hands than ours
        return None


class Banned(Protocol):
    """What answers whether a client is banned."""

    def of_address(self, address: str, now: float) -> Ban | None:
        """The ban that an IP address is under.

        Args:
            address: as text; text that is none is under no ban.
            now: seconds since the epoch.
        """
        ...


class BanList(Banned, Protocol):
    """The bans, for who makes some. Belongs to the event loop's thread."""

    def of_subject(self, subject: str, now: float) -> Ban | None:
        """The ban of a user's name, or of exactly this network."""
        ...

    def last(self, subject: str) -> Ban | None:
        """The last ban of a user's name or of exactly this network, also one that has ended."""
        ...

    def put(self, ban: Ban, remember: float) -> None:
        """Ban, in this worker at once, in others as soon as it is written.

        Args:
            ban: the ban.
            remember: seconds for which automatic bans are kept after their end.
        """
        ...


class BanFile:
    """The rows, as the command line and the writers of the workers change them."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """A file that is open.

        Args:
            connection: from `open_bans`; the caller closes it.
        """
        self._connection = connection

    def holding(self, now: float) -> list[Ban]:
        """The bans that have not ended, the newest last.

        Raises:
            BansUnavailable: the file cannot be read.
        """
        try:
            return [_ban(row) for row in self._connection.execute(_HOLDING, (now,))]
        except sqlite3.Error as error:
            raise BansUnavailable(str(error)) from error

    def put(self, ban: Ban, remember: float) -> None:
        """Make a ban, or change the one that is there.

        Args:
            ban: the ban.
            remember: seconds for which automatic bans are kept after their end.

        Raises:
            BansUnavailable: the file cannot be written.
        """
        try:
            apply(self._connection, lambda connection: write(connection, ban, remember))
        except sqlite3.Error as error:
            raise BansUnavailable(str(error)) from error

    def remove(self, subject: str, now: float, remember: float) -> bool:
        """Take a ban back; its repetitions are forgotten too. Whether there was one.

        Raises:
            BansUnavailable: the file cannot be written.
        """
        found = next((ban for ban in self.holding(now) if ban.subject == subject), None)
        if found is None:
            return False
        self.put(replace(found, until=now, times=0), remember)
        return True


class Bans:
    """Implements `BanList` for a worker, over the rows of the file."""

    def __init__(self, path: Path, connection: sqlite3.Connection, later: Later) -> None:
        """The bans of a file.

        Args:
            path: the file.
            connection: to it, from `open_bans`, one that does not wait; the caller closes it, and
                this object before.
            later: writes what is banned here.

        Raises:
            OSError: the file cannot be opened.
        """
        self._connection = connection
        self._later = later
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._counter = b""
        self._change = 0
        self._bans: dict[str, Ban] = {}
        self._networks: dict[tuple[int, int], dict[int, Ban]] = {}

    def of_address(self, address: str, now: float) -> Ban | None:
        """See `Banned.of_address`."""
        self._refresh()
        if not self._networks:
            return None
        family, bits = (AF_INET6, 128) if ":" in address else (AF_INET, 32)
        try:
            number = int.from_bytes(inet_pton(family, address))
        except OSError:
            return None
        for (length, shift), networks in self._networks.items():
            if length == bits:
                ban = networks.get(number >> shift)
                if ban is not None and ban.holds(now):
                    return ban
        return None

    def of_subject(self, subject: str, now: float) -> Ban | None:
        """See `BanList.of_subject`."""
        self._refresh()
        ban = self._bans.get(subject)
        return ban if ban is not None and ban.holds(now) else None

    def last(self, subject: str) -> Ban | None:
        """See `BanList.last`."""
        self._refresh()
        return self._bans.get(subject)

    def put(self, ban: Ban, remember: float) -> None:
        """See `BanList.put`."""
        self._take(ban)
        self._later(lambda connection: write(connection, ban, remember))

    def close(self) -> None:
        """Close the descriptor; after the last connection to the file (see `directory.memory`)."""
        os.close(self._descriptor)

    # Inside ------------------------------------------------------------------------------------

    def _refresh(self) -> None:
        """Read what is new. While somebody commits the file is locked: the next client will see."""
        counter = os.pread(self._descriptor, _COUNTER_LENGTH, _COUNTER_OFFSET)
        if counter == self._counter:
            return
        try:
            rows = self._connection.execute(_NEW, (self._change,)).fetchall()
        except sqlite3.Error:
            return
        self._counter = counter
        for change, *row in rows:
            self._change = change
            self._take(_ban(row))

    def _take(self, ban: Ban) -> None:
        if len(self._bans) >= MOST_BANS and ban.subject not in self._bans:
            self._forget()
        self._bans[ban.subject] = ban
        network = network_banned(ban.subject)
        if network is not None:
            length, shift = network.max_prefixlen, network.max_prefixlen - network.prefixlen
            found = self._networks.setdefault((length, shift), {})
            found[int(network.network_address) >> shift] = ban

    def _forget(self) -> None:
        """Make room as the file does: the automatic ban that ends first goes, or that has ended."""
        ending = [ban for ban in self._bans.values() if ban.until is not None]
        ending.sort(key=lambda ban: ban.until or 0)
        spare = {ban.subject for ban in ending[: max(1, MOST_BANS // 10)]}
        kept = [ban for ban in self._bans.values() if ban.subject not in spare]
        self._bans.clear()
        self._networks.clear()
        for ban in kept:
            self._take(ban)


def write(connection: sqlite3.Connection, ban: Ban, remember: float) -> None:
    """Put a row, sweep those that ended long ago, and keep their number bounded.

    Args:
        connection: within a transaction.
        ban: the row.
        remember: seconds for which automatic bans are kept after their end.
    """
    row = (ban.subject, ban.reason, ban.author.value, ban.since, ban.until, ban.times)
    connection.execute(_PUT, row)
    connection.execute(_SWEEP, (ban.since - remember,))
    connection.execute(_BOUND, (MOST_BANS,))


def _ban(row: Iterable[object]) -> Ban:
    subject, reason, author, since, until, times = row
    end = None if until is None else float(str(until))
    if end is not None and not end < FAR:
        end = None
    begin = min(max(0.0, float(str(since))), FAR)
    return Ban(str(subject), str(reason), Author(author), begin, end, int(str(times)))
