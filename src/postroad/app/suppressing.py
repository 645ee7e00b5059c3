"""The suppression list of a worker: the file that workers share, and the routes that it changes.

A suppressed address has the route `error`, whose transport returns mail with the words it is given;
so nothing else of the queue has to know of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Protocol

from postroad.app.running import Running
from postroad.delivery import Route, Transport
from postroad.delivery.refusing import ERROR
from postroad.delivery.suppression import Suppression
from postroad.delivery.suppression_file import SUPPRESSION
from postroad.directory import Directory
from postroad.limits.state_file import Keeper
from postroad.model import Address, ContentFilter
from postroad.model.journal import Journal, Level, Notice
from postroad.queue.routes import Router

__all__ = ["Suppressing", "Unsuppressed"]


class Suppressing:
    """Belongs to a worker's event loop. No file is made before something is to be written.

    Attributes:
        addresses: says who is suppressed.
    """

    def __init__(self, running: Running, journal: Journal) -> None:
        """Nothing is opened yet.

        Args:
            running: what to serve.
            journal: where events go.
        """
        configuration, loop = running.configuration, asyncio.get_running_loop()

        def complain(words: str) -> None:
            loop.call_soon_threadsafe(journal, Notice("suppression", words, Level.WARNING))

        self._file = Keeper(configuration.suppression_file, SUPPRESSION, complain)
        self.addresses = Suppression(configuration.suppression, self._file, journal)

    def replace(self, running: Running) -> None:
        """Go by what is running now."""
        self.addresses.settings = running.configuration.suppression

    async def close(self) -> None:
        """Write what waits, and close the file."""
        await self.addresses.close()
        await asyncio.to_thread(self._file.close)


class Outgoing(Router, Protocol):
    """Who knows routes and transports; `Outbound` does."""

    @property
    def transports(self) -> Mapping[str, Transport]:
        """By the name that routes use."""
        ...


class Unsuppressed:
    """Implements the queue's `Router`: the routes there are, but for those who are suppressed."""

    def __init__(self, outgoing: Outgoing, directory: Directory, addresses: Suppression) -> None:
        """Before somebody who knows routes.

        Args:
            outgoing: knows them.
            directory: knows which domains are ours: nobody here is suppressed.
            addresses: who is.
        """
        self._outgoing = outgoing
        self._directory = directory
        self._addresses = addresses

    async def route(
        self,
        address: Address,
        content_filter: ContentFilter | None = None,
        *,
        sender: Address | None = None,
        listener: str = "",
    ) -> Route:
        """The transport and the next hop."""
        route = await self._outgoing.route(
            address, content_filter, sender=sender, listener=listener
        )
        if content_filter is not None or not self._addresses.settings.enabled:
            return route
        transport = self._outgoing.transports.get(route.transport)
        if transport is None or not transport.relays:
            return route
        refusal = await self._addresses.of(address, sender)
        if refusal is None or await self._directory.is_local(address.domain):
            return route
        return Route(ERROR, refusal.text)
