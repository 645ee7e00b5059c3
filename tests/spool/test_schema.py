"""A spool that an older release wrote: brought up to date in place, with nothing lost."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from postroad.model import Addressee, BodyType, Envelope, Notify
from postroad.spool import Done, Inventory, Retry, Shard, SpoolError, SpoolSettings
from postroad.spool.queue_id import spell
from postroad.spool.schema import VERSION
from spool_conformance import ANN, BOB, EVE, NOON, SMALL, Clock, put, read

VERSION_1 = """
BEGIN IMMEDIATE;
CREATE TABLE shard (
    number INTEGER NOT NULL,    -- the last two digits of its queue identifiers
    mark INTEGER NOT NULL       -- no message number up to this one may be given again
) STRICT;
CREATE TABLE message (
    id INTEGER PRIMARY KEY,     -- microseconds since the epoch, never given twice
    queue_id TEXT NOT NULL,     -- spells id and shard.number, and is unique because id is
    sender TEXT NOT NULL,       -- empty for the null reverse-path
    body TEXT NOT NULL,         -- 7BIT or 8BITMIME
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
PRAGMA user_version = 1;
COMMIT;
"""

VERSION_2 = """
BEGIN IMMEDIATE;
ALTER TABLE message ADD COLUMN ret TEXT;
ALTER TABLE message ADD COLUMN envid TEXT;
ALTER TABLE message ADD COLUMN require_tls INTEGER;
ALTER TABLE message ADD COLUMN hold_until REAL;
ALTER TABLE message ADD COLUMN deliver_by REAL;
ALTER TABLE message ADD COLUMN by_mode TEXT;
ALTER TABLE message ADD COLUMN priority INTEGER;
ALTER TABLE recipient ADD COLUMN notify TEXT;
ALTER TABLE recipient ADD COLUMN orcpt TEXT;
ALTER TABLE recipient ADD COLUMN told INTEGER;
ALTER TABLE recipient ADD COLUMN owed TEXT;
PRAGMA user_version = 2;
COMMIT;
"""

VERSION_3 = """
BEGIN IMMEDIATE;
ALTER TABLE message ADD COLUMN login TEXT;
ALTER TABLE message ADD COLUMN client TEXT;
ALTER TABLE message ADD COLUMN held TEXT;
ALTER TABLE message ADD COLUMN content_filter TEXT;
ALTER TABLE recipient ADD COLUMN shelved REAL;
CREATE INDEX message_held ON message (id) WHERE held IS NOT NULL;
PRAGMA user_version = 3;
COMMIT;
"""

VERSION_4 = """
BEGIN IMMEDIATE;
ALTER TABLE message ADD COLUMN listener TEXT;
ALTER TABLE message ADD COLUMN checksum INTEGER;
ALTER TABLE message ADD COLUMN damage TEXT;
ALTER TABLE shard ADD COLUMN open INTEGER;
CREATE INDEX message_damaged ON message (id) WHERE damage IS NOT NULL;
CREATE INDEX message_filed ON message (id) WHERE filed;
PRAGMA user_version = 4;
COMMIT;
"""

LATER = (VERSION_2, VERSION_3, VERSION_4)

NUMBERS = [int(NOON * 1e6) + number for number in range(3)]
IDS = [spell(number, 7) for number in NUMBERS]
LARGE = b"Subject: large\r\n\r\n" + b"text\r\n" * 40_000


@contextlib.contextmanager
def database(path: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


@pytest.fixture(params=[1, 2, 3, 4], ids="version {}".format)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """An old shard: a fresh message, a deferred bounce, and one whose content is a file."""
    directory = tmp_path / "shard"
    (directory / "bodies").mkdir(parents=True)
    (directory / "bodies" / IDS[2]).write_bytes(LARGE)
    with database(directory / "spool.db") as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(VERSION_1)
        connection.execute("INSERT INTO shard VALUES (7, ?)", (NUMBERS[-1],))
        message = "INSERT INTO message VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
        recipient = "INSERT INTO recipient VALUES (?, ?, ?, ?, ?, ?, ?)"
        for number, (queue_id, sender, body, wide, size, filed) in zip(
            NUMBERS,
            [
                (IDS[0], "ann@example.org", "7BIT", 0, len(SMALL), 0),
                (IDS[1], "", "8BITMIME", 1, len(SMALL), 0),
                (IDS[2], "ann@example.org", "7BIT", 0, len(LARGE), 1),
            ],
            strict=True,
        ):
            row = (number, queue_id, sender, body, wide, NOON - 1, NOON, size, filed)
            connection.execute(message, row)
            if not filed:
                connection.execute("INSERT INTO content VALUES (?, ?)", (number, SMALL))
        connection.executemany(
            recipient,
            [
                (11, NUMBERS[0], "bob@example.net", None, 0, None, None),
                (12, NUMBERS[0], "eve@example.com", "bob@example.net", 0, None, None),
                (13, NUMBERS[1], "bob@example.net", None, 4, NOON + 50, "451 later"),
                (14, NUMBERS[2], "eve@example.com", None, 1, NOON + 60, "451 full"),
            ],
        )
        for step in LATER[: request.param - 1]:
            connection.executescript(step)
    return directory


def version(directory: Path) -> int:
    with database(directory / "spool.db") as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


async def test_nothing_is_lost(old: Path) -> None:
    shard = await Shard.open(old, 7, SpoolSettings(), Clock())
    claim = await shard.claim(NOON + 60, 10)
    assert [one.message.queue_id for one in claim.messages] == IDS
    assert [one.message.envelope for one in claim.messages] == [
        Envelope(ANN),
        Envelope(None, BodyType.EIGHT_BIT_MIME, smtputf8=True),
        Envelope(ANN),
    ]
    assert [read(one) for one in claim.messages] == [SMALL, SMALL, LARGE]
    assert [
        (one.id, one.address, one.original, one.attempts, one.notify, one.orcpt, one.owed)
        for claimed in claim.messages
        for one in claimed.recipients
    ] == [
        (11, BOB, BOB, 0, None, "", None),
        (12, EVE, BOB, 0, None, "", None),
        (13, BOB, BOB, 4, None, "", None),
        (14, EVE, EVE, 1, None, "", None),
    ]
    await shard.settle([Done(11), Done(12), Retry(13, NOON + 90, "again")])
    await shard.close()


async def test_new_mail_goes_beside_the_old(old: Path) -> None:
    shard = await Shard.open(old, 7, SpoolSettings(), Clock())
    asked = await shard.begin().commit(
        Envelope(ANN, envid="x", priority=3), [Addressee(BOB, BOB, Notify.NEVER)], NOON
    )
    plain = await put(shard, EVE)
    assert asked.recipients[0].id > 14
    await shard.close()
    shard = await Shard.open(old, 7, SpoolSettings(), Clock())
    again = {one.message.queue_id: one for one in (await shard.claim(NOON + 90, 10)).messages}
    assert set(again) == {*IDS, asked.message.queue_id, plain.message.queue_id}
    assert again[asked.message.queue_id].message.envelope == asked.message.envelope
    assert again[asked.message.queue_id].recipients == asked.recipients
    await shard.close()


async def test_it_is_then_as_one_made_today(old: Path, tmp_path: Path) -> None:
    new = tmp_path / "new"
    for directory in (old, new):
        await (await Shard.open(directory, 7, SpoolSettings(), Clock())).close()
    assert schema(old) == schema(new)


def schema(directory: Path) -> list[tuple[str, list[str]]]:
    """Every table and index, without the comments in its text."""
    with database(directory / "spool.db") as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        found = connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
        return [(name, re.sub("--.*", "", sql or "").split()) for name, sql in found]


async def test_a_change_that_fails_changes_nothing(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next start tries again, on the same file."""
    before = version(old)
    with monkeypatch.context() as patch:
        made = "ALTER TABLE message ADD COLUMN later TEXT;"
        broken = (*[""] * before, f"{made} CREATE NONSENSE;")
        patch.setattr("postroad.spool.schema.STEPS", broken)
        patch.setattr("postroad.spool.schema.VERSION", before + 1)
        with pytest.raises(SpoolError, match="NONSENSE"):
            await Shard.open(old, 7, SpoolSettings(), Clock())
    with database(old / "spool.db") as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (before,)
        columns = connection.execute("PRAGMA table_info(message)").fetchall()
        assert "later" not in {name for _, name, *_ in columns}
    await test_nothing_is_lost(old)


def test_a_listing_changes_nothing(old: Path) -> None:
    before = version(old)
    words = rf"older release \(schema {before}\).*when it is started again"
    with pytest.raises(SpoolError, match=words):
        list(Inventory([old]).list())
    assert version(old) == before
