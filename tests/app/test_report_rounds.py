"""Rounds of reports: writing goes on while sending takes long, and faults end nothing."""

from __future__ import annotations

import asyncio

import pytest

from postroad.app import report_rounds
from postroad.app.report_rounds import Rounds


async def test_writing_goes_on_while_sending_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_rounds, "FIRST", 0.0)
    monkeypatch.setattr(report_rounds, "PAUSE", 0.0)
    written: asyncio.Queue[None] = asyncio.Queue()
    sending = asyncio.Event()

    async def write() -> None:
        written.put_nowait(None)

    async def send() -> None:
        sending.set()
        await asyncio.Event().wait()

    rounds = Rounds(write, send, print)
    rounds.start()
    rounds.start()  # once is enough
    await sending.wait()
    for _ in range(5):
        await written.get()
    await rounds.stop()
    await rounds.stop()


async def test_a_fault_is_said_and_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_rounds, "FIRST", 0.0)
    monkeypatch.setattr(report_rounds, "PAUSE", 0.0)
    warnings: asyncio.Queue[str] = asyncio.Queue()

    async def write() -> None:
        raise OSError("disk full")

    async def send() -> None:
        await asyncio.Event().wait()

    rounds = Rounds(write, send, warnings.put_nowait)
    rounds.start()
    for _ in range(3):
        assert await warnings.get() == "a round failed: OSError: disk full"
    await rounds.stop()
