"""Hooks that hold up others, and that do not end."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from postroad.filters.python.answers import Answer, reject
from postroad.filters.python.calling import LOST, THREADS, Calls, Failure
from postroad.filters.python.program import Function, Hook


class Clock:
    """Time that only hooks let pass."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def hook(function: Function, *, waits: bool = True) -> Hook:
    return Hook("on_data", Path(__file__), function, waits)


async def test_a_hook_that_holds_its_worker_up_is_named() -> None:
    told: list[str] = []
    clock = Clock()
    calls = Calls(told.append, clock)

    async def blocking() -> None:
        await asyncio.sleep(0)
        clock.now += 2.5
        await asyncio.sleep(0)

    async def waiting() -> Answer:
        clock.now += 0.9
        await asyncio.sleep(0)
        clock.now += 0.9
        return reject("no")

    assert await calls.call(hook(waiting), seconds=20) == reject("no")
    assert told == []
    assert await calls.call(hook(blocking), seconds=20) is None
    (line,) = told
    assert f"{__file__}:" in line
    assert line.endswith("held its whole worker up for 2.5 s: make it a def")


@pytest.mark.jumps
async def test_an_exception_that_is_thrown_into_it_reaches_the_hook() -> None:
    calls = Calls([].append)
    cleaned = asyncio.Event()

    async def waiting() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.set()

    outcome = await calls.call(hook(waiting), seconds=20)

    assert isinstance(outcome, Failure)
    async with asyncio.timeout(20):
        await cleaned.wait()


async def test_whoever_asks_may_go_away() -> None:
    calls = Calls([].append)
    begun, ended = asyncio.Event(), asyncio.Event()

    async def waiting() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    asking = asyncio.create_task(calls.call(hook(waiting), seconds=20))
    await begun.wait()
    asking.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asking
    async with asyncio.timeout(20):
        await ended.wait()


@pytest.mark.jumps
async def test_threads_that_hang_are_few_and_come_back() -> None:
    calls = Calls([].append)
    go = threading.Event()

    def stuck() -> None:
        go.wait(60)

    def fine() -> Answer:
        return reject("no")

    before = threading.active_count()
    hanging = [calls.call(hook(stuck, waits=False), seconds=20) for _ in range(THREADS + 4)]
    outcomes = await asyncio.gather(*hanging)
    assert all(isinstance(each, Failure) for each in outcomes)
    assert threading.active_count() <= before + THREADS
    assert isinstance(await calls.call(hook(fine, waits=False), seconds=20), Failure)

    go.set()
    # The loop does not see these threads at work: they have more time than it has for jumps.
    assert await calls.call(hook(fine, waits=False), seconds=1e9) == reject("no")


@pytest.mark.jumps
async def test_hooks_that_cannot_be_given_up_are_few() -> None:
    calls = Calls([].append)
    go = asyncio.Event()
    asked: list[int] = []

    async def stubborn() -> None:
        asked.append(1)
        while not go.is_set():
            with suppress(asyncio.CancelledError):
                await go.wait()

    asking = [calls.call(hook(stubborn), seconds=20) for _ in range(LOST)]
    assert all(isinstance(each, Failure) for each in await asyncio.gather(*asking))
    for _ in range(3):
        outcome = await calls.call(hook(stubborn), seconds=20)
        assert isinstance(outcome, Failure)
    assert len(asked) == LOST
    assert "that were given up have not ended yet" in outcome.words

    go.set()
    for _ in range(3):  # they wake, end, and are forgotten
        await asyncio.sleep(0)
    assert calls.lost == 0
    assert await calls.call(hook(stubborn), seconds=20) is None


async def test_a_thread_that_cannot_be_begun_keeps_no_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls = Calls([].append)

    def refused(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refused)
        for _ in range(THREADS + 1):
            outcome = await calls.call(hook(lambda: None, waits=False), seconds=20)
            assert isinstance(outcome, Failure)
            assert "can't start new thread" in outcome.words

    assert await calls.call(hook(lambda: None, waits=False), seconds=20) is None
