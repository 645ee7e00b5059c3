"""Accepts on the sockets of `[sockets]`, and runs a session for each connection."""

from __future__ import annotations

import asyncio
import socket
import traceback
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol

from postroad.model import Client
from postroad.model.journal import Journal, Level, Notice
from postroad.net.connection import Connection
from postroad.net.listener import Listener
from postroad.served.auth_session import AuthSession
from postroad.served.dict_session import DictSession
from postroad.served.incoming import Ended
from postroad.served.service import SocketService
from postroad.served.settings import SocketKind
from postroad.served.socketmap_session import SocketmapSession

__all__ = ["SocketServer"]

QUIET = 60.0
"""Seconds between two lines that say a socket has too many clients."""


class _Session(Protocol):
    async def run(self) -> None: ...


_SESSIONS: Mapping[SocketKind, Callable[[Connection, SocketService], _Session]] = {
    "dovecot-auth": AuthSession,
    "dovecot-dict": DictSession,
    "socketmap": SocketmapSession,
}


class SocketServer:
    """The sockets of one worker, and the sessions that came by them."""

    def __init__(self, services: Mapping[str, SocketService], journal: Journal) -> None:
        """A server that does not listen yet.

        Args:
            services: by name.
            journal: where bugs are reported.
        """
        self._services = dict(services)
        self._journal = journal
        self._listeners: list[Listener] = []
        self._tasks: dict[asyncio.Task[None], str] = {}
        self._clients: Counter[str] = Counter()
        self._told: dict[str, float] = {}

    async def listen(self, name: str, listening: socket.socket) -> None:
        """Accept on a socket.

        Args:
            name: its name in the configuration.
            listening: a bound and listening socket.
        """
        listener = Listener(
            listening, partial(self._accept, name), refuse=partial(self._refuse, name)
        )
        await listener.start()
        self._listeners.append(listener)

    def replace(self, services: Mapping[str, SocketService]) -> None:
        """Serve new connections by new rules. Those that are there keep theirs until they end.

        Args:
            services: by name; at least those that listen.
        """
        self._services = dict(services)

    async def close(self) -> None:
        """Accept nothing more and end every session; the other server comes back by itself."""
        for listener in self._listeners:
            listener.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _refuse(self, name: str, _: Client) -> bytes | None:
        service = self._services[name]
        if not 0 < service.settings.clients <= self._clients[name]:
            return None
        now = service.clock()
        if now - self._told.get(name, -QUIET) >= QUIET:
            self._told[name] = now
            service.warn(f"{self._clients[name]} connections are served, and no more (clients)")
        return b""

    def _accept(self, name: str, connection: Connection) -> None:
        self._clients[name] += 1
        task = asyncio.get_running_loop().create_task(self._serve(name, connection))
        self._tasks[task] = name
        task.add_done_callback(self._ended)

    async def _serve(self, name: str, connection: Connection) -> None:
        service = self._services[name]
        try:
            await connection.open()
            await _SESSIONS[service.settings.kind](connection, service).run()
        except Ended as end:
            if str(end):
                service.warn(f"hung up on {connection.peer}: {end}")
        finally:
            connection.close()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._clients[self._tasks.pop(task)] -= 1
        if not task.cancelled() and (error := task.exception()) is not None:
            where = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{where.filename}:{where.lineno}"
            words = f"a session failed: {type(error).__name__}: {error} ({place})"
            self._journal(Notice("sockets", words, Level.ERROR))
