"""The alarm: rings are never lost, and sleeping costs no tasks."""

from __future__ import annotations

import asyncio

import pytest

from postroad.queue.alarm import Alarm


async def test_a_ring_ends_the_sleep():
    alarm = Alarm()
    sleeper = asyncio.create_task(alarm.sleep(float("inf")))
    await asyncio.sleep(0)
    alarm.ring()
    alarm.ring()
    await sleeper


async def test_a_ring_before_the_sleep_counts_once():
    alarm = Alarm()
    alarm.ring()
    await alarm.sleep(float("inf"))
    sleeper = asyncio.create_task(alarm.sleep(float("inf")))
    await asyncio.sleep(0)
    assert not sleeper.done()
    alarm.ring()
    await sleeper


@pytest.mark.parametrize("seconds", [0.0, -5.0])
async def test_a_time_that_has_come(seconds):
    await Alarm().sleep(seconds)


async def test_cancellation_passes_through():
    alarm = Alarm()
    sleeper = asyncio.create_task(alarm.sleep(float("inf")))
    await asyncio.sleep(0)
    sleeper.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sleeper
    alarm.ring()
    await alarm.sleep(float("inf"))
