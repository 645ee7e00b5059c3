"""How long clients may take, and how those are answered that make one error after the other."""

from __future__ import annotations

import asyncio
import math

import pytest

from fake_connection import FakeConnection
from postroad.server.pace import Pace
from postroad.smtp import SessionLimits
from session_world import World, talk

TIMEOUT = "421 4.4.2 mail.example.org Error: timeout exceeded\r\n"
TO_DATA = ("EHLO x", "MAIL FROM:<a@b.example>", "RCPT TO:<john@example.org>", "DATA")


async def trickle(world: World, client: FakeConnection, octets: bytes, pause: float) -> str:
    """Say octet after octet, each so many seconds after the one before; what is answered."""
    for octet in octets:
        world.now += pause
        answer = await client.say(bytes([octet]))
        if answer:
            return answer
    return ""


async def test_a_command_has_its_time_in_all(world: World) -> None:
    client, _, _ = await world.connect()

    answer = await trickle(world, client, b"EHLO mx.example.net\r\n", 60)

    assert answer == TIMEOUT
    assert client.patience == [300, 240, 180, 120, 60]
    await world.tasks[0]
    assert "timeout after CONNECT from mua.example.net[192.0.2.7]" in world.log


async def test_a_complete_command_gives_new_time(world: World) -> None:
    client, _, _ = await world.connect()

    for _ in range(5):
        world.now += 250
        assert await talk(client, "NOOP") == "250 2.0.0 Ok\r\n"

    assert set(client.patience) == {300}


async def test_an_octet_a_minute_is_no_message(world: World) -> None:
    client, _, _ = await world.connect()
    await talk(client, *TO_DATA)

    answer = await trickle(world, client, b"Subject: for ever and ever", 60)

    assert answer == TIMEOUT
    await world.tasks[0]
    assert world.spool.drafts[0].ended == "discarded"


async def test_content_at_the_least_rate_takes_as_long_as_it_is(world: World) -> None:
    limits = SessionLimits(data_rate=500, transaction=0)
    client, _, _ = await world.connect(limits=limits)
    await talk(client, *TO_DATA)

    for _ in range(100):
        world.now += 100
        assert await client.say(b"x" * 49_998 + b"\r\n") == ""

    assert min(client.patience) == 300
    assert (await client.say(b".\r\n")).startswith("250 ")


async def test_chunks_of_an_octet_are_no_faster(world: World) -> None:
    """Each one is answered (RFC 3030 §2), which is no reason to give the next one more time."""
    client, _, _ = await world.connect()
    await talk(client, *TO_DATA[:3])
    answers = []

    while not client.closed:
        world.now += 60
        answers.append(await client.say(b"BDAT 1\r\nx"))

    assert answers[-1].endswith(TIMEOUT)
    assert len(answers) < 8


async def test_a_slow_disk_is_not_the_clients_fault(world: World) -> None:
    client, _, _ = await world.connect()
    await talk(client, *TO_DATA)
    world.spool.may_commit.clear()

    ended = asyncio.create_task(client.say(b"Subject: x\r\n\r\nbody\r\n.\r\n"))
    await world.spool.committing.wait()
    world.now += 299
    world.spool.may_commit.set()

    assert (await ended).startswith("250 2.0.0 ")
    assert client.patience[-1] == 300


def test_without_limits_nothing_runs_out() -> None:
    pace = Pace(math.inf, 500)
    pace.waited(1e9)
    pace.earn(1)
    assert pace.left == math.inf


@pytest.mark.parametrize(("rate", "left"), [(500, 102), (100, 110), (0, 300)])
def test_what_content_earns(rate: float, left: float) -> None:
    pace = Pace(300, rate)
    pace.waited(200)
    pace.earn(1000)
    assert pace.left == left


def test_more_than_all_is_never_earned() -> None:
    pace = Pace(300, 1)
    pace.earn(1_000_000)
    assert pace.left == 300


# Errors -----------------------------------------------------------------------------------------


async def test_after_some_errors_answers_are_late(world: World) -> None:
    client, _, _ = await world.connect()
    for _ in range(9):
        await talk(client, "NONSENSE")
    assert world.pauses == []

    for _ in range(3):
        await talk(client, "NONSENSE")
    await talk(client, "NOOP")

    assert world.pauses == [1, 1, 1, 1]


async def test_only_who_makes_errors_waits(world: World) -> None:
    limits = SessionLimits(soft_errors=1)
    one, _, _ = await world.connect(limits=limits)
    other, _, _ = await world.connect(limits=limits)
    world.may_go_on.clear()

    late = asyncio.create_task(one.say(b"NONSENSE\r\n"))
    await world.pausing.wait()

    assert await talk(other, "NOOP") == "250 2.0.0 Ok\r\n"
    world.may_go_on.set()
    assert (await late).startswith("500 ")


async def test_a_message_that_is_taken_forgives(world: World) -> None:
    client, _, _ = await world.connect(limits=SessionLimits(soft_errors=2))
    await talk(client, "NONSENSE", *TO_DATA)
    await client.say(b"\r\n.\r\n")

    await talk(client, "NONSENSE")

    assert world.pauses == []


async def test_the_tarpit_can_be_switched_off(world: World) -> None:
    client, _, _ = await world.connect(limits=SessionLimits(soft_errors=0))

    answers = [await talk(client, "NONSENSE") for _ in range(20)]

    assert answers[-1].endswith("421 4.7.0 mail.example.org Error: too many errors\r\n")
    assert world.pauses == []
