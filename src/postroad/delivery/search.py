"""Where a message's next session comes from, as the courier sees it.

A next hop may have many hosts. Which ones, and in which order, is for the transport to know; the
courier asks for one session after the other until the message is taken by one, or there is none
left.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from postroad.delivery.pool import Road, SessionPool
from postroad.delivery.session import Session, Unready

__all__ = ["OneSession", "OpenSession", "Search", "Searching"]


class Search(Protocol):
    """The sessions of one road, from the best host on."""

    async def next(self, failed: Session | None = None) -> Session | Unready:
        """Another session, ready for a transaction.

        Args:
            failed: the one that was tried last; its endpoint is not tried again.

        Returns:
            The session; or, where there is none left, why the last ones did not come about.
        """
        ...


Searching = Callable[[Road, SessionPool], Search]
"""Begins a search; nothing is looked up before the first session is asked for."""

OpenSession = Callable[[Road], Awaitable[Session | Unready]]
"""Gives the one new session that there is, or says why there is none."""


class OneSession:
    """Implements `Search` where there is one host with one address."""

    def __init__(self, opening: OpenSession, road: Road) -> None:
        self._opening = opening
        self._road = road

    async def next(self, failed: Session | None = None) -> Session | Unready:
        """The one session; none other behind it."""
        if failed is not None:
            return Unready.of(451, "4.4.1", "there is no other host")
        return await self._opening(self._road)
