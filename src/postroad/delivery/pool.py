"""Sessions put aside between two messages.

A session leads to one endpoint in one way: from one source, with one login, under one policy of
TLS. That is its key, and sessions of one key are a lane. A message looks for a session twice: by
its road (the next hop and how safe it has to be) before any name is looked up, and by the key of
each endpoint that it is about to connect to. So next hops whose mail exchangers are the same share
sessions, where nothing but the endpoint matters.

A session belongs either to the one delivery that took it or to the pool, never to both. One timer
serves the whole pool, because most sessions are taken again long before their time is over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from typing import NamedTuple

from postroad.delivery.session import Session

__all__ = ["Lane", "Road", "SessionPool"]


class Road(NamedTuple):
    """Where sessions lead, and how safe they have to be.

    Attributes:
        nexthop: `Route.nexthop`.
        require_tls: whether only a session that RFC 8689 §4.2.1 allows will do.
        relaxed: whether the mail would rather arrive than be safe (RFC 8689 §5).
        waited: whether it has waited so long that plain text is better than TLS that fails.
    """

    nexthop: str
    require_tls: bool = False
    relaxed: bool = False
    waited: bool = False


class Lane:
    """The idle sessions of one key, the one used last at the end.

    Attributes:
        key: where they lead, and how.
        idle: themselves.
        listed: whether the pool finds the lane by its key.
    """

    __slots__ = ("idle", "key", "listed")

    def __init__(self, key: Hashable) -> None:
        self.key = key
        self.idle: list[Session] = []
        self.listed = False


class SessionPool:
    """Idle sessions by lane, and the lanes that lead to each next hop."""

    def __init__(self, idle_timeout: float, lifetime: float = 0.0) -> None:
        """An empty pool.

        Args:
            idle_timeout: seconds a session may lie here; 0: sessions are closed at once.
            lifetime: seconds after which a session is used no more; 0: for ever.
        """
        self._idle_timeout = idle_timeout
        self._lifetime = lifetime
        self._lanes: dict[Hashable, Lane] = {}
        self._roads: dict[Road, list[Lane]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    def take(self, road: Road) -> Session | None:
        """A session of the road that is ready for a transaction; `None` if there is none."""
        for lane in self._roads.get(road, ()):
            if lane.idle and (session := _usable(lane)) is not None:
                return session
        return None

    def take_by_key(self, key: Hashable) -> Session | None:
        """The same for a key, whichever road the session was on before."""
        lane = self._lanes.get(key)
        return None if lane is None else _usable(lane)

    def put(self, road: Road, session: Session) -> None:
        """Keep the session if it can be used again, else close it."""
        if self._closed or not self._idle_timeout or not session.is_usable:
            session.close()
            return
        loop = session.loop
        now = loop.time()
        if self._lifetime and now - session.opened >= self._lifetime:
            session.close()
            return
        session.idle_since = now
        lane = session.lane
        if lane is None or not lane.listed:
            lane = session.lane = self._list(road if lane is None else lane.key)
        lane.idle.append(session)
        lanes = self._roads.get(road)
        if lanes is None:
            self._roads[road] = [lane]
        elif lane not in lanes:
            lanes.append(lane)
        if self._timer is None:
            self._timer = loop.call_later(self._idle_timeout, self._sweep)

    def close(self) -> None:
        """Close what is here and whatever is put here from now on."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for lane in self._lanes.values():
            for session in lane.idle:
                session.close()
            lane.idle.clear()
        self._lanes.clear()
        self._roads.clear()

    def _list(self, key: Hashable) -> Lane:
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = Lane(key)
            lane.listed = True
        return lane

    def _sweep(self) -> None:
        """Close what has lain too long; come back when the next one will have."""
        loop = asyncio.get_running_loop()
        oldest = loop.time() - self._idle_timeout
        for lane in list(self._lanes.values()):
            fresh = [session for session in lane.idle if session.idle_since > oldest]
            for session in lane.idle[: len(lane.idle) - len(fresh)]:  # the oldest come first
                session.close()
            lane.idle[:] = fresh
            if not fresh:
                lane.listed = False
                del self._lanes[lane.key]
        roads = {road: [lane for lane in of if lane.listed] for road, of in self._roads.items()}
        self._roads = {road: lanes for road, lanes in roads.items() if lanes}
        self._timer = None
        if self._lanes:
            first = min(lane.idle[0].idle_since for lane in self._lanes.values())
            self._timer = loop.call_at(first + self._idle_timeout, self._sweep)


def _usable(lane: Lane) -> Session | None:
    while lane.idle:
        session = lane.idle.pop()
        if session.is_usable:
            return session
        session.close()
    return None
