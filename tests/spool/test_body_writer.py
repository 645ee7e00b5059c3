"""Large contents go to a disk that makes everybody wait, and to one that gives up."""

from __future__ import annotations

import asyncio
import threading
import tracemalloc
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from postroad.model import Addressee, Envelope
from postroad.spool import Operation, Shard, SpoolError, SpoolSettings
from postroad.spool.body_writer import PIECE
from spool_conformance import ANN, BOB, NOON, SMALL, Clock, put, read

T = TypeVar("T")

CHUNK = bytes(range(256)) * 256  # 64 KiB
LIMIT = 131_072
FILE_STEPS = (
    Operation.CREATE,
    Operation.WRITE,
    Operation.SYNC_FILE,
    Operation.RENAME,
    Operation.SYNC_DIRECTORY,
    Operation.UNLINK,
)


class StuckGate:
    """Holds one kind of step until it is let go; a step on the loop's own thread fails."""

    def __init__(self) -> None:
        self.loop = threading.get_ident()
        self.held: Operation | None = None
        self.open = threading.Event()
        self.waiting = 0
        self.taken: list[Operation] = []

    def perform(self, operation: Operation, path: Path, action: Callable[[], T]) -> T:
        assert threading.get_ident() != self.loop
        if operation is self.held:
            self.waiting += 1
            self.open.wait()
        self.taken.append(operation)
        return action()


@pytest.fixture
def gate() -> StuckGate:
    return StuckGate()


@pytest.fixture
async def shard(tmp_path: Path, gate: StuckGate) -> AsyncIterator[Shard]:
    shard = await Shard.open(tmp_path, 0, SpoolSettings(inline_limit=LIMIT), Clock(), gate)
    gate.taken.clear()
    yield shard
    gate.open.set()
    await shard.close()


async def until(condition: Callable[[], object]) -> None:
    while not condition():  # noqa: ASYNC110 - what is waited for happens in a thread
        await asyncio.sleep(0)


async def send(shard: Shard, chunks: int) -> bytes:
    """A message of a careful sender; what is read of it when it is queued."""
    draft = shard.begin()
    for _ in range(chunks):
        if (written := draft.write(CHUNK)) is not None:
            await written
    return read(await draft.commit(Envelope(ANN), [Addressee(BOB, BOB)], NOON))


@pytest.mark.parametrize("step", FILE_STEPS)
async def test_a_disk_that_is_stuck_holds_up_only_its_own_message(
    shard: Shard, gate: StuckGate, tmp_path: Path, step: Operation
) -> None:
    gate.held = step
    sending = asyncio.ensure_future(send(shard, 5))
    discarded = shard.begin()
    discarded.write(CHUNK * 3)
    await until(lambda: Operation.WRITE in gate.taken or gate.waiting)
    discarded.discard()
    await until(lambda: gate.waiting)
    for _ in range(20):
        assert read(await put(shard)) == SMALL
    gate.open.set()
    assert await sending == CHUNK * 5
    await until(lambda: len(list((tmp_path / "bodies").iterdir())) == 1)


async def test_a_sender_waits_while_a_piece_is_written(shard: Shard, gate: StuckGate) -> None:
    gate.held = Operation.WRITE
    draft = shard.begin()
    assert draft.write(CHUNK) is None
    assert draft.write(CHUNK) is None  # exactly the inline limit
    written = draft.write(CHUNK)
    assert written is not None
    waiting = asyncio.ensure_future(written)
    await until(lambda: gate.waiting)
    assert not waiting.done()
    gate.open.set()
    await waiting
    assert draft.write(CHUNK) is None  # less than a piece
    claimed = await draft.commit(Envelope(ANN), [Addressee(BOB, BOB)], NOON)
    assert read(claimed) == CHUNK * 4
    assert gate.taken.count(Operation.WRITE) == 2


async def test_a_careless_sender_costs_memory_and_nothing_else(
    shard: Shard, gate: StuckGate
) -> None:
    gate.held = Operation.WRITE
    draft = shard.begin()
    for number in range(3000):
        draft.write(number.to_bytes(2, "big") * 100)
    await until(lambda: gate.waiting)
    for number in range(3000, 6000):
        draft.write(number.to_bytes(2, "big") * 100)
    gate.open.set()
    claimed = await draft.commit(Envelope(ANN), [Addressee(BOB, BOB)], NOON)
    assert read(claimed) == b"".join(n.to_bytes(2, "big") * 100 for n in range(6000))


async def test_a_small_message_meets_no_thread(shard: Shard, gate: StuckGate) -> None:
    draft = shard.begin()
    assert draft.write(bytes(LIMIT)) is None
    assert len(asyncio.all_tasks()) == 1
    await draft.commit(Envelope(ANN), [Addressee(BOB, BOB)], NOON)
    assert not set(gate.taken) & set(FILE_STEPS)


@pytest.mark.parametrize("step", [Operation.CREATE, Operation.WRITE, Operation.SYNC_FILE])
async def test_a_sender_that_goes_while_the_disk_is_stuck_leaves_nothing(
    shard: Shard, gate: StuckGate, tmp_path: Path, step: Operation
) -> None:
    gate.held = step
    sending = asyncio.ensure_future(send(shard, 5))
    await until(lambda: gate.waiting)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    draft = shard.begin()
    draft.write(CHUNK * 3)
    await asyncio.sleep(0)
    draft.discard()
    gate.open.set()
    await shard.close()
    left = [path.name for path in (tmp_path / "bodies").iterdir()]
    # The first one had nobody left to call `discard`, unless it was being committed.
    assert len(left) == (step is not Operation.SYNC_FILE)
    assert draft.queue_id not in left


async def test_a_shard_that_closes_meanwhile_refuses(
    shard: Shard, gate: StuckGate, tmp_path: Path
) -> None:
    draft, other = shard.begin(), shard.begin()
    draft.write(CHUNK * 3)
    other.write(CHUNK * 3)
    await shard.close()
    gate.loop = 0  # its threads have ended
    with pytest.raises(SpoolError):
        await draft.commit(Envelope(ANN), [Addressee(BOB, BOB)], NOON)
    written = other.write(CHUNK * 3)
    assert written is not None
    await written
    with pytest.raises(SpoolError, match="closed"):
        other.write(b"")
    with pytest.raises(SpoolError):
        await other.commit(Envelope(ANN), [Addressee(BOB, BOB)], NOON)
    draft.discard()
    assert list((tmp_path / "bodies").iterdir()) == []


@pytest.mark.parametrize(
    ("limit", "octets"), [(65_536, 65_536), (0, 100_000), (65_536, 150_000), (1, PIECE - 1)]
)
async def test_small_pieces_take_no_more_memory_than_large_ones(
    tmp_path: Path, limit: int, octets: int
) -> None:
    """In memory, on their way into a file, and on both sides of the limit."""
    shard = await Shard.open(tmp_path, 0, SpoolSettings(inline_limit=limit), Clock())
    draft = shard.begin()
    content = bytes(range(256)) * (octets // 256 + 1)
    tracemalloc.start()
    try:
        for at in range(0, octets, 2):
            if (written := draft.write(content[at : min(at + 2, octets)])) is not None:
                await written
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken < min(octets, PIECE) * 1.25 + 30_000
    claimed = await draft.commit(Envelope(ANN), [Addressee(BOB, BOB)], NOON)
    assert read(claimed) == content[:octets]
    await shard.close()
