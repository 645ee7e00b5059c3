"""A socket that serves a fake directory, and a client that speaks to it line by line."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fake_directory import FakeDirectory
from fake_limits import gate
from postroad.directory import DirectoryUnavailable, Place
from postroad.directory.embedded.groups import Senders
from postroad.model import Address
from postroad.model.journal import Event
from postroad.net.unix import bind_unix
from postroad.served.server import SocketServer
from postroad.served.service import SocketService
from postroad.served.settings import SocketKind, SocketSettings
from postroad.server.logins import Logins
from postroad.server.ownership import Ownership

__all__ = ["Client", "ServedWorld"]

PATIENCE = 30.0  # seconds; only a broken test waits so long


class Client:
    """The other server's end of a connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def say(self, octets: bytes) -> None:
        self._writer.write(octets)

    async def line(self) -> str:
        """The next line; empty once the server has hung up."""
        async with asyncio.timeout(PATIENCE):
            return (await self._reader.readline()).decode().removesuffix("\n")

    async def netstring(self) -> str:
        async with asyncio.timeout(PATIENCE):
            size = int((await self._reader.readuntil(b":"))[:-1])
            octets = await self._reader.readexactly(size + 1)
        assert octets.endswith(b",")
        return octets[:-1].decode()

    async def is_hung_up_on(self) -> bool:
        async with asyncio.timeout(PATIENCE):
            try:
                return await self._reader.read() == b""
            except ConnectionError:
                return True

    def close(self) -> None:
        self._writer.close()


class ServedWorld:
    """A socket of one kind.

    Attributes:
        directory: what it serves.
        events: what it has logged.
        pauses: how long failed logins had to wait.
        frozen: accounts that may not send.
        closed: groups that not everybody may send to.
        freezes_away: whether nobody knows either.
    """

    def __init__(self, folder: Path, kind: SocketKind, directory: FakeDirectory, **settings):
        self.path = folder / "socket"
        self.directory = directory
        self.events: list[Event] = []
        self.pauses: list[float] = []
        self.frozen: set[str] = set()
        self.closed: dict[str, Senders] = {}
        self.freezes_away = False
        logins = settings.pop("logins", None) or Logins(secrets=directory)
        self.service = SocketService(
            name="sockets/test",
            settings=SocketSettings(kind=kind, bind=f"unix:{self.path}", **settings),
            hostname="mail.example.org",
            directory=directory,
            owners=Ownership(directory),
            place=self._place,
            logins=logins,
            gate=gate(),
            journal=self.events.append,
            clock=lambda: 0.0,
            pause=self._pause,
            process=4711,
            senders=self._senders,
            is_frozen=self._is_frozen,
        )
        self.server = SocketServer({"test": self.service}, self.events.append)

    async def __aenter__(self) -> ServedWorld:
        await self.server.listen("test", bind_unix(str(self.path), mode=0o600, owner=None))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.server.close()

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        connected = Client(*await asyncio.open_unix_connection(str(self.path)))
        try:
            yield connected
        finally:
            connected.close()

    @property
    def log(self) -> str:
        return "\n".join(event.text for event in self.events)

    async def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    async def _is_frozen(self, user: str) -> bool:
        if self.freezes_away:
            raise DirectoryUnavailable("the directory database stays locked")
        return user in self.frozen

    async def _senders(self, address: Address) -> Senders:
        if self.freezes_away:
            raise DirectoryUnavailable("the directory database stays locked")
        return self.closed.get(str(address), Senders.EVERYBODY)

    async def _place(self, user: str) -> Place:
        return await self.directory.place(user)
