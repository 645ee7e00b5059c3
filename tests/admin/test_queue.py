"""Changes to queues: of a running worker, of none, of both; and of very many messages."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

import pytest

from postroad.admin import queue
from postroad.admin.control import ControlError, ControlServer, ask
from postroad.admin.queue import Changed, QueueControl, delete, flush, hold, release
from postroad.model import BLANK, Address, Addressee, Envelope, Waybill
from postroad.model.journal import Event
from postroad.spool import (
    Choice,
    Inventory,
    Retry,
    Shard,
    SpoolSettings,
    shard_directories,
)

NOW = 1_800_000_000.0
LATER = 4_000_000_000.0
X = Address("a", "x.example")
Y = Address("b", "y.example")


class Runner:
    """Counts how often it was told that something became due."""

    def __init__(self) -> None:
        self.flushed = 0
        self.woken = 0
        self.logged: list[str] = []

    def log(self, event: Event) -> None:
        self.logged.append(event.text)

    def flush(self) -> None:
        self.flushed += 1

    def wake(self) -> None:
        self.woken += 1


@contextlib.asynccontextmanager
async def opened(state: Path, *numbers: int) -> AsyncIterator[Mapping[int, Shard]]:
    shards = {
        number: await Shard.open(
            state / "spool" / str(number), number, SpoolSettings(), lambda: NOW
        )
        for number in numbers
    }
    try:
        yield shards
    finally:
        for shard in shards.values():
            await shard.close()


@contextlib.asynccontextmanager
async def worker(state: Path, *numbers: int) -> AsyncIterator[tuple[Mapping[int, Shard], Runner]]:
    """A worker with these shards, its control socket open."""
    runner = Runner()
    async with opened(state, *numbers) as shards:
        commands = QueueControl(shards, [runner], runner.log).commands  # type: ignore[list-item]
        server = ControlServer(state / "run" / f"worker-{numbers[0]}.sock", commands)
        await server.start()
        try:
            yield shards, runner
        finally:
            await server.close()


async def fill(
    shard: Shard, count: int, *recipients: Address, waybill: Waybill = BLANK
) -> list[str]:
    """Deferred messages; their queue IDs."""
    pairs = [Addressee(each, each) for each in recipients or (X, Y)]

    async def one() -> tuple[str, list[Retry]]:
        claimed = await shard.begin().commit(Envelope(None), pairs, NOW, waybill)
        retries = [Retry(each.id, LATER, "451 later") for each in claimed.recipients]
        return claimed.message.queue_id, retries

    stored = await asyncio.gather(*(one() for _ in range(count)))
    await shard.settle([retry for _, retries in stored for retry in retries])
    return [queue_id for queue_id, _ in stored]


def waiting(state: Path) -> list[str]:
    """Queue IDs of messages with a recipient that waits for long."""
    entries = Inventory(shard_directories(state / "spool")).list()
    return [one.queue_id for one in entries if LATER in {r.next_attempt for r in one.recipients}]


async def deleted(state: Path, queue_ids: Sequence[str], seen: list[int] | None = None) -> int:
    return await asyncio.to_thread(delete, state, queue_ids, (seen or []).append)


async def flushed(state: Path, selector: Choice) -> int:
    changed = await asyncio.to_thread(flush, state, selector)
    assert changed.held == 0
    return changed.count


@pytest.mark.parametrize(
    ("domain", "named", "count"),
    [(None, False, 8), ("Y.example", False, 4), (None, True, 4), ("x.example", True, 2)],
)
@pytest.mark.parametrize("owned", [(0, 1), (0,), (1,), ()], ids=str)
async def test_flush(
    tmp_path: Path, owned: tuple[int, ...], domain: str | None, *, named: bool, count: int
) -> None:
    """Shards 0 and 1 with two messages each; a worker has those that are `owned`."""
    async with opened(tmp_path, 0, 1) as shards:
        names = [(await fill(shard, 2))[0] for shard in shards.values()]
    selector = Choice(frozenset(names) if named else None, domain=domain)
    if not owned:
        assert await flushed(tmp_path, selector) == count
    else:
        async with worker(tmp_path, *owned) as (_, runner):
            assert await flushed(tmp_path, selector) == count
            assert runner.flushed == 1
    assert set(waiting(tmp_path)).isdisjoint(names) is (domain is None)


@pytest.mark.parametrize("owned", [(0, 1), (0,), ()], ids=str)
async def test_delete_by_thousands(tmp_path: Path, owned: tuple[int, ...]) -> None:
    """More names than one request takes, in shards with and without a worker."""
    async with opened(tmp_path, 0, 1) as shards:
        names = [*await fill(shards[0], 3100, X), *await fill(shards[1], 300, X)]
    kept = names.pop()
    seen = [0]
    if not owned:
        assert await deleted(tmp_path, names, seen) == 3399
    else:
        async with worker(tmp_path, *owned):
            assert await deleted(tmp_path, names, seen) == 3399
    assert waiting(tmp_path) == [kept]
    assert seen == sorted(seen)
    assert 0 < seen[1] <= 1000
    assert seen[-1] == 3399


@pytest.mark.parametrize("owned", [(0,), ()], ids=str)
async def test_flush_releases_nothing_that_is_held(tmp_path: Path, owned: tuple[int, ...]) -> None:
    async with opened(tmp_path, 0) as shards:
        await fill(shards[0], 1, X)
        held = Envelope(None, hold_until=LATER)
        await shards[0].begin().commit(held, [Addressee(X, X), Addressee(Y, Y)], NOW)
    if not owned:
        changed = await asyncio.to_thread(flush, tmp_path, Choice())
    else:
        async with worker(tmp_path, *owned):
            changed = await asyncio.to_thread(flush, tmp_path, Choice())
    assert changed == Changed(1, 2)
    assert len(waiting(tmp_path)) == 1


async def test_flush_by_thousands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "PORTION", 7)
    async with worker(tmp_path, 0) as (shards, runner):
        names = await fill(shards[0], 50, X)
        assert await flushed(tmp_path, Choice(frozenset(names[:-1]))) == 49
        assert runner.flushed == 7
        assert waiting(tmp_path) == names[-1:]


async def test_a_message_in_hand_is_deleted(tmp_path: Path) -> None:
    async with worker(tmp_path, 0) as (shards, _):
        (name,) = await fill(shards[0], 1)
        await shards[0].claim(LATER, 10)
        assert await deleted(tmp_path, [name.lower(), "nonsense", "0" * 12]) == 1
        assert await deleted(tmp_path, [name]) == 0
        assert await deleted(tmp_path, []) == 0


async def test_a_shard_with_an_owner_that_does_not_answer(tmp_path: Path) -> None:
    async with opened(tmp_path, 0) as shards:
        names = await fill(shards[0], 1)
        with pytest.raises(ControlError, match="starting or ending"):
            await deleted(tmp_path, names)
    assert await deleted(tmp_path, names) == 1


async def test_a_worker_that_ends_between_portions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its shards are nobody's then, and changed here from the first portion on."""
    monkeypatch.setattr(queue, "PORTION", 2)
    async with worker(tmp_path, 0) as (shards, _):
        names = await fill(shards[0], 6, X)
    requests = []

    def ends(path: Path, request: dict[str, object]) -> dict[str, object] | None:
        requests.append(request)
        return {"count": 0, "shards": [0]} if len(requests) < 2 else None

    monkeypatch.setattr(queue, "ask", ends)
    monkeypatch.setattr(queue, "sockets", lambda _: [tmp_path / "run" / "worker-0.sock"])
    assert await deleted(tmp_path, names) == 6


async def test_a_spool_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "spool" / "0").mkdir(parents=True)
    (tmp_path / "spool" / "0" / "spool.db").write_bytes(b"no database" * 99)
    with pytest.raises(ControlError, match="not a database"):
        await deleted(tmp_path, ["0" * 12])


HERS = Waybill("ann@example.org")


async def held(state: Path, choice: Choice, reason: str = "because") -> Changed:
    return await asyncio.to_thread(hold, state, choice, reason)


async def released(state: Path, choice: Choice) -> Changed:
    return await asyncio.to_thread(release, state, choice)


@pytest.mark.parametrize(
    ("choice", "count"),
    [
        (Choice(), 6),
        (Choice(login="ann@example.org"), 4),
        (Choice(sender=""), 6),
        (Choice(sender="ann@example.org"), 0),
    ],
)
@pytest.mark.parametrize("owned", [(0, 1), (0,), ()], ids=str)
async def test_hold_and_release(
    tmp_path: Path, owned: tuple[int, ...], choice: Choice, count: int
) -> None:
    """Shards 0 and 1 with two messages of Ann's and one of nobody's each."""
    async with opened(tmp_path, 0, 1) as shards:
        for shard in shards.values():
            await fill(shard, 2, X, waybill=HERS)
            await fill(shard, 1, X)

    async def there_and_back() -> None:
        assert await held(tmp_path, choice) == Changed(count)
        assert await held(tmp_path, choice) == Changed(0, passed=count)
        listed = list(Inventory(shard_directories(tmp_path / "spool")).list(Choice(held=True)))
        assert [entry.waybill.held for entry in listed] == ["because"] * count
        flushed_ = await asyncio.to_thread(flush, tmp_path, Choice())
        assert (flushed_.count, flushed_.withheld) == (6 - count, count)
        assert await released(tmp_path, choice) == Changed(count, passed=0)
        assert await released(tmp_path, choice) == Changed(0, passed=count)

    if not owned:
        await there_and_back()
        return
    async with worker(tmp_path, *owned) as (_, runner):
        await there_and_back()
        assert runner.woken == 2


async def test_the_log_says_what_an_operator_did(tmp_path: Path) -> None:
    async with worker(tmp_path, 0) as (shards, runner):
        names = await fill(shards[0], 2, X, waybill=HERS)
        await held(tmp_path, Choice(login="ann@example.org"), "a\nb")
        await held(tmp_path, Choice(login="ann@example.org"), "nothing more")
        await released(tmp_path, Choice(sender=""))
        await flushed(tmp_path, Choice(domain="x.example"))
        await deleted(tmp_path, names)
        assert runner.logged == [
            "messages submitted by ann@example.org put on hold (a?b): 2",
            "messages from <> released from hold: 2",
            "recipients of x.example made due: 2",
            "messages deleted by an operator: 2",
        ]


async def test_only_what_is_held_for_a_reason(tmp_path: Path) -> None:
    async with worker(tmp_path, 0) as (shards, _):
        first, second = await fill(shards[0], 2, X, waybill=HERS)
        await held(tmp_path, Choice(frozenset({first})), "by an operator")
        await held(tmp_path, Choice(), "frozen")
        assert await released(tmp_path, Choice(reason="frozen")) == Changed(1)
        (left,) = Inventory(shard_directories(tmp_path / "spool")).list(Choice(held=True))
        assert (left.queue_id, first != second) == (first, True)
        meant = Choice(login="ann@example.org", held=True)
        named = Inventory(shard_directories(tmp_path / "spool")).list(meant)
        assert await deleted(tmp_path, [entry.queue_id for entry in named]) == 1


async def test_hold_by_thousands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "PORTION", 7)
    async with worker(tmp_path, 0) as (shards, runner):
        names = await fill(shards[0], 50, X)
        assert await held(tmp_path, Choice(frozenset(names[:-1]))) == Changed(49)
        assert await held(tmp_path, Choice(frozenset(names))) == Changed(1, passed=49)
        assert await released(tmp_path, Choice(frozenset(names[1:]))) == Changed(49)
        assert runner.woken == 7
        assert await held(tmp_path, Choice(frozenset())) == Changed(0)


async def test_a_hold_without_a_reason(tmp_path: Path) -> None:
    async with worker(tmp_path, 0) as (shards, _):
        await fill(shards[0], 1, X)
        with pytest.raises(ControlError, match="for a reason"):
            await held(tmp_path, Choice(), "")


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        ({"command": "hold", "queue_ids": "A", "reason": "x"}, "queue_ids must be a list"),
        ({"command": "hold", "login": 7, "reason": "x"}, "login must be a string"),
        ({"command": "hold", "sender": [], "reason": "x"}, "sender must be a string"),
        ({"command": "hold", "reason": {}}, "reason must be a string"),
        ({"command": "hold"}, "a message is held for a reason"),
        ({"command": "release", "held_for": 1}, "held_for must be a string"),
        ({"command": "delete"}, "it does not say which messages"),
        ({"command": "bounce", "reply": "550 5.7.1 no"}, "it does not say which messages"),
        ({"command": "bounce", "all": True}, "a reply of class 5 on one line"),
        ({"command": "bounce", "all": True, "reply": "450 4.7.1 no"}, "a reply of class 5"),
        ({"command": "bounce", "all": True, "reply": "550 5.7.1 a\r\nb"}, "on one line"),
        ({"command": "requeue", "standing": "gone"}, "is not a valid Standing"),
        ({"command": "requeue", "before": "now"}, "before must be a number"),
        ({"command": "requeue", "larger": True}, "larger must be a number"),
        ({"command": "flush", "recipient": "*a*a*a*a*a"}, "more than 4 wildcards"),
        ({"command": "delete", "queue_ids": "ABC"}, "queue_ids must be"),
        ({"command": "delete", "queue_ids": [1]}, "queue_ids must be"),
        ({"command": "flush", "queue_ids": {}}, "queue_ids must be"),
        ({"command": "flush", "domain": 7}, "domain must be a string"),
    ],
)
async def test_requests_with_mistakes(
    tmp_path: Path, request_: dict[str, object], error: str
) -> None:
    async with worker(tmp_path, 0) as (shards, runner):
        await fill(shards[0], 1)
        with pytest.raises(ControlError, match=error):
            await asyncio.to_thread(ask, tmp_path / "run" / "worker-0.sock", request_)
        assert runner.flushed == 0
        assert len(waiting(tmp_path)) == 1


@pytest.mark.parametrize("name", ["\ud800", "\0", "Z" * 12, "9" * 5000, ""])
async def test_names_that_are_none(tmp_path: Path, name: str) -> None:
    async with worker(tmp_path, 0) as (shards, _):
        await fill(shards[0], 1)
        assert await deleted(tmp_path, [name]) == 0
        assert await flushed(tmp_path, Choice(frozenset({name}))) == 0
        assert len(waiting(tmp_path)) == 1
