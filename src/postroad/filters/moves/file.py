"""`STATE/spam/moves.db`: the accounts whose folders are watched, and what lay in them.

An account is known from its first delivery here, so that nobody has to list directories that cannot
list anything, and forgotten when nothing was delivered to it for half a year. Beside a snapshot of
its folder for junk, a row has how much of what the site has learned came from the account's moves.
Of mail with other owners it has no snapshot: that is theirs (`mailbox.moves.notebook`).
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from postroad.filters.moves.account import Account
from postroad.limits.state_file import Shape, StateUnavailable
from postroad.mailbox import Whereabouts
from postroad.mailbox.moves.snapshot import MOST_SEEN, Snapshot
from postroad.mailbox.owners import Owner

__all__ = [
    "MOVES",
    "Kept",
    "MovesUnavailable",
    "Place",
    "Share",
    "Totals",
    "accounts_after",
    "forget",
    "keep",
    "note",
    "note_filed",
    "share_of",
    "snapshot_of",
    "totals",
]

KEPT_FOR = 180 * 86_400.0
"""Seconds after its last delivery for which an account is remembered."""

FILED_FOR = 86_400.0
"""Seconds after which a message that was filed as junk, in a folder that nobody could look at, is
forgotten."""

_NESTED, _UTF8, _CONFINED = 1, 2, 4

_TABLES = """
CREATE TABLE accounts (
    number INTEGER PRIMARY KEY,
    user TEXT NOT NULL UNIQUE,
    root BLOB NOT NULL,                    -- paths of folders, as the system has them
    inbox BLOB NOT NULL,
    forms INTEGER NOT NULL,                -- 1: folders in folders, 2: names in UTF-8, 4: confined
    since REAL NOT NULL,                   -- the first delivery: epoch, seconds
    noted REAL NOT NULL,                   -- one of the last deliveries
    looked REAL NOT NULL DEFAULT 0,        -- the last close look; 0: there was none
    stamp TEXT NOT NULL DEFAULT '',        -- what the folder for junk was known by then
    spam INTEGER NOT NULL DEFAULT 0,       -- messages that its moves called spam
    ham INTEGER NOT NULL DEFAULT 0,        -- and good
    site_spam INTEGER NOT NULL DEFAULT 0,  -- of these, what the site has learned
    site_ham INTEGER NOT NULL DEFAULT 0,
    uid INTEGER,                           -- whose the mail is; NULL: the server's
    gid INTEGER
) STRICT;
CREATE INDEX accounts_by_delivery ON accounts (noted);
CREATE TABLE snapshots (
    number INTEGER PRIMARY KEY,
    seen BLOB NOT NULL
) STRICT;
CREATE TABLE filed (                       -- messages that went to the folder for junk
    number INTEGER NOT NULL,
    name BLOB NOT NULL,                    -- the key of the unique name
    at REAL NOT NULL,                      -- epoch, seconds
    PRIMARY KEY (number, name)
) STRICT, WITHOUT ROWID;
"""


class MovesUnavailable(StateUnavailable):
    """The file cannot be opened, read or written; the message says why."""


MOVES = Shape("moves", 0x5052736D, 1, _TABLES, MovesUnavailable)  # "PRsm"


class Share(NamedTuple):
    """What came from one account's moves.

    Attributes:
        spam: messages that they called spam.
        ham: messages that they called good.
        site_spam: of these, what the site has learned as spam.
        site_ham: likewise as good.
    """

    spam: int = 0
    ham: int = 0
    site_spam: int = 0
    site_ham: int = 0


class Kept(NamedTuple):
    """What is kept of an account after a look.

    Attributes:
        account: whose.
        snapshot: its folder for junk; `None`: its owner keeps that.
        stamp: what that is known by; empty: it has to be looked at again.
        looked: when, seconds since the epoch.
        share: what its moves have taught.
    """

    account: Account
    snapshot: Snapshot | None
    stamp: str
    looked: float
    share: Share


class Place(NamedTuple):
    """Where an account's mail lies, and whose it is.

    Attributes:
        where: the account's mail.
        owner: as whom it is written; `None`: as the server.
    """

    where: Whereabouts
    owner: Owner | None = None


class Totals(NamedTuple):
    """What has come of it all.

    Attributes:
        accounts: how many are watched.
        spam: messages that moves called spam.
        ham: messages that moves called good.
    """

    accounts: int
    spam: int
    ham: int


def note(connection: sqlite3.Connection, accounts: Iterable[tuple[str, Place]], now: float) -> None:
    """Remember that mail was delivered to accounts, and where it lies."""
    connection.executemany(
        "INSERT INTO accounts (user, root, inbox, forms, uid, gid, since, noted)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (user) DO UPDATE SET root = excluded.root, inbox = excluded.inbox,"
        " forms = excluded.forms, noted = excluded.noted, uid = excluded.uid, gid = excluded.gid,"
        # What one of two owners has in mind of it the other has not: it begins anew.
        " looked = iif(uid IS excluded.uid, looked, 0),"
        " stamp = iif(uid IS excluded.uid, stamp, ''),"
        " since = iif(uid IS excluded.uid, since, excluded.since)",
        [
            (user, *_as_row(place.where), *(place.owner or (None, None)), now, now)
            for user, place in accounts
        ],
    )


def note_filed(
    connection: sqlite3.Connection, messages: Iterable[tuple[str, int]], now: float
) -> None:
    """Remember messages that went to folders for junk, so that they are known to have been there.

    Args:
        connection: of the file.
        messages: each with its account, as the key of its unique name.
        now: seconds since the epoch.
    """
    for user, key in messages:
        connection.execute(
            "INSERT OR IGNORE INTO filed SELECT number, ?, ? FROM accounts"
            " WHERE user = ? AND uid IS NULL",
            (key.to_bytes(8, "little"), now, user),
        )
        # One that was rescued already has changed the folder before.
        connection.execute("UPDATE accounts SET stamp = '' WHERE user = ?", (user,))


def accounts_after(
    connection: sqlite3.Connection, number: int, most: int, roots: tuple[Path, ...]
) -> list[Account]:
    """Accounts in the order of their numbers.

    Args:
        connection: of the file.
        number: of the one before; 0 for the first.
        most: how many.
        roots: what mail that directories say the place of has to lie below.
    """
    rows = connection.execute(
        "SELECT number, user, root, inbox, forms, since, looked, stamp, uid, gid FROM accounts"
        " WHERE number > ? ORDER BY number LIMIT ?",
        (number, most),
    )
    return [_account(row, roots) for row in rows]


def snapshot_of(connection: sqlite3.Connection, number: int) -> Snapshot:
    """What lay in an account's folder for junk, also if it was never seen there."""
    row = connection.execute("SELECT seen FROM snapshots WHERE number = ?", (number,)).fetchone()
    found = Snapshot.unpack(b"" if row is None else row[0])
    names = connection.execute(
        "SELECT name FROM filed WHERE number = ? ORDER BY at DESC LIMIT ?", (number, MOST_SEEN)
    )
    known = {each.key for each in found.seen}
    keys = (int.from_bytes(name, "little") for (name,) in names)
    return found.with_filed(key for key in keys if key not in known)


def share_of(connection: sqlite3.Connection, number: int) -> Share:
    """What an account's moves have taught."""
    row = connection.execute(
        "SELECT spam, ham, site_spam, site_ham FROM accounts WHERE number = ?", (number,)
    ).fetchone()
    return Share() if row is None else Share(*row)


def keep(connection: sqlite3.Connection, kept: Iterable[Kept]) -> None:
    """Remember looks."""
    for each in kept:
        number = each.account.number
        connection.execute(
            "UPDATE accounts SET looked = ?, stamp = ?, spam = ?, ham = ?, site_spam = ?,"
            " site_ham = ? WHERE number = ?",
            (each.looked, each.stamp, *each.share, number),
        )
        if each.snapshot is None:
            continue
        connection.execute(
            "INSERT OR REPLACE INTO snapshots (number, seen) VALUES (?, ?)",
            (number, each.snapshot.pack()),
        )
        connection.execute("DELETE FROM filed WHERE number = ? AND at <= ?", (number, each.looked))


def forget(connection: sqlite3.Connection, now: float) -> None:
    """Forget accounts that nothing was delivered to for long."""
    connection.execute("DELETE FROM accounts WHERE noted < ?", (now - KEPT_FOR,))
    connection.execute("DELETE FROM filed WHERE at < ?", (now - FILED_FOR,))
    connection.execute("DELETE FROM snapshots WHERE number NOT IN (SELECT number FROM accounts)")


def totals(connection: sqlite3.Connection) -> Totals:
    """What has come of it all."""
    row = connection.execute(
        "SELECT count(*), coalesce(sum(spam), 0), coalesce(sum(ham), 0) FROM accounts"
    ).fetchone()
    return Totals(*row)


def _as_row(where: Whereabouts) -> tuple[bytes, bytes, int]:
    forms = where.nested * _NESTED | where.utf8 * _UTF8 | (_CONFINED if where.roots else 0)
    return os.fsencode(where.root), os.fsencode(where.inbox), forms


def _account(row: Sequence[object], roots: tuple[Path, ...]) -> Account:
    number, user, root, inbox, forms, since, looked, stamp, uid, gid = row
    assert isinstance(number, int)
    assert isinstance(forms, int)
    assert isinstance(root, bytes)
    assert isinstance(inbox, bytes)
    assert isinstance(since, float)
    assert isinstance(looked, float)
    top, first = Path(os.fsdecode(root)), Path(os.fsdecode(inbox))
    where = Whereabouts(
        top,
        first,
        top,
        nested=bool(forms & _NESTED),
        utf8=bool(forms & _UTF8),
        roots=roots if forms & _CONFINED else (),
    )
    owner = Owner(uid, gid) if isinstance(uid, int) and isinstance(gid, int) else None
    return Account(number, str(user), where, since, looked, str(stamp), owner)
