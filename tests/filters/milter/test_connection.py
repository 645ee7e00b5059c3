"""A connection to a milter that takes nothing any more: nothing is kept for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from fake_milter import packet
from postroad.filters.milter.connection import Away, MilterConnection
from postroad.filters.place import Place

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
        async with asyncio.timeout(30):
            assert await deaf.came < len(MUCH)


async def test_who_listens_gets_all(tmp_path: Path) -> None:
    deaf = Deaf()
    deaf.listens.set()

    async with connected(deaf, tmp_path) as connection:
        connection.send(MUCH)
        await connection.close()
        async with asyncio.timeout(30):
            assert await deaf.came == len(MUCH)


async def test_packets_come_whole_however_they_arrive(tmp_path: Path) -> None:
    packets = [b"c", b"y550 5.7.1 No\0", b"b" + b"x" * 500_000, b"a"]
    octets = b"".join(packet(each) for each in packets)

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for octet in octets[:30]:
            writer.write(bytes([octet]))
            await writer.drain()
            await asyncio.sleep(0)
        writer.write(octets[30:])
        writer.close()

    async with await asyncio.start_unix_server(serve, tmp_path / "s"):
        connection = await MilterConnection.open(Place(path=str(tmp_path / "s")), 5)
        came = [await connection.receive(5) for _ in packets]
        with pytest.raises(Away, match="it closed the connection"):
            await connection.receive(5)
        connection.send(b"to nobody")
        await connection.close()

    assert [each.kind + each.data for each in came] == packets


@pytest.mark.parametrize("part", [b"\0\0", b"\0\0\0\x09", b"\0\0\0\x09hX-N"])
async def test_one_that_ends_within_a_packet_is_away(tmp_path: Path, part: bytes) -> None:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(packet(b"p") + part)
        writer.close()

    async with await asyncio.start_unix_server(serve, tmp_path / "s"):
        connection = await MilterConnection.open(Place(path=str(tmp_path / "s")), 5)
        assert (await connection.receive(5)).kind == b"p"
        with pytest.raises(Away, match="it closed the connection"):
            await connection.receive(5)


async def test_what_is_gathered_goes_with_the_next_question(tmp_path: Path) -> None:
    reads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while found := await reader.read(1_000_000):
            reads.append(found)
            writer.write(packet(b"c"))
        writer.close()

    async with await asyncio.start_unix_server(serve, tmp_path / "s"):
        connection = await MilterConnection.open(Place(path=str(tmp_path / "s")), 5)
        for part in (b"one ", b"two ", b"three"):
            connection.put(part)
            await asyncio.sleep(0)
        await connection.receive(5)
        connection.put(b"and")
        await connection.close()

    assert reads == [b"one two three", b"and"]


async def test_what_nobody_takes_is_not_read_without_end(tmp_path: Path) -> None:
    much = packet(b"c") * 200_000

    class Talkative:
        sent: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        async def serve(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(much + packet(b"a"))
            try:
                await writer.drain()
            finally:
                writer.close()
            self.sent.set_result(None)

    talkative = Talkative()
    async with await asyncio.start_unix_server(talkative.serve, tmp_path / "s"):
        connection = await MilterConnection.open(Place(path=str(tmp_path / "s")), 5)
        await connection.receive(5)
        for _ in range(100):  # turns of the loop: it would have come
            await asyncio.sleep(0)
        assert connection.has_more
        assert not talkative.sent.done()
        kinds = {(await connection.receive(5)).kind for _ in range(200_000)}
        await connection.close()

    assert kinds == {b"c", b"a"}
