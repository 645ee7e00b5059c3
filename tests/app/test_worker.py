"""A worker that is told something at an awkward moment."""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from postroad.app import worker as worker_module
from postroad.app.log import LogFile, formatter
from postroad.app.running import Running
from postroad.app.worker import Worker
from postroad.limits.counters import CounterMemory
from worker_world import site


@pytest.fixture
def process_as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A worker takes its process for its own; here it is that of other tests too."""
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


class AskedWhileOpening:
    """Parts of a worker whose operator wants a reload while they are being opened."""

    runners = ()

    def __init__(self) -> None:
        self.server = self
        self.taken = 0

    async def open(self, index: int, shards: list[int]) -> None:
        heard = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, heard.set)
        for number in (signal.SIGHUP, signal.SIGUSR1):  # taken in this order
            os.kill(os.getpid(), number)
        await heard.wait()

    def reload(self) -> None:
        self.taken += 1

    async def drain(self, limit: float) -> None:
        """Nothing is under way."""

    async def close(self) -> None:
        """Nothing is open."""


@pytest.mark.usefixtures("process_as_it_was")
async def test_a_reload_is_not_missed_by_a_worker_that_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its configuration is what its supervisor had when it was forked: before the reload."""
    old = site(tmp_path, "[listeners.mx]\n")
    new = dataclasses.replace(old, limits=dataclasses.replace(old.limits, message_size=65_537))
    running, parts = Running(old, lambda: new), AskedWhileOpening()
    monkeypatch.setattr(worker_module, "Parts", lambda *_: parts)
    log = LogFile(tmp_path / "log", formatter(old.log, old.hostname))
    worker = Worker(running, 1, {}, CounterMemory(2), log)

    await worker.run(lambda: os.kill(os.getpid(), signal.SIGTERM), None)

    assert running.configuration.limits.message_size == 65_537
    assert parts.taken == 1
    assert "worker 1 reloaded its configuration" in (tmp_path / "log").read_text()
