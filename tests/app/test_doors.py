"""Doors: each into a shard of its own, all by the same rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from examiners import Looking, found
from fake_directory import FakeDirectory
from intake_house import ANN, JOHN, MX, NOW, SMALL, Spool
from kept_history import KeptHistory
from postroad.app.doors import Doors
from postroad.config import Configuration
from postroad.history.findings import Examined
from postroad.intake import NOBODY, Board
from postroad.model import Envelope, Recipient
from postroad.model.journal import Event
from postroad.spool import Claimed


class House:
    def __init__(self, folder: Path) -> None:
        self.board = NOBODY
        self.events: list[Event] = []
        self.history = KeptHistory()
        configuration = Configuration(
            hostname="mail.example.org",
            domains=("example.org",),
            state_directory=folder,
        )
        self.doors = Doors(
            configuration,
            FakeDirectory(),
            self.events.append,
            board=lambda: self.board,
            history=self.history,
        )

    async def take(self, spool: Spool) -> list[Claimed]:
        """A message comes by a door into a shard; what the queue gets."""
        queued: list[Claimed] = []
        door = self.doors.into(spool, queued.append)  # type: ignore[arg-type]
        entry = door.open(MX, Envelope(ANN), [Recipient(JOHN)], NOW)
        entry.write(SMALL)
        assert (await entry.commit()).is_positive
        return queued


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


async def test_mail_goes_where_its_door_leads(house: House) -> None:
    one, other = Spool(), Spool()
    (queued,) = await house.take(other)
    assert list(other.store.messages) == [queued.message.queue_id]
    assert not one.store.messages
    assert any("queue active" in event.text for event in house.events)


async def test_who_looks_is_found_when_mail_comes_and_what_is_found_is_kept(house: House) -> None:
    await house.take(Spool())
    assert house.history.put_in == []

    looking = Looking(found("virus"))
    house.board = Board(first=(looking,))
    (queued,) = await house.take(Spool())

    assert len(looking.seen) == 1
    (kept,) = house.history.put_in
    assert isinstance(kept, Examined)
    assert kept.queue_id == queued.message.queue_id
    assert [each.by for each in kept.findings] == ["virus"]
