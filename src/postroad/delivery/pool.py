"""Sessions put aside between two messages for the same next hop.

A message that must travel by verified TLS uses no session that was opened without that need, nor
the other way round: a `Road` is a next hop and that need.

A session belongs either to the one delivery that took it or to the pool, never to both. One timer
serves the whole pool, because most sessions are taken again long before their time is over.
"""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from postroad.delivery.session import Session

__all__ = ["Road", "SessionPool"]


class Road(NamedTuple):
    """Where sessions lead, and how safe they have to be.

    Attributes:
        nexthop: `Route.nexthop`.
        require_tls: whether only a session that RFC 8689 §4.2.1 allows will do.
    """

    nexthop: str
    require_tls: bool = False


class SessionPool:
    """Idle sessions by road."""

    def __init__(self, idle_timeout: float) -> None:
        """An empty pool.

        Args:
            idle_timeout: seconds a session may lie here; 0: sessions are closed at once.
        """
        self._idle_timeout = idle_timeout
        self._idle: dict[Road, list[Session]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    def take(self, road: Road) -> Session | None:
        """A session that is ready for a transaction, the one used last; `None` if there is none."""
        idle = self._idle.get(road)
        while idle:
            session = idle.pop()
            if session.is_usable:
                return session
            session.close()
        return None

    def put(self, road: Road, session: Session) -> None:
        """Keep the session if it can be used again, else close it."""
        if self._closed or not self._idle_timeout or not session.is_usable:
            session.close()
            return
        loop = asyncio.get_running_loop()
        session.idle_since = loop.time()
        self._idle.setdefault(road, []).append(session)
        if self._timer is None:
            self._timer = loop.call_later(self._idle_timeout, self._sweep)

    def close(self) -> None:
        """Close what is here and whatever is put here from now on."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for sessions in self._idle.values():
            for session in sessions:
                session.close()
        self._idle.clear()

    def _sweep(self) -> None:
        """Close what has lain too long; come back when the next one will have."""
        loop = asyncio.get_running_loop()
        oldest = loop.time() - self._idle_timeout
        for road, sessions in list(self._idle.items()):
            fresh = [session for session in sessions if session.idle_since > oldest]
            for session in sessions[: len(sessions) - len(fresh)]:  # the oldest come first
                session.close()
            if fresh:
                sessions[:] = fresh
            else:
                del self._idle[road]
        self._timer = None
        if self._idle:
            first = min(sessions[0].idle_since for sessions in self._idle.values())
            self._timer = loop.call_at(first + self._idle_timeout, self._sweep)
