"""The queues of a worker, joined: who gets new mail, and a reload that half fails."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from postroad.app.queues import Queues
from postroad.app.running import Running
from postroad.config import Configuration
from postroad.history import NO_HISTORY
from postroad.model.journal import Event, Level, Notice
from postroad.queue import Runner
from postroad.queue.settings import QueueSettings
from postroad.queue.suspension import FILE
from queue_fakes import FakeSpool
from queue_mail import message, recipients


class House:
    """Two shards and their queues."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.file = folder / FILE
        self.events: list[Event] = []
        self.added: list[tuple[Runner, object]] = []
        self.replaced: list[tuple[QueueSettings, object]] = []
        self.configuration = Configuration(
            hostname="mail.example.org", domains=("example.org",), state_directory=folder
        )
        self.running = Running(self.configuration, lambda: self.configuration)
        monkeypatch.setattr(Runner, "add", lambda one, what: self.added.append((one, what)))
        unused: Any = SimpleNamespace(
            addresses=SimpleNamespace(refused=None),
            containment=SimpleNamespace(bounced=None),
            transports={},
            finder=None,
        )
        shards: Any = {0: FakeSpool(), 3: FakeSpool()}
        self.queues = Queues(
            self.running,
            shards,
            unused,
            unused,
            self.events.append,
            door=unused,
            suppressing=unused,
            custody=unused,
            history=NO_HISTORY,
            commons=None,
        )


@pytest.fixture
async def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    return House(tmp_path, monkeypatch)


async def test_new_mail_is_the_first_shard_s(house: House) -> None:
    claimed: Any = (message(), recipients("a@example.net"))
    house.queues.take(claimed)
    assert house.added == [(house.queues.runners[0], claimed)]
    assert len(house.queues.runners) == 2


async def test_the_control_socket_knows_both_kinds_of_commands(house: House) -> None:
    assert {"flush", "hold", "transports"} <= set(house.queues.commands)


async def test_a_file_that_cannot_be_read_keeps_no_runner_from_its_settings(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[Runner] = []
    before = Runner.replace

    def replace(runner: Runner, *settings: Any) -> None:
        taken.append(runner)
        before(runner, *settings)

    monkeypatch.setattr(Runner, "replace", replace)
    house.file.mkdir()

    house.queues.replace()

    assert taken == house.queues.runners
    (said,) = house.events
    assert isinstance(said, Notice)
    assert (said.service, said.severity) == ("qmgr", Level.ERROR)
    assert said.message.startswith("what is suspended by command could not be read, and stays as")
