"""A listener whose one connection is handled by a coroutine, and the client of that connection."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable

from postroad.net.connecting import connect
from postroad.net.connection import Connection
from postroad.net.listener import Listener, bind

PATIENCE = 30.0
"""Seconds; only a broken test waits so long."""

Handler = Callable[[Connection], Awaitable[None]]


class Pair:
    """Enter it for the client; on leaving, what the handler raised is raised."""

    def __init__(self, handler: Handler, *, implicit_tls: bool = False) -> None:
        self.handler = handler
        self.implicit_tls = implicit_tls
        self.served: asyncio.Task[None] | None = None
        self.accepted = asyncio.Event()

    async def __aenter__(self) -> Connection:
        self.socket = bind("127.0.0.1", 0, first=True)
        self.listener = Listener(self.socket, self._accept)
        await self.listener.start()
        port = self.socket.getsockname()[1]
        self.client = await connect("127.0.0.1", port, timeout=PATIENCE)
        return self.client

    async def __aexit__(self, *_exception: object) -> None:
        self.client.close()
        await self.accepted.wait()
        assert self.served is not None
        try:
            await self.served
        finally:
            self.listener.close()
            await asyncio.sleep(0)

    def _accept(self, connection: Connection) -> None:
        self.served = asyncio.ensure_future(self._serve(connection))
        self.accepted.set()

    async def _serve(self, connection: Connection) -> None:
        try:
            if not self.implicit_tls:
                await connection.open()
            await self.handler(connection)
        finally:
            connection.close()


async def echo(connection: Connection) -> None:
    """Send back what comes."""
    while data := await connection.read(PATIENCE):
        connection.write(data)


async def read_all(connection: Connection, size: int) -> bytes:
    """So many octets."""
    data = b""
    while len(data) < size:
        data += await connection.read(PATIENCE)
    return data


def sockets() -> int:
    """How many sockets this process has open."""
    found = 0
    for descriptor in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # the one that the listing itself used
            found += os.readlink(f"/proc/self/fd/{descriptor}").startswith("socket:")
    return found
