"""What a transaction says of itself to policy services."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from session_world import World, talk


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    await world.end()


async def test_a_message_is_one_instance_and_the_next_another(world: World) -> None:
    client, session, _ = await world.connect()
    await talk(client, "EHLO x")
    seen = []
    for _ in range(3):
        await talk(client, "MAIL FROM:<a@b.example>")
        for command in ("RCPT TO:<john@example.org>", "RCPT TO:<info@example.org>", "DATA"):
            await talk(client, command)
            seen.append(session._respondent.transaction._particulars.instance)
        await client.say(b"Subject: x\r\n\r\n.\r\n")

    assert [seen.count(each) for each in seen] == [3] * 9
    assert all(each.isalnum() for each in seen)
