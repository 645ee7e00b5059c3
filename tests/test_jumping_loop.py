"""The clock of `JumpingLoop`: it waits for whoever is at work, and for nobody else."""

from __future__ import annotations

import asyncio
import socket
import threading

import pytest

pytestmark = pytest.mark.jumps
HOUR = 3600.0


async def test_all_that_is_due_comes_in_its_order_and_takes_no_time() -> None:
    loop, begun = asyncio.get_running_loop(), asyncio.get_running_loop().time()
    seen: list[float] = []

    async def late(seconds: float) -> None:
        await asyncio.sleep(seconds)
        seen.append(loop.time() - begun)

    await asyncio.gather(*map(late, (2 * HOUR, 0, HOUR)))
    assert seen == pytest.approx([0, HOUR, 2 * HOUR])


async def test_no_time_goes_by_while_one_socket_speaks_to_another() -> None:
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()

    async def echo() -> None:
        while octets := await loop.sock_recv(theirs, 100):
            await loop.sock_sendall(theirs, octets)

    with ours, theirs:
        ours.setblocking(False)
        theirs.setblocking(False)
        async with asyncio.timeout(0.001), asyncio.TaskGroup() as group:
            group.create_task(echo())
            for _ in range(1000):
                await loop.sock_sendall(ours, b"hello")
                assert await loop.sock_recv(ours, 100) == b"hello"
            ours.shutdown(socket.SHUT_WR)


async def test_nor_while_a_thread_is_at_work() -> None:
    go = threading.Event()

    def work() -> bool:
        return go.wait(60)

    async with asyncio.timeout(HOUR):
        working = asyncio.ensure_future(asyncio.to_thread(work))
        await asyncio.sleep(0)
        threading.Timer(0.2, go.set).start()  # longer than the loop waits where nobody works
        assert await working
