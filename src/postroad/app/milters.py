"""A milter, built of what a worker has."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from postroad import __version__
from postroad.app.running import Running
from postroad.config.sendmail import origin_of
from postroad.delivery import Route
from postroad.delivery.routing import RouteMistake
from postroad.directory import DirectoryUnavailable
from postroad.filters.milter.macros import NO_WAY
from postroad.filters.milter.opening import Milter, build
from postroad.filters.milter.setup import Way
from postroad.filters.settings import FilterSettings
from postroad.model import Address
from postroad.model.journal import Journal
from postroad.spool import Aside
from postroad.tables import TableUnavailable

__all__ = ["milter_of", "way_by"]

_WAY_FOUND = 5.0
"""Seconds that finding the way of an address may take: milters are told it beside other things, and
the client waits."""


def milter_of(
    settings: FilterSettings,
    name: str,
    running: Running,
    journal: Journal,
    *,
    way: Way | None = None,
    aside: Callable[[], Aside] | None = None,
) -> Milter:
    """A milter by its settings.

    Args:
        settings: its section.
        name: how configuration and log name it.
        running: what is served.
        journal: where events go.
        way: finds where mail for an address goes; `None`: milters are not told.
        aside: makes room in the spool for a large new body; `None`: there is none.
    """
    configuration = running.configuration
    return build(
        settings,
        name,
        hostname=configuration.hostname,
        version=f"Postroad {__version__}",
        origin=origin_of(configuration),
        message_size=configuration.limits.message_size,
        journal=journal,
        way=way,
        aside=aside,
    )


class Routing(Protocol):
    """Who knows where mail for an address goes."""

    async def route(self, address: Address) -> Route:
        """The transport and the next hop."""
        ...


def way_by(routing: Routing) -> Way:
    """What milters are told of where mail for an address goes, by `{rcpt_mailer}` and the like.

    Args:
        routing: knows it. What cannot be known now is not told: no mail waits for it here.
    """

    async def way(address: Address) -> tuple[str, str]:
        try:
            async with asyncio.timeout(_WAY_FOUND):
                route = await routing.route(address)
        except (DirectoryUnavailable, TableUnavailable, RouteMistake, TimeoutError):
            return NO_WAY
        return route.transport, route.nexthop

    return way
