"""Whose hosts take the mail for a next hop: asked before it is queued, but never waited for long.

Deliveries are counted by site, so a site has to be known before mail is queued, and it takes DNS to
know it. DNS may be stuck for a domain, or for all. So a question is asked once, whoever waits for
it; nobody waits longer than `PATIENCE`, and only so many questions are open at once. A next hop
whose site is not known in time is counted by itself, and its question goes on, for the next one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Protocol

from postroad.delivery import Route

__all__ = ["PATIENCE", "SiteFinder", "Sites"]

PATIENCE = 2.0
"""Seconds that mail waits for its site; a name server that answers at all is quicker."""

LONGEST = 30.0
"""Seconds after which a question is given up."""

MOST_ASKED = 100
"""Questions at once. More mean that DNS is stuck; asking still more would not help it."""

MOST_KNOWN = 20_000
"""Next hops whose site is remembered, some 5 MB; the oldest goes first."""

REMEMBERED = 900.0
"""Seconds for which a site is remembered. Mail hosts move seldom; nothing is lost if they do."""

UNKNOWN = 60.0
"""Seconds for which it is remembered that a site could not be found."""


class SiteFinder(Protocol):
    """A transport that knows whose hosts take the mail for a next hop."""

    async def site(self, nexthop: str) -> str:
        """The domain of the hosts; empty where it cannot be found."""
        ...


class Sites:
    """The sites of routes."""

    def __init__(
        self, finder: Callable[[str], SiteFinder | None], clock: Callable[[], float]
    ) -> None:
        """Take what it needs.

        Args:
            finder: who finds the sites of a transport's next hops; `None`: each is by itself.
            clock: seconds since the epoch.
        """
        self._finder = finder
        self._clock = clock
        self._known: dict[Route, tuple[str, float]] = {}  # with the time at which it is forgotten
        self._asked: dict[Route, asyncio.Task[None]] = {}

    def known(self, route: Route) -> str | None:
        """The site of a route; empty: by itself; `None`: `learn` has to be called first."""
        found = self._known.get(route)
        if found is not None and self._clock() < found[1]:
            return found[0]
        return None if self._finder(route.transport) is not None else ""

    async def learn(self, routes: Iterable[Route]) -> None:
        """Find the sites of these routes, so far as that is quick."""
        asked = [task for route in routes if (task := self._ask(route)) is not None]
        if asked:
            await asyncio.wait(asked, timeout=PATIENCE)

    def close(self) -> None:
        """Give up all questions."""
        for task in self._asked.values():
            task.cancel()

    def _ask(self, route: Route) -> asyncio.Task[None] | None:
        task = self._asked.get(route)
        if task is not None:
            return task
        finder = self._finder(route.transport)
        if finder is None or len(self._asked) >= MOST_ASKED:
            return None
        task = self._asked[route] = asyncio.create_task(self._find(finder, route))
        task.add_done_callback(lambda _: self._asked.pop(route, None))
        return task

    async def _find(self, finder: SiteFinder, route: Route) -> None:
        try:
            async with asyncio.timeout(LONGEST):
                site = await finder.site(route.nexthop)
        except Exception:  # noqa: BLE001 - counted by itself; the delivery will say what is wrong
            site = ""
        self._known.pop(route, None)
        if len(self._known) >= MOST_KNOWN:
            del self._known[next(iter(self._known))]
        lasts = REMEMBERED if site else UNKNOWN
        self._known[route] = (site.lower(), self._clock() + lasts)
