"""One costly step in each turn of the event loop."""

from __future__ import annotations

import asyncio

from postroad.net.turns import Turns


async def test_others_are_looked_at_between_two_steps() -> None:
    turns, seen = Turns(), []

    async def step(number: int) -> None:
        await turns.mine()
        seen.append(number)

    steps = [asyncio.ensure_future(step(number)) for number in range(5)]
    counts = []
    while not all(each.done() for each in steps):
        before = len(seen)
        await asyncio.sleep(0)
        counts.append(len(seen) - before)

    assert seen == [0, 1, 2, 3, 4]
    assert max(counts) == 1


async def test_who_gave_up_is_passed_over_and_later_ones_are_served() -> None:
    turns, seen = Turns(), []

    async def step(number: int) -> None:
        await turns.mine()
        seen.append(number)

    steps = [asyncio.ensure_future(step(number)) for number in range(4)]
    await asyncio.sleep(0)
    steps[1].cancel()
    await asyncio.wait(steps)
    await asyncio.sleep(0)
    await step(9)

    assert seen == [0, 2, 3, 9]


def test_a_loop_that_ended_in_between_blocks_nobody() -> None:
    turns = Turns()

    async def leave() -> None:
        await turns.mine()

    for _ in range(3):
        asyncio.run(leave())
        turns._taken = True  # as if the loop had ended before its next turn
