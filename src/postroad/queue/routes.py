"""The routes of a message's recipients, or the reason why one has none for now.

It asks the router about each recipient, and tells it of the content filter that the message goes
through. Nothing that fails here loses mail: it waits. What a filter may look like was checked when
its table was read; one that cannot be read all the same came from a policy service or from another
release, and then the message waits for the operator (access(5): server configuration error).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from postroad.delivery import Route
from postroad.delivery.routing import RouteMistake
from postroad.model import (
    Address,
    ContentFilter,
    Reply,
    StoredMessage,
    StoredRecipient,
    parse_filter,
)
from postroad.model.journal import Journal, Level, Notice
from postroad.queue.cancellation import is_ours

__all__ = ["Router", "Routes"]

_NO_ROUTE = Reply.of(451, "4.3.0", "the route of this address could not be found out")
_MISTAKEN = Reply.of(451, "4.3.5", "Server configuration error")


class Router(Protocol):
    """Who knows where mail for an address goes."""

    async def route(
        self,
        address: Address,
        content_filter: ContentFilter | None = None,
        *,
        sender: Address | None = None,
        listener: str = "",
    ) -> Route:
        """The transport and the next hop."""
        ...


class Routes:
    """Finds routes."""

    __slots__ = ("_journal", "_router")

    def __init__(self, router: Router, journal: Journal) -> None:
        """Take what it needs.

        Args:
            router: gives each address its route.
            journal: told why there is none.
        """
        self._router = router
        self._journal = journal

    async def of(
        self, message: StoredMessage, recipients: Sequence[StoredRecipient]
    ) -> dict[Route | Reply, list[StoredRecipient]]:
        """Which recipients go where, and which wait for what reason."""
        content_filter: ContentFilter | None = None
        if message.waybill.content_filter:
            read = parse_filter(message.waybill.content_filter, None)
            if isinstance(read, str):
                self._warn(message, read)
                return {_MISTAKEN: list(recipients)}
            content_filter = read
        routes: dict[Route | Reply, list[StoredRecipient]] = {}
        for recipient in recipients:
            route = await self._route(message, recipient.address, content_filter)
            routes.setdefault(route, []).append(recipient)
        return routes

    async def _route(
        self, message: StoredMessage, address: Address, content_filter: ContentFilter | None
    ) -> Route | Reply:
        try:
            return await self._router.route(
                address,
                content_filter,
                sender=message.envelope.sender,
                listener=message.waybill.listener,
            )
        except RouteMistake as error:
            self._warn(message, f"no route to <{address}>: {error}")
            return _MISTAKEN
        except asyncio.CancelledError as error:
            if is_ours():
                raise
            self._warn(message, f"no route to <{address}>: {error!r}")
            return _NO_ROUTE
        except Exception as error:  # noqa: BLE001 - a fault elsewhere defers mail, no more
            self._warn(message, f"no route to <{address}>: {error!r}")
            return _NO_ROUTE

    def _warn(self, message: StoredMessage, words: str) -> None:
        self._journal(Notice("qmgr", f"{message.queue_id}: {words}", Level.WARNING))
