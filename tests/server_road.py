"""A server on a port of its own, and what a test needs of it over real sockets."""

from __future__ import annotations

import asyncio
import socket

from postroad.net.listener import bind
from postroad.server.server import SmtpServer
from session_world import World

PATIENCE = 30.0  # seconds; only a broken test waits so long

TRANSACTION = (
    b"EHLO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<john@example.org>\r\nDATA\r\n",
    b"Subject: x\r\n\r\nbody\r\n.\r\n",
)


class Road(World):
    """A server on a port of its own for each listener."""

    def __init__(self) -> None:
        super().__init__()
        self.server = SmtpServer({}, self.events.append)
        self.clients: list[socket.socket] = []
        self.address = ("", 0)

    async def listen(self, preset: str = "mx", **changes: object) -> None:
        changes = {"reverse_names": False} | changes
        self.server.replace({preset: self.service(preset, **changes)})
        listening = bind("127.0.0.1", 0, first=True)
        self.address = listening.getsockname()
        await self.server.listen(preset, listening)

    async def dial(self) -> socket.socket:
        client = socket.socket()
        client.setblocking(False)
        self.clients.append(client)
        await asyncio.get_running_loop().sock_connect(client, self.address)
        return client

    async def close(self) -> None:
        for client in self.clients:
            client.close()
        await self.server.drain(PATIENCE)


async def until_idle(road: Road) -> None:
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*road.server._sessions)
