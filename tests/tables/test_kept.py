"""Connections that are kept: closed when nobody will ask again."""

from __future__ import annotations

import asyncio

from postroad.tables.kept import Bounds, Kept


class Place:
    def __init__(self) -> None:
        self.closed = False

    async def close(self) -> None:
        self.closed = True


async def test_a_connection_that_is_in_use_when_the_table_is_closed_is_closed_after_it() -> None:
    made: list[Place] = []
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def dial() -> Place:
        made.append(Place())
        return made[-1]

    async def slow(_: Place) -> str:
        begun.set()
        await go_on.wait()
        return "answer"

    kept: Kept[Place] = Kept(lambda: [dial], Bounds())
    asking = asyncio.create_task(kept.ask(slow))
    await begun.wait()
    await kept.close()
    assert not made[0].closed
    go_on.set()
    assert await asking == "answer"
    assert made[0].closed
