"""What a shard is asked to do while steps fail and worlds end, and what must be true afterwards.

A scenario is prepared in peace; then every durable step of its act is met in turn. `Diary` holds
what the shard acknowledged, and `inspect` compares it with what a new start finds.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from postroad.model import Addressee, ByMode, DeliverBy, Envelope, Notify
from postroad.model.content import Octets
from postroad.model.durable import DISK, Durable
from postroad.spool import Choice, Claimed, Done, Inventory, Retry, Shard, SpoolError, SpoolSettings
from postroad.spool.queue_id import spell
from postroad.spool.schema import TABLES
from spool_conformance import ANN, BOB, EVE, INLINE_LIMIT, LARGE, NOON, SMALL, Clock, read

SETTINGS = SpoolSettings(inline_limit=INLINE_LIMIT)
PLAIN = Envelope(ANN)
ASKING = Envelope(ANN, envid="QQ314", priority=2, deliver_by=DeliverBy(NOON + 9, ByMode.RETURN))
LATER = Envelope(ANN, hold_until=NOON + 50)
LATEST = NOON + 1e6


@dataclass
class Diary:
    """What the shard told its caller, and what the caller asked for."""

    contents: dict[str, bytes] = field(default_factory=dict)  # of every draft
    envelopes: dict[str, Envelope] = field(default_factory=dict)
    recipients: dict[str, int] = field(default_factory=dict)
    acknowledged: set[str] = field(default_factory=set)
    maybe_gone: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    maybe_held: set[str] = field(default_factory=set)
    kept: dict[str, Claimed] = field(default_factory=dict)


Act = Callable[[Shard, Diary], Awaitable[None]]
Before = Callable[[Path, Diary], Awaitable[None]]


async def nothing(_: object, __: Diary) -> None:
    """No preparation."""


@dataclass(frozen=True)
class Scenario:
    """`before` makes a directory, `prepare` works on the open shard, and `act` is what is tried.

    Where `opens`, opening is tried as well.
    """

    act: Act
    prepare: Act = nothing
    before: Before = nothing
    opens: bool = False


async def send(
    shard: Shard, diary: Diary, content: bytes, count: int = 1, envelope: Envelope = PLAIN
) -> str:
    draft = shard.begin()
    name = draft.queue_id
    diary.contents[name], diary.envelopes[name] = content, envelope
    diary.recipients[name] = count
    try:
        for start in range(0, len(content), 60_000):
            if (written := draft.write(content[start : start + 60_000])) is not None:
                await written
        one = Addressee(BOB, BOB) if envelope is PLAIN else Addressee(BOB, BOB, Notify.DELAY, "x;y")
        pairs = [one, *[Addressee(EVE, EVE)] * (count - 1)]
        diary.kept[name] = await draft.commit(envelope, pairs, NOON)
    finally:
        draft.discard()
    diary.acknowledged.add(name)
    return name


async def small(shard: Shard, diary: Diary) -> None:
    await send(shard, diary, SMALL)


async def large(shard: Shard, diary: Diary) -> None:
    await send(shard, diary, LARGE * 2)


async def change(shard: Shard, diary: Diary, came: bytes, head: bytes, body: bytes | None) -> None:
    """A message is given another header, and another body unless that is `None`."""
    draft = shard.begin()
    name = draft.queue_id
    kept = came.index(b"\r\n\r\n")
    diary.contents[name] = head + (came[kept:] if body is None else body)
    diary.envelopes[name], diary.recipients[name] = PLAIN, 1
    try:
        if (written := draft.write(came)) is not None:
            await written
        old = await draft.read(kept)
        await draft.replace(head, old if body is None else Octets(body))
        diary.kept[name] = await draft.commit(PLAIN, [Addressee(BOB, BOB)], NOON)
    finally:
        draft.discard()
    diary.acknowledged.add(name)


async def changed(shard: Shard, diary: Diary) -> None:
    await change(shard, diary, SMALL, b"A: b", None)
    await change(shard, diary, SMALL, b"A: b", b"\r\n\r\n" + LARGE)


async def changed_large(shard: Shard, diary: Diary) -> None:
    await change(shard, diary, LARGE, b"A: b", None)
    await change(shard, diary, LARGE, b"A: b", b"\r\n\r\nshort\r\n")


async def several(shard: Shard, diary: Diary) -> None:
    await send(shard, diary, SMALL, 5)
    await send(shard, diary, LARGE, 3, ASKING)


async def group(shard: Shard, diary: Diary) -> None:
    sizes = (SMALL, LARGE, SMALL, LARGE, SMALL, SMALL)
    wishes = (PLAIN, PLAIN, ASKING, LATER, LATER, PLAIN)
    pairs = zip(sizes, wishes, strict=True)
    results = await asyncio.gather(
        *(send(shard, diary, size, 1, wish) for size, wish in pairs), return_exceptions=True
    )
    for each in results:
        if isinstance(each, BaseException):
            raise each


async def discard(shard: Shard, diary: Diary) -> None:
    draft = shard.begin()
    diary.contents[draft.queue_id] = LARGE * 2
    if (written := draft.write(LARGE * 2)) is not None:
        await written
    draft.discard()


async def settle(shard: Shard, diary: Diary) -> None:
    for name, claimed in list(diary.kept.items()):
        first, *rest = [one.id for one in claimed.recipients] or [0]
        if rest:
            diary.recipients[name] -= 1
            await shard.settle([Done(first), *(Retry(each, NOON + 60, "451") for each in rest)])
        else:
            diary.maybe_gone.add(name)
            diary.gone.update(await shard.settle([Done(first)]))


async def defer(shard: Shard, diary: Diary) -> None:
    for claimed in diary.kept.values():
        await shard.settle([Retry(one.id, NOON + 60, "451") for one in claimed.recipients])


async def delete(shard: Shard, diary: Diary) -> None:
    diary.maybe_gone.update(diary.kept)
    await shard.delete(list(diary.kept))
    diary.gone.update(diary.kept)


async def hold(shard: Shard, diary: Diary) -> None:
    diary.maybe_held.update(diary.kept)
    await shard.hold(Choice(), "because")
    await shard.free(Choice(frozenset(list(diary.kept)[:1])))


async def reserve(shard: Shard, diary: Diary) -> None:
    """The clock goes on by as much as there were numbers for, so more must be stored."""
    clock = shard._clock
    assert isinstance(clock, Clock)
    clock.now += 45
    await send(shard, diary, SMALL)
    if shard._reservation.pending is not None:
        await shard._reservation.pending
    clock.now -= 3600  # and is set back
    await send(shard, diary, SMALL)


async def close(shard: Shard, _: Diary) -> None:
    await shard.close()


async def stock(shard: Shard, diary: Diary) -> None:
    await small(shard, diary)
    await several(shard, diary)


async def use(directory: Path, diary: Diary, act: Act = stock) -> None:
    shard = await Shard.open(directory, 0, SETTINGS, Clock())
    try:
        await act(shard, diary)
    finally:
        await shard.close()


async def crash(directory: Path, diary: Diary) -> None:
    """A directory as a kill leaves it, with files of messages that were not acknowledged."""
    alive = directory.with_name(f"{directory.name}-alive")
    shard = await Shard.open(alive, 0, SETTINGS, Clock())
    await stock(shard, diary)
    shutil.copytree(alive, directory)
    await shard.close()
    shutil.rmtree(alive)
    (directory / "bodies" / "0DJXAAAAAA00.part").write_bytes(b"half of")
    (directory / "bodies" / "0DJXAAAAAB00").write_bytes(b"not acknowledged")


async def age(directory: Path, diary: Diary) -> None:
    """A directory that an older release wrote."""
    (directory / "bodies").mkdir(parents=True)
    numbers = [int(NOON * 1e6) + number for number in range(2)]
    with contextlib.closing(sqlite3.connect(directory / "spool.db")) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.executescript(f"BEGIN; {TABLES} PRAGMA user_version = 1; COMMIT;")
        database.execute("INSERT INTO shard VALUES (0, ?)", (numbers[-1],))
        for number, content in zip(numbers, (SMALL, LARGE), strict=True):
            name, filed = spell(number, 0), content is LARGE
            row = (number, name, str(ANN), "7BIT", 0, NOON, NOON, len(content), filed)
            database.execute("INSERT INTO message VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
            database.execute(
                "INSERT INTO recipient VALUES (NULL, ?, ?, NULL, 0, NULL, NULL)", (number, str(BOB))
            )
            if filed:
                (directory / "bodies" / name).write_bytes(content)
            else:
                database.execute("INSERT INTO content VALUES (?, ?)", (number, content))
            diary.contents[name], diary.envelopes[name] = content, PLAIN
            diary.recipients[name] = 1
            diary.acknowledged.add(name)
        database.commit()


async def broken(directory: Path, diary: Diary) -> None:
    """The page is broken that says which tables there are; all mail is readable."""
    await use(directory, diary)
    with (directory / "spool.db").open("r+b") as database:
        database.write(b"\xff" * 4096)


async def empty(_: Shard, __: Diary) -> None:
    """It is the opening that is tried."""


SCENARIOS = {
    "small message": Scenario(small),
    "large message": Scenario(large),
    "changed message": Scenario(changed),
    "changed large message": Scenario(changed_large),
    "several recipients": Scenario(several),
    "group of many": Scenario(group),
    "content given up": Scenario(discard),
    "settle": Scenario(settle, stock),
    "defer": Scenario(defer, stock),
    "delete": Scenario(delete, stock),
    "hold and release": Scenario(hold, stock),
    "reserve identifiers": Scenario(reserve, small),
    "open a new one": Scenario(small, opens=True),
    "open after a crash": Scenario(small, before=crash, opens=True),
    "open after a close": Scenario(small, before=use, opens=True),
    "bring up to date": Scenario(small, before=age, opens=True),
    "save a broken one": Scenario(small, before=broken, opens=True),
    "close": Scenario(close, stock),
}


async def play(scenario: Scenario, directory: Path, gate: Durable, diary: Diary) -> None:
    """Prepare in peace, then act, through a gate with `arm`."""
    arm: Callable[[], None] = gate.arm  # type: ignore[attr-defined]
    if scenario.opens:
        arm()
    shard = await Shard.open(directory, 0, SETTINGS, Clock(), gate)
    try:
        await scenario.prepare(shard, diary)
        if not scenario.opens:
            arm()
        await scenario.act(shard, diary)
    finally:
        await shard.close()


async def inspect(directory: Path, diary: Diary, durable: Durable = DISK) -> None:
    """Open what is left, and take the inventory."""
    shard = await Shard.open(directory, 0, SETTINGS, Clock(), durable)
    try:
        assert shard.damaged == ()
        await shard.free(Choice())
        claim = await shard.claim(LATEST, 100)
        found = {one.message.queue_id: one for one in claim.messages}
        # Nothing acknowledged is missing; what was settled may still be there.
        assert diary.acknowledged - diary.maybe_gone <= found.keys()
        assert not diary.gone & found.keys()
        # What is there is whole, acknowledged or not.
        for name, claimed in found.items():
            assert read(claimed) == diary.contents[name]
            assert claimed.message.envelope == diary.envelopes[name]
            assert diary.recipients[name] <= len(claimed.recipients)
            first = claimed.recipients[0]
            if claimed.message.envelope != PLAIN and first.address == BOB:
                assert (first.notify, first.orcpt) == (Notify.DELAY, "x;y")
        assert {each.queue_id for each in Inventory([directory]).list()} == found.keys()
        # And nothing else lies around.
        filed = {name for name in found if len(diary.contents[name]) > INLINE_LIMIT}
        assert {path.name for path in (directory / "bodies").iterdir()} == filed
        rows = shard._ledger.connection.execute("SELECT count(*) FROM content").fetchone()
        assert rows == (len(found) - len(filed),)
        # Identifiers go on above all that were ever given.
        draft = shard.begin()
        assert all(draft.queue_id > given for given in diary.contents)
        draft.discard()
    except SpoolError as error:
        raise AssertionError(str(error)) from error
    finally:
        await shard.close()
