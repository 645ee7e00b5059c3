"""From a message in memory to the lines of the planner: its recipients' routes and sites.

It asks who knows routes, sites and what is suspended, and tells the planner; it makes no delivery.
What cannot be queued comes back as verdicts. Nothing here waits for long but for a route, which the
directory knows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from postroad.delivery import Route
from postroad.model import Reply, StoredRecipient
from postroad.queue.attempt import Admission, Destination, Verdict
from postroad.queue.planner import Planner
from postroad.queue.routes import Routes
from postroad.queue.schedule import Schedule
from postroad.queue.sites import Sites
from postroad.queue.suspension import SUSPENDED, Suspension

__all__ = ["Entry"]


class Entry:
    """Lets messages enter the planner."""

    def __init__(
        self,
        planner: Planner,
        routes: Routes,
        sites: Sites,
        suspension: Suspension,
        clock: Callable[[], float],
    ) -> None:
        """Take what it needs.

        Args:
            planner: where mail enters.
            routes: knows the way of each recipient.
            sites: knows whose hosts the next hops are.
            suspension: knows what waits for an operator.
            clock: seconds since the epoch.
        """
        self._planner = planner
        self._routes = routes
        self._sites = sites
        self._suspension = suspension
        self._clock = clock

    async def of(
        self, admission: Admission, wanting: Sequence[StoredRecipient], schedule: Schedule
    ) -> list[Verdict]:
        """Let admitted recipients enter.

        Args:
            admission: how they were admitted.
            wanting: those of its recipients that mail goes to.
            schedule: knows whose deadline is over.

        Returns:
            Verdicts on those that do not.
        """
        routes = await self._routes.of(admission.message, wanting)
        unknown = [
            route
            for route in routes
            if not isinstance(route, Reply) and self._sites.known(route) is None
        ]
        if unknown:
            await self._sites.learn(unknown)
        now = self._clock()
        if schedule.missed(admission.message, now):
            return self._planner.expire(admission, tuple(wanting), now)
        verdicts: list[Verdict] = []
        for route, group in routes.items():
            if isinstance(route, Reply):
                verdicts += self._planner.defer(admission, tuple(group), route, now)
            else:
                verdicts += self._queue(admission, group, route, now)
        return verdicts

    def _queue(
        self, admission: Admission, group: Sequence[StoredRecipient], route: Route, now: float
    ) -> list[Verdict]:
        site = self._sites.known(route) or ""
        destination = Destination(route.transport, route.nexthop, site)
        if not self._suspension:
            return self._planner.add(admission, tuple(group), destination, now)
        verdicts: list[Verdict] = []
        held: list[StoredRecipient] = []
        others: list[StoredRecipient] = []
        for each in group:
            (held if self._suspension.holds_back(destination, each) else others).append(each)
        if held:
            verdicts += self._planner.defer(admission, tuple(held), SUSPENDED, now, destination)
        if others:
            verdicts += self._planner.add(admission, tuple(others), destination, now)
        return verdicts
