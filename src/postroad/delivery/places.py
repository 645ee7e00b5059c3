"""How many may do something at once, and how many of them at one next hop.

Those who find no place free wait in line; a line has a bound too, for one next hop and for all.
Who is let into the line counts from that moment, before doing anything else.
"""

from __future__ import annotations

import asyncio
import math
from contextlib import AsyncExitStack
from types import TracebackType

__all__ = ["MOST_AT_ONE", "MOST_WAITING", "Place", "Places"]

MOST_WAITING = 1000
"""In line and at work, of all next hops: some 10 KB each."""

MOST_AT_ONE = 100
"""The same of one next hop: a domain of which all addresses are asked leaves room for others."""

SHARE = 4
"""A next hop that keeps everybody waiting gets one place in so many."""


class Places:
    """Places for work at next hops. Belongs to one event loop."""

    def __init__(self, at_once: int) -> None:
        """All places are free.

        Args:
            at_once: how many there are; 0: no limit, but for the lines.
        """
        self.free = asyncio.Semaphore(at_once or MOST_WAITING)
        self._share = math.ceil(at_once / SHARE) or MOST_AT_ONE
        self._free_at: dict[str, asyncio.Semaphore] = {}
        self._users: dict[str, int] = {}
        self._count = 0

    def line_up(self, nexthop: str) -> Place | None:
        """A place in line, to be used or given back; `None`: the line is too long."""
        users = self._users.get(nexthop, 0)
        if self._count >= MOST_WAITING or users >= MOST_AT_ONE:
            return None
        self._count += 1
        self._users[nexthop] = users + 1
        free = self._free_at.setdefault(nexthop, asyncio.Semaphore(self._share))
        return Place(self, nexthop, free)

    def leave(self, nexthop: str) -> None:
        """One left the line, or is done; see `Place.give_back`."""
        self._count -= 1
        self._users[nexthop] -= 1
        if not self._users[nexthop]:
            del self._users[nexthop], self._free_at[nexthop]


class Place:
    """One in line. Within `async with` it is its turn; after that the place is given back."""

    __slots__ = ("_free", "_nexthop", "_places", "_turn")

    def __init__(self, places: Places, nexthop: str, free: asyncio.Semaphore) -> None:
        self._places: Places | None = places
        self._nexthop = nexthop
        self._free = free
        self._turn = AsyncExitStack()

    def give_back(self) -> None:
        """Leave the line. Harmless at any time."""
        if self._places is not None:
            self._places.leave(self._nexthop)
            self._places = None

    async def __aenter__(self) -> None:
        """Wait for the turn."""
        assert self._places is not None, "it was not given back"
        try:
            await self._turn.enter_async_context(self._free)
            await self._turn.enter_async_context(self._places.free)
        except BaseException:  # cancelled
            await self._turn.aclose()
            self.give_back()
            raise

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._turn.aclose()
        self.give_back()
