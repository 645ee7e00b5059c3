"""The runner on a real shard: what is committed is delivered, also after a restart."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from fake_transport import BOUNCES, DEFERS, FakeTransport
from postroad.model import Action, Address, Addressee, ByMode, DeliverBy, Envelope, Notify
from postroad.model.journal import Bounced, Delivered, Event, Notice, Removed
from postroad.queue import QueueSettings, Runner
from postroad.spool import Selector, Shard, SpoolSettings
from queue_fakes import FakeClock, FakeDoor, FakeJournal, FakeRouter

ALICE = Address("alice", "example.org")


class Stage:
    """A shard, a runner on it, and fakes around both."""

    def __init__(self, shard: Shard, clock: FakeClock) -> None:
        self.shard = shard
        self.clock = clock
        self.smtp = FakeTransport()
        self.door = FakeDoor()
        self.journal = FakeJournal()
        self.changed = asyncio.Event()
        self.runner = Runner(
            spool=shard,
            router=FakeRouter(),
            transports={"smtp": self.smtp},
            door=self.door,
            journal=self.note,
            clock=clock,
            settings=QueueSettings(active_limit=50),
            hostname="mail.example.org",
        )

    def note(self, event: object) -> None:
        self.journal.events.append(event)
        self.changed.set()

    async def commit(
        self, *domains: str, notify: Notify | None = None, owed: Action | None = None, **wishes: Any
    ) -> str:
        draft = self.shard.begin()
        draft.write(b"Subject: test\r\n\r\nHello.\r\n")
        addresses = [Address("bob", domain) for domain in domains]
        pairs = [Addressee(address, address, notify, owed=owed) for address in addresses]
        claimed = await draft.commit(Envelope(ALICE, **wishes), pairs, self.clock.now)
        self.runner.add(claimed)
        return draft.queue_id

    async def happened(self, kind: type[Event], count: int = 1) -> None:
        while len(self.journal.of(kind)) < count:
            self.changed.clear()
            await self.changed.wait()

    async def removed(self, count: int) -> set[str]:
        """Wait until so many messages are gone."""
        await self.happened(Removed, count)
        return {event.queue_id for event in self.journal.of(Removed)}


@contextlib.asynccontextmanager
async def on_stage(directory: Path, clock: FakeClock) -> AsyncIterator[Stage]:
    shard = await Shard.open(directory, 0, SpoolSettings(), clock)
    stage = Stage(shard, clock)
    running = asyncio.create_task(stage.runner.run())
    try:
        yield stage
    finally:
        await stage.runner.drain(5)
        await running
        await shard.close()


async def test_more_mail_than_the_window_holds(tmp_path):
    async with on_stage(tmp_path, FakeClock()) as stage:
        domains = [f"d{number % 9}.example" for number in range(300)]
        ids = await asyncio.gather(*(stage.commit(domain) for domain in domains))
        assert await stage.removed(300) == set(ids)
        assert len(stage.smtp.deliveries) == 300


async def test_a_restart_finds_what_was_deferred_and_what_was_not_begun(tmp_path):
    clock = FakeClock()
    async with on_stage(tmp_path, clock) as stage:
        stage.smtp.says = DEFERS
        first = await stage.commit("example.net")
        while not stage.journal.events:
            await stage.changed.wait()
        stage.smtp.gate.clear()
        waiting = [await stage.commit("example.com", "example.net") for _ in range(20)]
        stage.smtp.gate.set()
    clock.now += 3600
    async with on_stage(tmp_path, clock) as stage:
        assert await stage.removed(21) == {first, *waiting}


async def test_a_delay_is_told_once_over_restarts(tmp_path):
    clock = FakeClock()
    async with on_stage(tmp_path, clock) as stage:
        stage.smtp.says = DEFERS
        await stage.commit("example.net", notify=Notify.DELAY)
        await stage.happened(Delivered)
    clock.now += 5 * 3600
    async with on_stage(tmp_path, clock) as stage:
        stage.smtp.says = DEFERS
        await stage.happened(Bounced)
    assert [bounced.kind for bounced in stage.journal.of(Bounced)] == ["delay"]
    for _ in range(2):
        clock.now += 5 * 3600
        async with on_stage(tmp_path, clock) as stage:
            stage.smtp.says = DEFERS
            await stage.happened(Delivered)
        assert not stage.journal.of(Bounced)


async def test_a_held_message_is_not_tried_before_its_time_over_restarts(tmp_path):
    clock = FakeClock()
    async with on_stage(tmp_path, clock) as stage:
        held = await stage.commit("example.net", hold_until=clock.now + 3600)
        free = await stage.commit("example.net")
        assert await stage.removed(1) == {free}
    clock.now += 3599
    async with on_stage(tmp_path, clock) as stage:
        await stage.shard.hasten(Selector())
        stage.runner.flush()
        assert await stage.commit("example.org") in await stage.removed(1)
        assert len(stage.smtp.deliveries) == 1
        clock.now += 1
        stage.runner.wake()
        assert held in await stage.removed(2)


async def test_a_deadline_passes_while_the_server_is_down(tmp_path):
    clock = FakeClock()
    async with on_stage(tmp_path, clock) as stage:
        stage.smtp.says = DEFERS
        by = DeliverBy(clock.now + 60, ByMode.RETURN)
        queue_id = await stage.commit("example.net", "example.com", deliver_by=by)
        await stage.happened(Delivered, 2)
    clock.now += 3600
    async with on_stage(tmp_path, clock) as stage:
        assert await stage.removed(1) == {queue_id}
        assert not stage.smtp.deliveries
    [(_, _, octets)] = stage.door.submitted
    assert octets.count(b"Status: 5.4.7\r\n") == 2


async def test_a_report_that_is_owed_is_sent_after_a_restart(tmp_path):
    clock = FakeClock()
    async with on_stage(tmp_path, clock) as stage:
        stage.door.error = OSError("disk full")
        delivered = await stage.commit("example.net", notify=Notify.SUCCESS)
        expanded = await stage.commit("example.net", owed=Action.EXPANDED)
        await stage.happened(Notice, 2)
    assert len(stage.smtp.deliveries) == 1
    clock.now += 3600
    async with on_stage(tmp_path, clock) as stage:
        assert await stage.removed(2) == {delivered, expanded}
        assert not stage.smtp.deliveries
    texts = [octets for _, _, octets in stage.door.submitted]
    assert sorted(b"Action: expanded" in text for text in texts) == [False, True]
    assert sorted(b"Action: relayed" in text for text in texts) == [False, True]


async def test_a_bounce(tmp_path):
    async with on_stage(tmp_path, FakeClock()) as stage:
        stage.smtp.says = BOUNCES
        queue_id = await stage.commit("example.net")
        assert await stage.removed(1) == {queue_id}
        [bounced] = stage.journal.of(Bounced)
        assert bounced.queue_id == queue_id
        [(_, to, octets)] = stage.door.submitted
        assert to == [ALICE]
        assert b"\r\nSubject: test\r\n" in octets
