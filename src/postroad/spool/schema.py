"""The database of a shard: its tables, its version, and how it is opened.

`spool.db` can be inspected with any SQLite tool. Contents are a table of their own so that the
rows the queue reads stay dense. A recipient without `next_attempt` is in its owner's hands since
it came; only deferred ones are in the index, so a message that is delivered at the first attempt
never touches it. Those of a held message have none either, and nobody's hands: they are not in the
index, so mail that is held costs nothing, however much and for however long.

One connection writes and checkpoints. All others are read-only, which also keeps them from
checkpointing: SQLite before 3.51.3 can corrupt a write-ahead log that two connections write and
checkpoint at once.

The tables are made by `STEPS`, the first for an empty file, each other one for a file of the
version before. A file of an older release is thus brought up to date in place, in one transaction,
and one made today has gone the same way. Columns that are only ever added cost no time and no room:
a row that has none of them ends before them.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

from postroad.model.durable import DISK, Durable, Operation
from postroad.spool.errors import DatabaseDamaged, SpoolError
from postroad.spool.soundness import is_damage, require_sound

__all__ = ["VERSION", "connect_reader", "connect_writer"]

OLDEST_SQLITE = (3, 37)  # STRICT tables; RETURNING and UPDATE FROM are older
CHECKPOINT_PAGES = 4096  # 16 MiB of log: a page rewritten often reaches the database once
LOG_LIMIT = 64 * 1024 * 1024  # octets that a log keeps on the disk when it is written back
CACHE_KIB = 16_384
STATEMENTS = 128  # prepared statements kept; the padded INSERTs need about sixty

TABLES = """
CREATE TABLE shard (
    number INTEGER NOT NULL,    -- the last two digits of its queue identifiers
    mark INTEGER NOT NULL       -- no message number up to this one may be given again
) STRICT;
CREATE TABLE message (
    id INTEGER PRIMARY KEY,     -- microseconds since the epoch, never given twice
    queue_id TEXT NOT NULL,     -- spells id and shard.number, and is unique because id is
    sender TEXT NOT NULL,       -- empty for the null reverse-path
    body TEXT NOT NULL,         -- 7BIT, 8BITMIME or BINARYMIME
    smtputf8 INTEGER NOT NULL,
    arrived REAL NOT NULL,
    queued REAL NOT NULL,
    size INTEGER NOT NULL,
    filed INTEGER NOT NULL      -- 1: the content is bodies/QUEUE_ID, 0: it is in `content`
) STRICT;
CREATE TABLE content (
    message INTEGER PRIMARY KEY,
    octets BLOB NOT NULL
) STRICT;
CREATE TABLE recipient (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    message INTEGER NOT NULL,
    address TEXT NOT NULL,
    original TEXT,              -- NULL: the same
    attempts INTEGER NOT NULL,
    next_attempt REAL,          -- NULL: not tried yet, with the queue
    reason TEXT
) STRICT;
CREATE INDEX recipient_message ON recipient (message);
CREATE INDEX recipient_due ON recipient (next_attempt, id) WHERE next_attempt IS NOT NULL;
CREATE TRIGGER message_gone AFTER DELETE ON message BEGIN
    DELETE FROM content WHERE message = OLD.id;
END;
"""

WISHES = """
ALTER TABLE message ADD COLUMN ret TEXT;            -- FULL or HDRS (RFC 3461)
ALTER TABLE message ADD COLUMN envid TEXT;          -- decoded (RFC 3461)
ALTER TABLE message ADD COLUMN require_tls INTEGER; -- 1: by verified TLS only (RFC 8689)
ALTER TABLE message ADD COLUMN hold_until REAL;     -- not before then (RFC 4865)
ALTER TABLE message ADD COLUMN deliver_by REAL;     -- the deadline (RFC 2852)
ALTER TABLE message ADD COLUMN by_mode TEXT;        -- N or R, then T for a trace
ALTER TABLE message ADD COLUMN priority INTEGER;    -- -9 to 9 (RFC 6710)
ALTER TABLE recipient ADD COLUMN notify TEXT;       -- NEVER, or a list of keywords (RFC 3461)
ALTER TABLE recipient ADD COLUMN orcpt TEXT;        -- type;address, decoded (RFC 3461)
ALTER TABLE recipient ADD COLUMN told INTEGER;      -- 1: of a delay, 2: of a deadline missed
ALTER TABLE recipient ADD COLUMN owed TEXT;         -- only this report is left to do
"""

HOLDING = """
ALTER TABLE message ADD COLUMN login TEXT;          -- the account that submitted it
ALTER TABLE message ADD COLUMN client TEXT;         -- the IP address it came from
ALTER TABLE message ADD COLUMN held TEXT;           -- why it waits for an operator
ALTER TABLE message ADD COLUMN content_filter TEXT; -- TRANSPORT:NEXT-HOP that it goes through
ALTER TABLE recipient ADD COLUMN shelved REAL;      -- of a held message: its next_attempt
CREATE INDEX message_held ON message (id) WHERE held IS NOT NULL;
"""

SOUNDNESS = """
ALTER TABLE message ADD COLUMN listener TEXT;       -- the listener that it came in by
ALTER TABLE message ADD COLUMN checksum INTEGER;    -- CRC-32 of the content; NULL: not known
ALTER TABLE message ADD COLUMN damage TEXT;         -- what is wrong with the content; NULL: nothing
ALTER TABLE shard ADD COLUMN open INTEGER;          -- 1 while a process has it, and after its crash
CREATE INDEX message_damaged ON message (id) WHERE damage IS NOT NULL;
CREATE INDEX message_filed ON message (id) WHERE filed;
"""

SENDERS = """
ALTER TABLE recipient ADD COLUMN sender TEXT;       -- its reverse-path; NULL: the message's
"""

STEPS = (TABLES, WISHES, HOLDING, SOUNDNESS, SENDERS)
VERSION = len(STEPS)  # `PRAGMA user_version`


def connect_writer(
    path: Path,
    durable: Durable = DISK,
    *,
    is_new: bool = True,
    rescue: Callable[[str], None] = lambda _: None,
) -> sqlite3.Connection:
    """Open the database to write, creating it where there is none.

    The connection may be handed from thread to thread, and its owner sees to it that only one
    uses it at a time.

    Args:
        path: the database.
        durable: the gate for the commit that brings an older one up to date.
        is_new: whether it may well have no tables.
        rescue: called with what is wrong if the database is broken, as long as it is open: the
            last to close a database removes its log.

    Raises:
        DatabaseDamaged: it is broken.
        SpoolError: it is not a spool this release can use, or cannot be opened.
    """
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise SpoolError(f"SQLite {sqlite3.sqlite_version} is too old; 3.37 is needed")
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, cached_statements=STATEMENTS
        )
    except OSError as error:
        raise SpoolError(f"{path}: {_reason(path, error)}") from error
    except sqlite3.Error as error:
        raise SpoolError(f"{path}: {error}") from error

    def prepare(opened: sqlite3.Connection, _: Path) -> None:
        _prepare(opened, path, durable, is_new=is_new)

    return _checked(connection, path, prepare, rescue)


def connect_reader(path: Path) -> sqlite3.Connection:
    """Open the database to read, beside whoever writes; usable from any thread.

    Raises:
        SpoolError: there is none, or not one this release can read.
    """
    try:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
        )
    except sqlite3.Error as error:
        raise SpoolError(f"{path}: {error}") from error
    return _checked(connection, path, _require)


def _checked(
    connection: sqlite3.Connection,
    path: Path,
    check: Callable[[sqlite3.Connection, Path], None],
    rescue: Callable[[str], None] = lambda _: None,
) -> sqlite3.Connection:
    is_sound = False
    try:
        check(connection, path)
        is_sound = True
    except DatabaseDamaged as error:
        rescue(str(error))
        raise
    except (sqlite3.Error, OSError) as error:
        if not is_damage(error):
            raise SpoolError(f"{path}: {error}") from error
        rescue(str(error))
        raise DatabaseDamaged(f"{path}: {error}") from error
    finally:
        if not is_sound:
            connection.close()
    return connection


def _reason(path: Path, error: OSError) -> str:
    """The system's words, and whose the file is where that is the reason."""
    words = (error.strerror or str(error)).lower()
    if isinstance(error, PermissionError) and path.exists():
        return f"{words}: it belongs to user {path.stat().st_uid}, this is user {os.geteuid()}"
    return words


def _require(connection: sqlite3.Connection, path: Path) -> None:
    version = _version(connection, path)
    if version == 0:
        raise SpoolError(f"{path}: not a spool yet")
    if version < VERSION:
        raise SpoolError(
            f"{path}: written by an older release (schema {version}); "
            "the server brings it up to date when it is started again"
        )


def _prepare(connection: sqlite3.Connection, path: Path, durable: Durable, *, is_new: bool) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
    connection.execute(f"PRAGMA journal_size_limit = {LOG_LIMIT}")
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    # Some builds overwrite what is deleted with zeros; that doubles what a delivery writes.
    connection.execute("PRAGMA secure_delete = OFF")
    version = _version(connection, path)
    require_sound(connection, path)
    if not version and not is_new:
        raise DatabaseDamaged(f"{path}: its tables are gone")
    if version < VERSION:
        steps = "".join(STEPS[version:])
        connection.executescript(f"BEGIN IMMEDIATE; {steps} PRAGMA user_version = {VERSION};")
        durable.perform(Operation.COMMIT, path, connection.commit)
    # Up to here an operator's reader could be in the way. From here on nobody can but a second
    # writer, which must not be, and the loop does not wait for it.
    connection.execute("PRAGMA busy_timeout = 0")


def _version(connection: sqlite3.Connection, path: Path) -> int:
    row = connection.execute("PRAGMA user_version").fetchone()
    version = int(row[0])
    if version > VERSION:
        raise SpoolError(
            f"{path}: written by a newer release (schema {version}; this one knows {VERSION})"
        )
    return version
