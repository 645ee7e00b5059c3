"""Disks that fill up: mail is refused for now, at whichever command that is found out."""

from __future__ import annotations

import pytest

from examiners import Looking
from postroad.intake.examination import Board
from postroad.model import Address, Envelope
from session_world import World, talk

FULL = "452 4.3.1 Insufficient system storage\r\n"


class FakeRoom:
    """Room for so many octets."""

    def __init__(self, free: int) -> None:
        self.free = free
        self.promised = 0

    def has(self, size: int = 0) -> bool:
        return self.free > 0 and size <= self.free

    def promise(self, size: int) -> None:
        self.promised += size


@pytest.mark.parametrize(
    ("free", "parameter", "answer"),
    [
        (1000, "", "250 2.1.0 Ok\r\n"),
        (1000, " SIZE=1000", "250 2.1.0 Ok\r\n"),
        (1000, " SIZE=1001", FULL),
        (0, "", FULL),
        (0, " SIZE=1", FULL),
    ],
)
async def test_mail_is_asked_first(world: World, free: int, parameter: str, answer: str) -> None:
    client, _, _ = await world.connect(room=FakeRoom(free))
    await talk(client, "EHLO x")
    assert await talk(client, f"MAIL FROM:<ann@example.com>{parameter}") == answer
    if answer == FULL:
        assert any("452 4.3.1" in line and "MAIL" in line for line in world.log)


async def test_a_disk_that_fills_meanwhile(world: World) -> None:
    room = FakeRoom(1000)
    client, _, _ = await world.connect(room=room)
    await talk(client, "EHLO x", "MAIL FROM:<ann@example.com>")
    assert await talk(client, "RCPT TO:<john@example.org>") == "250 2.1.5 Ok\r\n"
    room.free = 0
    assert await talk(client, "RCPT TO:<info@example.org>") == FULL
    assert await talk(client, "DATA") == FULL
    room.free = 1000
    assert (await talk(client, "DATA")).startswith("354 ")
    await client.say(b"Subject: x\r\n\r\nbody\r\n.\r\n")
    assert len(world.queued) == 1
    assert room.promised == 20
    assert [each.ended for each in world.spool.drafts] == ["committed"]


async def test_what_was_let_in_is_taken(world: World) -> None:
    """A message under way has the reserve to go to; should even that be used up, it is refused."""
    room = FakeRoom(1000)
    client, _, _ = await world.connect(room=room)
    await talk(client, "EHLO x", "MAIL FROM:<ann@example.com>", "RCPT TO:<john@example.org>")
    await talk(client, "DATA")
    room.free = 0
    assert (await client.say(b"Subject: x\r\n\r\nbody\r\n.\r\n")).startswith("250 2.0.0 Ok")


LARGE = b"Subject: x\r\n\r\n" + (b"x" * 998 + b"\r\n") * 3000


async def test_a_large_message_is_refused_before_it_fills_the_disk(world: World) -> None:
    """It did not say its SIZE, or did before others filled the disk; the rest is thrown away."""
    room = FakeRoom(10_000_000)
    client, _, _ = await world.connect(room=room)
    await talk(client, "EHLO x", "MAIL FROM:<ann@example.com>", "RCPT TO:<john@example.org>")
    await talk(client, "DATA")
    room.free = 0
    assert await client.say(LARGE + b".\r\n") == FULL
    assert [each.ended for each in world.spool.drafts] == ["discarded"]
    assert any("452 4.3.1" in line and "END-OF-MESSAGE" in line for line in world.log)
    room.free = 10_000_000
    await talk(client, "MAIL FROM:<ann@example.com>", "RCPT TO:<john@example.org>", "DATA")
    assert (await client.say(LARGE + b".\r\n")).startswith("250 2.0.0 Ok")


async def test_others_hear_of_a_large_message_while_it_comes(world: World) -> None:
    room = FakeRoom(10_000_000)
    client, _, _ = await world.connect(room=room)
    await talk(client, "EHLO x", "MAIL FROM:<ann@example.com>", "RCPT TO:<john@example.org>")
    await talk(client, "DATA")
    await client.say(LARGE)
    assert room.promised >= 2_000_000
    assert (await client.say(b".\r\n")).startswith("250 2.0.0 Ok")
    assert room.promised == len(LARGE)


async def test_a_message_that_may_be_written_anew_needs_room_for_that(world: World) -> None:
    room = FakeRoom(2_000_000)
    client, _, _ = await world.connect(room=room, board=Board(first=(Looking(),)))
    await talk(client, "EHLO x", "MAIL FROM:<ann@example.com>", "RCPT TO:<john@example.org>")
    await talk(client, "DATA")
    assert await client.say(LARGE + b".\r\n") == FULL
    room.free = len(LARGE)
    await talk(client, "MAIL FROM:<ann@example.com>", "RCPT TO:<john@example.org>", "DATA")
    assert (await client.say(LARGE + b".\r\n")).startswith("250 2.0.0 Ok")


async def test_mail_that_is_made_here_needs_no_leave(world: World) -> None:
    """Returns make the queue smaller; the reserve is for them."""
    await world.connect(room=FakeRoom(0))
    queue_id = await world.door.submit(
        Envelope(None), [Address("john", "example.org")], b"Subject: returned\r\n\r\n"
    )
    assert world.queued[0].message.queue_id == queue_id
