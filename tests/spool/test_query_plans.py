"""No statement of a running queue reads more of it than it needs, however long it is.

Every statement that a shard, a listing or an operator's change makes is shown to SQLite's planner.
None may read a table, or an index of all of it, from one end to the other.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from postroad.model import Address, Addressee, Envelope, Waybill
from postroad.spool import Choice, Done, Inventory, Retry, Shard, SpoolSettings, Standing, inventory
from spool_conformance import ANN, NOON, Clock

SETTINGS = SpoolSettings(inline_limit=1000)
BOB = Address("bob", "x.example")

WHOLE = re.compile(
    r"SCAN (message|recipient|content|m|r)\b(?! USING INDEX message_(held|damaged|filed))"
)
"""A step that reads a whole table. The indexes named here hold what is on hold, damaged, or a file
of its own, and nothing else."""

EVERYTHING = Choice(
    login="ann@*",
    sender="*@example.org",
    recipient="bob@*",
    domain="x.example",
    client="192.0.2.*",
    before=NOON + 9,
    after=0.0,
    larger=1,
    said="451",
)
CHOICES = (
    Choice(),
    Choice(frozenset({"ABCDEFGHIJ00"})),
    EVERYTHING,
    *(Choice(standing=standing) for standing in Standing),
    Choice(held=True, reason="x"),
)


@contextmanager
def seen(connection: sqlite3.Connection) -> Iterator[set[str]]:
    """The statements that a connection makes."""
    statements: set[str] = set()
    connection.set_trace_callback(statements.add)
    try:
        yield statements
    finally:
        connection.set_trace_callback(None)


def plans(connection: sqlite3.Connection, statements: set[str]) -> dict[str, list[str]]:
    """What SQLite does for each of them."""
    found = {}
    for statement in statements:
        if statement.startswith(("BEGIN", "COMMIT", "ROLLBACK", "PRAGMA", "--")):
            continue
        spelt = statement.replace("-Inf", "-9e999")  # SQLite writes what it does not read
        steps = connection.execute(f"EXPLAIN QUERY PLAN {spelt}").fetchall()
        found[statement] = [step[3] for step in steps]
    return found


def require_short(connection: sqlite3.Connection, statements: set[str]) -> None:
    for statement, steps in plans(connection, statements).items():
        assert not any(map(WHOLE.match, steps)), (statement, steps)


async def filled(directory: Path, count: int = 50) -> Shard:
    """A shard with fresh, deferred, held, waiting and large messages, analysed by nobody."""
    shard = await Shard.open(directory, 0, SETTINGS, Clock())
    for number in range(count):
        draft = shard.begin()
        draft.write(b"x" * (2000 if number % 5 == 0 else 100))
        held = Waybill("ann@example.org", "192.0.2.7", "x" if number % 7 == 0 else "")
        wishes = Envelope(ANN, hold_until=NOON + 90 if number % 11 == 0 else None)
        claimed = await draft.commit(wishes, [Addressee(BOB, BOB)] * 2, NOON, held)
        if number % 2:
            await shard.settle([Retry(each.id, NOON + 60, "451") for each in claimed.recipients])
    return shard


Step = Callable[[Shard], Awaitable[Any]]


def changes(choice: Choice) -> tuple[Step, ...]:
    return (
        lambda shard: shard.hasten(choice),
        lambda shard: shard.hold(choice, "because"),
        lambda shard: shard.free(choice),
        lambda shard: shard.requeue(choice),
        lambda shard: shard.give_up(choice, "550 5.7.1 no"),
        lambda shard: shard.remove(choice),
    )


@pytest.mark.parametrize("choice", CHOICES, ids=str)
async def test_changes_of_an_operator(tmp_path: Path, choice: Choice) -> None:
    shard = await filled(tmp_path)
    connection = shard._ledger.connection
    with seen(connection) as statements:
        for change in changes(choice):
            await change(shard)
    require_short(connection, statements)
    await shard.close()


async def test_the_daily_round(tmp_path: Path) -> None:
    """Open, accept, claim, settle, give back, close, open again."""
    shard = await filled(tmp_path)
    connection = shard._ledger.connection
    with seen(connection) as statements:
        draft = shard.begin()
        draft.write(b"x")
        fresh = await draft.commit(Envelope(ANN, envid="x"), [Addressee(BOB, BOB)] * 3, NOON)
        first, second, third = (each.id for each in fresh.recipients)
        await shard.settle([Done(first), Retry(second, NOON, "451")])
        await shard.release([third])
        claim = await shard.claim(NOON + 1e6, 20)
        assert all(b"".join(each.message.content.chunks()) for each in claim.messages)
        await shard.settle([Done(each.id) for one in claim.messages for each in one.recipients])
    require_short(connection, statements)
    assert len(statements) > 10
    await shard.close()


async def test_a_start_after_a_clean_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await (await filled(tmp_path)).close()
    statements: set[str] = set()

    def connect(*arguments: Any, **named: Any) -> sqlite3.Connection:
        connection = sqlite3.Connection(*arguments, **named)
        connection.set_trace_callback(statements.add)
        return connection

    monkeypatch.setattr(sqlite3, "connect", connect)
    shard = await Shard.open(tmp_path, 0, SETTINGS, Clock())
    monkeypatch.undo()
    assert len(statements) > 5
    statements = {each for each in statements if "sqlite_sequence" not in each}
    require_short(shard._ledger.connection, statements)
    await shard.close()


@pytest.mark.parametrize("choice", CHOICES, ids=str)
async def test_listings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, choice: Choice) -> None:
    shard = await filled(tmp_path)
    statements: set[str] = set()
    connect_reader = inventory.connect_reader

    def connect(path: Path) -> sqlite3.Connection:
        connection = connect_reader(path)
        connection.set_trace_callback(statements.add)
        return connection

    monkeypatch.setattr(inventory, "connect_reader", connect)
    listing = Inventory([tmp_path], Clock())
    listed = list(listing.list(choice))
    assert {each.queue_id for each in listed} == {each.queue_id for each in listing.list(choice)}
    assert len(list(listing.senders(choice))) == len(listed)
    list(listing.recipients(choice))
    for each in listed[:1]:
        assert listing.show(each.queue_id) is not None
    require_short(shard._ledger.connection, statements)
    await shard.close()


async def test_a_listing_that_pauses_does_not_hold_up_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever reads it may take a pause between any two messages; the log is written back then."""
    monkeypatch.setattr(inventory, "STRETCH", 10)
    shard = await filled(tmp_path)
    listing = Inventory([tmp_path], Clock()).list()
    first = next(listing)
    connection = shard._ledger.connection
    for _ in range(3):
        busy, length, written = connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()
        assert (busy, length) == (0, written)
        await shard.hold(Choice(), "again")
        await shard.free(Choice())
    assert first.queue_id not in [each.queue_id for each in listing]
    await shard.close()
