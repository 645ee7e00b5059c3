"""A connection to a milter that takes nothing any more: nothing is kept for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from postroad.filters.milter.connection import Away, MilterConnection
from postroad.filters.milter.place import Place

MUCH = b"x" * 10_000_000


class Deaf:
    """A milter that reads nothing until it is told to."""

    def __init__(self) -> None:
        self.listens = asyncio.Event()
        self.came: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self.listens.wait()
        octets = 0
        try:
            while found := await reader.read(1_000_000):
                octets += len(found)
        except ConnectionError:
            pass
        writer.close()
        self.came.set_result(octets)


@asynccontextmanager
async def connected(deaf: Deaf, folder: Path) -> AsyncIterator[MilterConnection]:
    server = await asyncio.start_unix_server(deaf.serve, folder / "s")
    async with server:
        yield await MilterConnection.open(Place(path=str(folder / "s")), 5)


async def flushed(connection: MilterConnection) -> None:
    with pytest.raises(Away, match=r"it took nothing for 0\.05 s"):
        await connection.flush(0.05)


async def unanswered(connection: MilterConnection) -> None:
    with pytest.raises(Away, match=r"no answer within 0\.05 s"):
        await connection.receive(0.05)


async def closed(connection: MilterConnection) -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(connection.close(), 0.05)


@pytest.mark.parametrize("end", [flushed, unanswered, closed])
async def test_who_takes_nothing_is_let_go_of(
    tmp_path: Path, end: Callable[[MilterConnection], Awaitable[None]]
) -> None:
    deaf = Deaf()

    async with connected(deaf, tmp_path) as connection:
        connection.send(MUCH)
        await end(connection)
        deaf.listens.set()
        async with asyncio.timeout(5):
            assert await deaf.came < len(MUCH)


async def test_who_listens_gets_all(tmp_path: Path) -> None:
    deaf = Deaf()
    deaf.listens.set()

    async with connected(deaf, tmp_path) as connection:
        connection.send(MUCH)
        await connection.close()
        async with asyncio.timeout(5):
            assert await deaf.came == len(MUCH)
