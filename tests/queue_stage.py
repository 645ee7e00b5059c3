"""A runner on a real shard, and fakes around both."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from fake_transport import FakeTransport
from postroad.model import Action, Address, Addressee, Envelope, Notify
from postroad.model.journal import Event
from postroad.model.message_events import Removed
from postroad.queue import QueueSettings, Runner
from postroad.spool import Shard, SpoolSettings
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

    async def removed_in_time(self, count: int) -> set[str]:
        """As `removed`, while time passes: what had no room comes back a little later."""
        while len(self.journal.of(Removed)) < count:
            self.clock.now += 0.2
            self.runner.wake()
            await asyncio.sleep(0)
        return await self.removed(count)


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
