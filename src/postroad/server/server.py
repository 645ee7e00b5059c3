"""Accepts on a worker's sockets, runs a session for each client, and stops without breaking one."""

from __future__ import annotations

import asyncio
import socket
import traceback
from collections.abc import Mapping
from functools import partial

from postroad.model import Client, Reply
from postroad.model.journal import Journal, Level, Notice
from postroad.net.connection import Connection
from postroad.net.listener import Listener, Proxies
from postroad.server.service import Service
from postroad.server.session import Session

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
        service = self._services[name]
        listener = Listener(
            listening,
            partial(self._accept, name),
            proxies=self._proxies(service),
            refuse=partial(self._last_words, name),
        )
        await listener.start()
        self._listeners.append(listener)

    def replace(self, services: Mapping[str, Service]) -> None:
        """Serve new clients by new rules; sessions under way keep theirs.

        Args:
            services: by listener name; at least those that listen.
        """
        self._services = dict(services)

    def cut(self, user: str, reply: Reply) -> tuple[asyncio.Task[None], ...]:
        """End the sessions of a user, and of whoever acts for somebody else by that user's login.

        Args:
            user: the account.
            reply: the last words.

        Returns:
            What to wait for: a session that is making a message durable does so first.
        """
        cut = []
        for task, session in self._sessions.items():
            login = session.login
            if login is not None and user in (login.user, login.actor):
                session.cut(reply)
                cut.append(task)
        return tuple(cut)

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

    def _proxies(self, service: Service) -> Proxies | None:
        networks = service.extensions.proxies
        if not (networks.v4 or networks.v6):
            return None

        def refused(proxy: Client, why: str) -> None:
            self._journal(Notice(service.name, f"{proxy}: {why}", Level.WARNING))

        return Proxies(networks.contains, refused)

    def _last_words(self, name: str, client: Client) -> bytes | None:
        """Send a client away before it costs anything: a task, a look-up, a handshake."""
        service = self._services[name]
        reply = service.gate.refuses(client, self.sessions, service.clock())
        return None if reply is None else _spoken(service, reply)

    def _accept(self, name: str, connection: Connection) -> None:
        service, client = self._services[name], connection.peer
        reply = service.gate.enter(client, service.clock())
        if reply is not None:
            connection.turn_away(_spoken(service, reply))
            return
        session = Session(connection, service)
        task = asyncio.get_running_loop().create_task(session.run())
        self._sessions[task] = session
        task.add_done_callback(partial(self._ended, service, client))

    def _ended(self, service: Service, client: Client, task: asyncio.Task[None]) -> None:
        del self._sessions[task]
        service.gate.leave(client)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._journal(Notice("smtpd", f"a session failed: {_describe(error)}", Level.ERROR))


def _spoken(service: Service, reply: Reply) -> bytes:
    """The last words to a client; none where it waits for a TLS handshake and not for words."""
    return b"" if service.implicit_tls else reply.encode()


def _describe(error: BaseException) -> str:
    """A bug on one line: what, and the innermost places."""
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    places = " < ".join(f"{frame.name} ({frame.filename}:{frame.lineno})" for frame in frames[::-1])
    return f"{type(error).__name__}: {error} in {places}"
