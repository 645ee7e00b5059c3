"""The SQLite shard under load, on failing disks, and with callers that go away."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import shutil
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from postroad.model import Address, Addressee, Envelope
from postroad.spool import Choice, Claim, Done, Operation, Retry, Shard, SpoolError, SpoolSettings
from postroad.spool.hastening import Hastened
from postroad.spool.queue_id import spell
from postroad.spool.window import Window
from spool_conformance import (
    ANN,
    BOB,
    INLINE_LIMIT,
    LARGE,
    NOON,
    SMALL,
    Clock,
    ids,
    named,
    put,
    read,
    retries,
)
from spool_gates import FailingGate, HoldingGate

FULL = OSError(errno.ENOSPC, "No space left on device")
BROKEN = sqlite3.OperationalError("disk I/O error")
DATABASE_FULL = sqlite3.OperationalError("database or disk is full")
DATABASE_FULL.sqlite_errorcode = sqlite3.SQLITE_FULL
SETTINGS = SpoolSettings(inline_limit=INLINE_LIMIT)


@pytest.fixture
def gate() -> FailingGate:
    return FailingGate()


@pytest.fixture
async def shard(tmp_path: Path, gate: FailingGate) -> AsyncIterator[Shard]:
    shard = await Shard.open(tmp_path / "shard", 0, SETTINGS, Clock(), gate)
    yield shard
    gate.heal()
    await shard.close()


@pytest.fixture
def holding() -> HoldingGate:
    return HoldingGate()


@pytest.fixture
async def held(tmp_path: Path, holding: HoldingGate) -> AsyncIterator[Shard]:
    """A shard whose commits wait as long as the test likes."""
    shard = await Shard.open(tmp_path / "held", 0, SETTINGS, Clock(), holding)
    while holding.entered.acquire(blocking=False):
        pass  # what opening committed
    yield shard
    holding.open.set()
    await shard.close()


async def until(condition: Callable[[], object]) -> None:
    while not condition():  # noqa: ASYNC110 - what is waited for happens in a thread
        await asyncio.sleep(0)


async def handed_back(shard: Shard) -> Claim:
    """Recipients come back with the batch after the one that was cancelled."""
    for _ in range(100):
        claim = await shard.claim(NOON, 10)
        if claim.messages:
            return claim
    raise AssertionError("nothing was handed back")


def files(directory: Path) -> list[str]:
    return [path.name for path in (directory / "shard" / "bodies").iterdir()]


async def test_messages_that_come_while_one_syncs_share_the_next_commit(
    held: Shard, holding: HoldingGate
) -> None:
    before = holding.commits
    holding.open.clear()
    first = asyncio.ensure_future(put(held))
    await until(lambda: holding.entered.acquire(blocking=False))
    rest = [asyncio.ensure_future(put(held, BOB, content=bytes([n]))) for n in range(99)]
    timer = held._commits._yielding
    await until(lambda: held._commits._yielding is not timer)  # the loop let the writer run, once
    assert not first.done()
    holding.open.set()
    claims = await asyncio.gather(first, *rest)
    assert holding.commits - before == 2
    assert [read(one) for one in claims[1:]] == [bytes([n]) for n in range(99)]


async def test_all_kinds_of_jobs_share_a_commit(shard: Shard, gate: FailingGate) -> None:
    one, two, three = await put(shard), await put(shard, BOB, ANN), await put(shard)
    await shard.settle(retries(three, NOON + 9))
    before = gate.commits
    gone, _, _, flushed, deleted, claim, fresh = await asyncio.gather(
        shard.settle([Done(one.recipients[0].id)]),
        shard.settle(retries(two, NOON - 1)),
        shard.release([12345]),
        shard.hasten(Choice()),
        shard.delete([two.message.queue_id]),
        shard.claim(NOON, 10),
        put(shard),
    )
    assert gone == [one.message.queue_id]
    assert (flushed.count, deleted) == (1, 1)
    assert named(claim) == [three.message.queue_id]
    assert read(fresh) == SMALL
    assert gate.commits - before == 1


async def test_a_batch_of_more_rows_than_one_statement_takes(shard: Shard) -> None:
    claims = await asyncio.gather(*(put(shard, content=b"%d" % n) for n in range(700)))
    assert [read(one) for one in claims] == [b"%d" % n for n in range(700)]
    gone = await shard.settle([Done(id_) for id_ in ids(*claims)])
    assert gone == [one.message.queue_id for one in claims]


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize(
    "failure",
    [
        (Operation.COMMIT, DATABASE_FULL, False),
        (Operation.SYNC_FILE, FULL, False),
        (Operation.SYNC_FILE, FULL, True),
        (Operation.RENAME, FULL, False),
        (Operation.RENAME, FULL, True),
        (Operation.SYNC_DIRECTORY, FULL, False),
    ],
    ids=lambda failure: f"{failure[0].value}-{failure[1]}-{failure[2]}",
)
async def test_a_failed_commit_is_told_and_leaves_nothing(
    shard: Shard,
    gate: FailingGate,
    tmp_path: Path,
    content: bytes,
    failure: tuple[Operation, Exception, bool],
) -> None:
    operation, error, late = failure
    gate.fail(error, operation, late=late)
    if content is LARGE or operation is Operation.COMMIT:
        with pytest.raises(SpoolError):
            await put(shard, content=content)
    gate.heal()
    await until(lambda: not files(tmp_path))
    claimed = await put(shard, content=content)
    assert read(claimed) == content
    assert await shard.settle([Done(one) for one in ids(claimed)]) == [claimed.message.queue_id]
    assert await shard.claim(NOON + 1e9, 10) == Claim((), None)


@pytest.mark.parametrize("operation", [Operation.CREATE, Operation.WRITE])
async def test_a_full_disk_is_told_while_writing(
    shard: Shard, gate: FailingGate, tmp_path: Path, operation: Operation
) -> None:
    gate.fail(FULL, operation)
    draft, other = shard.begin(), shard.begin()
    for one in (draft, other):
        assert one.write(SMALL) is None
        written = one.write(LARGE)
        assert written is not None
        await written
    with pytest.raises(SpoolError, match="No space left"):
        draft.write(SMALL)
    for one in (draft, other):
        with pytest.raises(SpoolError):
            await one.commit(Envelope(ANN), [Addressee(BOB, BOB)], NOON)
    await until(lambda: not files(tmp_path))


@pytest.mark.parametrize("late", [False, True], ids=["lost", "in the log"])
async def test_a_commit_that_may_be_in_the_log_keeps_its_file(
    shard: Shard, gate: FailingGate, tmp_path: Path, *, late: bool
) -> None:
    """An error of the last sync does not say whether the next start will find the row."""
    gate.fail(BROKEN, Operation.COMMIT, late=late)
    with pytest.raises(SpoolError):
        await put(shard, content=LARGE)
    shutil.copytree(tmp_path / "shard", tmp_path / "left")
    left = await Shard.open(tmp_path / "left", 0, SETTINGS, Clock())
    assert left.damaged == ()
    assert [read(one) for one in (await left.claim(NOON, 9)).messages] == [LARGE] * late
    assert len(list((tmp_path / "left" / "bodies").iterdir())) == late
    await left.close()
    gate.heal()
    await put(shard)
    gate.fail(DATABASE_FULL, Operation.COMMIT)
    before = set(files(tmp_path))
    with pytest.raises(SpoolError):
        await put(shard, content=LARGE)
    await until(lambda: set(files(tmp_path)) == before)


async def test_one_bad_message_does_not_sink_the_others(shard: Shard) -> None:
    surrogate = Address("\udcff", "example.net")
    results = await asyncio.gather(
        put(shard, content=b"1"),
        put(shard, surrogate, content=b"2"),
        put(shard, content=LARGE),
        put(shard, content=b"3"),
        return_exceptions=True,
    )
    assert isinstance(results[1], SpoolError)
    good = [one for one in results if not isinstance(one, BaseException)]
    assert [read(one) for one in good] == [b"1", LARGE, b"3"]
    gone = await shard.settle([Done(id_) for id_ in ids(*good)])
    assert len(gone) == 3


async def test_a_batch_that_failed_once_is_tried_singly(shard: Shard, gate: FailingGate) -> None:
    gate.fail(BROKEN, Operation.COMMIT, times=1)
    claims = await asyncio.gather(*(put(shard) for _ in range(5)))
    assert len(set(ids(*claims))) == 5


async def test_results_that_could_not_be_written_are_still_claimed(
    shard: Shard, gate: FailingGate
) -> None:
    claimed = await put(shard, BOB, ANN)
    one, two = ids(claimed)
    gate.fail(FULL, Operation.COMMIT)
    with pytest.raises(SpoolError):
        await shard.settle([Done(one), Retry(two, NOON, "later")])
    with pytest.raises(SpoolError):
        await shard.release([one])
    gate.heal()
    assert await shard.claim(NOON + 1e9, 10) == Claim((), None)
    assert await shard.settle([Done(one), Done(two)]) == [claimed.message.queue_id]


async def test_an_unreadable_database_is_told(shard: Shard) -> None:
    claimed = await put(shard)
    await shard.settle(retries(claimed, NOON))
    shard._ledger.connection.execute("ALTER TABLE recipient RENAME TO away")
    with pytest.raises(SpoolError):
        await shard.claim(NOON, 10)
    shard._ledger.connection.execute("ALTER TABLE away RENAME TO recipient")
    assert len((await shard.claim(NOON, 10)).messages) == 1


async def test_a_bug_is_told_and_stops_the_shard(shard: Shard, gate: FailingGate) -> None:
    gate.fail(ZeroDivisionError(), Operation.COMMIT, times=1)
    with pytest.raises(ZeroDivisionError):
        await put(shard)
    with pytest.raises(SpoolError, match="internal error"):
        await put(shard)


@pytest.mark.parametrize("gathered", [1, 3])
async def test_whoever_runs_the_shard_hears_of_the_bug_once(tmp_path: Path, gathered: int) -> None:
    heard: list[BaseException] = []
    gate, bug = FailingGate(), ZeroDivisionError()
    shard = await Shard.open(tmp_path, 0, SETTINGS, Clock(), gate, broken=heard.append)
    gate.fail(FULL, Operation.COMMIT, times=1)
    with pytest.raises(SpoolError):
        await put(shard)
    assert heard == []
    gate.fail(bug, Operation.COMMIT)
    results = await asyncio.gather(*(put(shard) for _ in range(gathered)), return_exceptions=True)
    assert results == [bug] * gathered
    await asyncio.gather(put(shard), shard.claim(NOON, 1), return_exceptions=True)
    await shard.close()
    assert heard == [bug]


async def test_a_database_that_another_writes_is_told_without_a_wait(
    shard: Shard, tmp_path: Path
) -> None:
    assert shard._ledger.connection.execute("PRAGMA busy_timeout").fetchone() == (0,)
    with contextlib.closing(
        sqlite3.connect(tmp_path / "shard" / "spool.db", isolation_level=None)
    ) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(SpoolError, match="locked"):
            await put(shard)
        other.execute("ROLLBACK")
    assert read(await put(shard)) == SMALL


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])
async def test_a_caller_cancelled_during_the_commit_hands_the_message_back(
    held: Shard, holding: HoldingGate, content: bytes
) -> None:
    holding.open.clear()
    sending = asyncio.ensure_future(put(held, content=content))
    await until(lambda: holding.entered.acquire(blocking=False))
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    holding.open.set()
    claim = await handed_back(held)
    assert [read(one) for one in claim.messages] == [content]


def cancel_when_resolved(shard: Shard, asking: asyncio.Future[object]) -> None:
    """The commit is done, its future has the result, and the task has not run yet."""
    (request,) = shard._commits._pending
    resolve = request.resolve

    def resolve_and_cancel(*args: object) -> None:
        resolve(*args)
        asking.cancel()

    request.resolve = resolve_and_cancel


async def test_a_caller_cancelled_at_the_last_moment_hands_the_message_back(held: Shard) -> None:
    sending = asyncio.ensure_future(put(held))
    await asyncio.sleep(0)
    cancel_when_resolved(held, sending)
    with pytest.raises(asyncio.CancelledError):
        await sending
    claim = await handed_back(held)
    assert [read(one) for one in claim.messages] == [SMALL]


@pytest.mark.parametrize("change", ["settle", "remove"])
async def test_a_caller_cancelled_at_the_last_moment_leaves_no_file(
    held: Shard, tmp_path: Path, change: str
) -> None:
    claimed = await put(held, content=LARGE)
    bodies = tmp_path / "held" / "bodies"
    assert list(bodies.iterdir())
    done = [Done(one.id) for one in claimed.recipients]
    asking = asyncio.ensure_future(
        held.settle(done) if change == "settle" else held.remove(Choice())
    )
    await asyncio.sleep(0)
    cancel_when_resolved(held, asking)
    with pytest.raises(asyncio.CancelledError):
        await asking
    async with asyncio.timeout(30):
        await until(lambda: not list(bodies.iterdir()))


async def test_a_caller_cancelled_while_its_file_syncs_leaves_nothing(
    tmp_path: Path, holding: HoldingGate
) -> None:
    class Gate(HoldingGate):
        def perform(self, operation, path, action):  # type: ignore[no-untyped-def]
            kind = Operation.COMMIT if operation is Operation.SYNC_FILE else Operation.CREATE
            super().perform(kind, path, lambda: None)
            return action()

    gate = Gate()
    shard = await Shard.open(tmp_path / "shard", 0, SETTINGS, Clock(), gate)
    gate.open.clear()
    sending = asyncio.ensure_future(put(shard, content=LARGE))
    await until(lambda: gate.entered.acquire(blocking=False))
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    gate.open.set()
    await until(lambda: not files(tmp_path))
    assert await shard.claim(NOON + 1e9, 10) == Claim((), None)
    await shard.close()


async def test_a_cancelled_claim_is_handed_back(held: Shard, holding: HoldingGate) -> None:
    claimed = await put(held)
    await held.settle(retries(claimed, NOON))
    holding.open.clear()
    sending = asyncio.ensure_future(put(held))
    await until(lambda: held._commits._is_out)
    claiming = asyncio.ensure_future(held.claim(NOON, 10))
    await asyncio.sleep(0)
    claiming.cancel()
    holding.open.set()
    await sending
    claim = await handed_back(held)
    assert named(claim) == [claimed.message.queue_id]


async def test_close_finishes_what_was_begun(tmp_path: Path) -> None:
    shard = await Shard.open(tmp_path, 0, SETTINGS, Clock())
    sending = [asyncio.ensure_future(put(shard)) for _ in range(50)]
    await asyncio.sleep(0)
    await shard.close()
    claims = await asyncio.gather(*sending)
    shard = await Shard.open(tmp_path, 0, SETTINGS, Clock())
    assert ids(*(await shard.claim(NOON, 100)).messages) == sorted(ids(*claims))
    await shard.close()


async def test_identifiers_are_reserved_while_mail_flows(tmp_path: Path) -> None:
    clock = Clock()
    shard = await Shard.open(tmp_path, 0, SETTINGS, clock)
    given = []
    for _ in range(50):
        clock.now += 17
        given.append((await put(shard)).message.queue_id)
    assert given == sorted(set(given))
    await shard.close()


async def test_a_retry_needs_a_time() -> None:
    with pytest.raises(ValueError, match="finite"):
        Retry(1, float("nan"), "")


@pytest.mark.parametrize("replaced", [False, True])
async def test_nothing_is_acknowledged_into_a_removed_database(
    tmp_path: Path, *, replaced: bool
) -> None:
    shard = await Shard.open(tmp_path / "0", 0, SpoolSettings(), time.time)
    (tmp_path / "0" / "spool.db").unlink()
    if replaced:
        (tmp_path / "0" / "spool.db").touch()
    draft = shard.begin()
    draft.write(b"Subject: x\r\n\r\n")

    with pytest.raises(SpoolError):
        await draft.commit(
            Envelope(None),
            [Addressee(Address("john", "example.org"), Address("john", "example.org"))],
            0.0,
        )

    await shard.close()


async def test_a_flush_looks_at_each_held_message_once(tmp_path: Path) -> None:
    """However many windows it takes; and at none, where another domain is meant."""
    steps = []
    for count in (Window.SIZE, 4 * Window.SIZE):
        directory = tmp_path / str(count)
        await (await Shard.open(directory, 0, SETTINGS, Clock())).close()
        _fill_with_held(directory / "spool.db", count)
        shard = await Shard.open(directory, 0, SETTINGS, Clock())
        taken: list[int] = []
        shard._ledger.connection.set_progress_handler(lambda taken=taken: taken.append(1), 100)
        assert await shard.hasten(Choice(domain="nowhere.example")) == Hastened(0, 0, None)
        elsewhere = len(taken)
        assert await shard.hasten(Choice(domain=BOB.domain)) == Hastened(0, count, None)
        shard._ledger.connection.set_progress_handler(None, 100)
        assert elsewhere < len(taken) / 2
        steps.append(len(taken))
        await shard.close()
    assert steps[1] < steps[0] * 5


def _fill_with_held(database: Path, count: int) -> None:
    numbers = [int(NOON * 1e6) + number for number in range(count)]
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.executemany(
            "INSERT INTO message (id, queue_id, sender, body, smtputf8, arrived, queued, size,"
            " filed, hold_until) VALUES (?, ?, '', '7BIT', 0, 0, 0, 1, 0, ?)",
            [(number, spell(number, 0), NOON + 60) for number in numbers],
        )
        connection.executemany(
            "INSERT INTO recipient (message, address, attempts, next_attempt) VALUES (?, ?, 0, ?)",
            [(number, str(BOB), NOON + 60) for number in numbers],
        )
        connection.commit()
