"""Accepts on a worker's sockets, runs a session for each client, and stops without breaking one."""

from __future__ import annotations

import asyncio
import socket
import traceback
from collections import Counter
from collections.abc import Mapping
from functools import partial

from postroad.model import Client
from postroad.model.journal import Journal, Level, Notice
from postroad.net.connection import Connection
from postroad.net.listener import Listener
from postroad.server.service import Service
from postroad.server.session import Session
from postroad.smtp import replies

__all__ = ["SmtpServer"]


class SmtpServer:
    """The listeners of one worker and the sessions that came by them."""

    def __init__(self, services: Mapping[str, Service], journal: Journal) -> None:
        """A server that does not listen yet.

        Args:
            services: by listener name.
            journal: where bugs are reported.
        """
        self._services = dict(services)
        self._journal = journal
        self._listeners: list[Listener] = []
        self._sessions: dict[asyncio.Task[None], Session] = {}
        self._addresses: Counter[str] = Counter()

    @property
    def sessions(self) -> int:
        """How many clients are connected."""
        return len(self._sessions)

    async def listen(self, name: str, listening: socket.socket) -> None:
        """Accept on a socket.

        Args:
            name: the listener's name in the configuration.
            listening: a bound and listening socket.
        """
        implicit = self._services[name].implicit_tls
        listener = Listener(listening, partial(self._accept, name), implicit_tls=implicit)
        await listener.start()
        self._listeners.append(listener)

    def replace(self, services: Mapping[str, Service]) -> None:
        """Serve new clients by new rules; sessions under way keep theirs.

        Args:
            services: by listener name; at least those that listen.
        """
        self._services = dict(services)

    async def drain(self, timeout: float) -> None:  # noqa: ASYNC109 - a bound for many tasks
        """Accept nothing more, let transactions end, then end every session.

        Args:
            timeout: seconds for transactions to end; what is not acknowledged by then is cut.
        """
        for listener in self._listeners:
            listener.close()
        for session in list(self._sessions.values()):
            session.stop()
        if self._sessions:
            await asyncio.wait(list(self._sessions), timeout=timeout)
        rest = list(self._sessions)
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    def _accept(self, name: str, connection: Connection) -> None:
        service = self._services[name]
        excess = self._excess(service, connection.peer)
        if excess:
            self._refuse(connection, service, excess)
            return
        session = Session(connection, service)
        task = asyncio.get_running_loop().create_task(session.run())
        self._sessions[task] = session
        address = connection.peer.address
        self._addresses[address] += 1
        task.add_done_callback(partial(self._ended, address))

    def _excess(self, service: Service, client: Client) -> str:
        """Which limit one more client would break, in words; empty if none."""
        limits, address = service.limits, client.address
        if 0 < limits.sessions <= self.sessions:
            return f"Connection limit exceeded: {self.sessions} sessions in this worker"
        here = self._addresses[address]  # a Counter keeps nothing for a mere question
        if 0 < limits.sessions_per_address <= here and not service.trusted.contains(address):
            return f"Connection concurrency limit exceeded: {here} sessions of this address"
        return ""

    def _refuse(self, connection: Connection, service: Service, excess: str) -> None:
        """Send a client away before it costs anything: a look-up, a handshake, a task."""
        client = connection.peer
        self._journal(Notice(service.name, f"{excess}, {client} refused", Level.WARNING))
        if not service.implicit_tls:
            reply = replies.too_many_connections(service.hostname, client.address)
            connection.write(reply.encode())
        connection.close()

    def _ended(self, address: str, task: asyncio.Task[None]) -> None:
        del self._sessions[task]
        self._addresses[address] -= 1
        if not self._addresses[address]:
            del self._addresses[address]
        if not task.cancelled() and (error := task.exception()) is not None:
            self._journal(Notice("smtpd", f"a session failed: {_describe(error)}", Level.ERROR))


def _describe(error: BaseException) -> str:
    """A bug on one line: what, and the innermost places."""
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    places = " < ".join(f"{frame.name} ({frame.filename}:{frame.lineno})" for frame in frames[::-1])
    return f"{type(error).__name__}: {error} in {places}"
