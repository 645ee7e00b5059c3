"""A door over a real spool whose disk fails, step by step: `452`, nothing left, and on it goes."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from fake_directory import FakeDirectory
from intake_house import ANN, JOHN, MX, NOW
from postroad.intake import Door, IntakeSettings
from postroad.model import Envelope, Recipient, Reply
from postroad.model.durable import Operation
from postroad.model.journal import Event
from postroad.spool import Claimed, Inventory, Shard, SpoolSettings

T = TypeVar("T")

ERRORS = (errno.ENOSPC, errno.EIO, errno.EMFILE, errno.EDQUOT, errno.EROFS)
SMALL = b"Subject: x\r\n\r\nbody\r\n"
LARGE = b"Subject: x\r\n\r\n" + b"body\r\n" * 100_000
NO_STORAGE = Reply.of(452, "4.3.1", "Insufficient system storage")


class Gate:
    """Fails the n-th step from when it is set."""

    def __init__(self) -> None:
        self.left = 0
        self.number = 0
        self.taken = 0

    def perform(self, operation: Operation, _: Path, action: Callable[[], T]) -> T:
        self.taken += 1
        self.left -= 1
        if self.left:
            return action()
        if operation is Operation.COMMIT:
            raise sqlite3.OperationalError("disk I/O error")
        raise OSError(self.number, os.strerror(self.number))


class House:
    def __init__(self, shard: Shard) -> None:
        self.events: list[Event] = []
        self.queued: list[Claimed] = []
        self.door = Door(
            hostname="mail.example.org",
            settings=IntakeSettings(),
            begin=shard.begin,
            directory=FakeDirectory(),
            queued=self.queued.append,
            journal=self.events.append,
            clock=lambda: NOW,
        )

    async def receive(self, content: bytes) -> Reply:
        entry = self.door.open(MX, Envelope(ANN), [Recipient(JOHN)], NOW)
        for start in range(0, len(content), 50_000):
            if (written := entry.write(content[start : start + 50_000])) is not None:
                await written
        return await entry.commit()


@pytest.mark.parametrize("number", ERRORS, ids=errno.errorcode.get)
@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])
async def test_every_step_that_fails_is_a_refusal_for_now(
    tmp_path: Path, content: bytes, number: int
) -> None:
    gate = Gate()
    shard = await Shard.open(tmp_path, 0, SpoolSettings(), lambda: NOW, gate)
    house = House(shard)
    try:
        before = gate.taken
        assert (await house.receive(content)).code == 250
        steps = gate.taken - before
        for step in range(1, steps + 1):
            count = len(house.queued)
            gate.left, gate.number = step, number
            assert await house.receive(content) == NO_STORAGE, step
            assert len(house.queued) == count
            assert any("could not be stored" in event.text for event in house.events)
            house.events.clear()
            assert (await house.receive(content)).code == 250
    finally:
        await shard.close()
    # A file whose commit may have been half written waits for the next start, which knows.
    shard = await Shard.open(tmp_path, 0, SpoolSettings(), lambda: NOW)
    await shard.close()
    listed = {each.queue_id for each in Inventory([tmp_path]).list()}
    assert listed == {each.message.queue_id for each in house.queued}
    large = listed if content is LARGE else set()
    assert {path.name for path in (tmp_path / "bodies").iterdir()} == large
