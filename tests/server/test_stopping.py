"""The end of a server: who has not been greeted, or is in a TLS handshake, is not waited for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from fake_connection import FakeConnection
from postroad.model import Client
from postroad.server.session import Session
from server_road import PATIENCE
from session_world import Names, World, talk

PEER = "mua.example.net[192.0.2.7]"


class Slow(FakeConnection):
    """A client that never ends its handshake."""

    def __init__(self) -> None:
        super().__init__()
        self.shaking = asyncio.Event()

    async def start_tls(self, *_arguments: object, **_named: object) -> None:
        self.shaking.set()
        await asyncio.Event().wait()


class SlowNames(Names):
    """A DNS that never answers."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    async def identify(self, client: Client) -> Client:
        self.asked.set()
        await asyncio.Event().wait()
        return client


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    await world.end()


def begin(world: World, client: FakeConnection, preset: str, **changes: object) -> Session:
    session = Session(client, world.service(preset, **changes))  # type: ignore[arg-type]
    world.tasks.append(asyncio.create_task(session.run()))
    return session


async def ended(world: World) -> None:
    await asyncio.wait(world.tasks, timeout=PATIENCE)
    assert all(task.done() for task in world.tasks)


async def test_a_handshake_that_begins_the_session(world: World) -> None:
    client = Slow()
    session = begin(world, client, "submissions")
    await client.shaking.wait()

    session.stop()
    await ended(world)

    assert client.closed
    assert client.written == b""
    assert world.log[-1] == f"disconnect from {PEER} commands=0"


async def test_a_handshake_after_starttls(world: World) -> None:
    client = Slow()
    session = begin(world, client, "submission")
    await client.heard()
    await talk(client, "EHLO x")
    client._incoming.put_nowait(b"STARTTLS\r\n")
    await client.shaking.wait()

    session.stop()
    await ended(world)

    assert client.closed
    assert world.log[-1] == f"disconnect from {PEER} ehlo=1 starttls=1 commands=2"


async def test_a_name_that_is_looked_up(world: World) -> None:
    client, names = FakeConnection(), SlowNames()
    session = begin(world, client, "mx", names=names)
    await names.asked.wait()

    session.stop()
    await ended(world)

    assert client.closed
    assert client.written == b""


async def test_a_session_that_has_not_run_yet(world: World) -> None:
    client = Slow()
    session = begin(world, client, "submissions")

    session.stop()
    await ended(world)

    assert client.closed
    assert not client.shaking.is_set()
