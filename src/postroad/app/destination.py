"""Where a message that is accepted would go, as far as that can be said without connecting.

Aliases are followed as the door follows them, and the route is the router's; only the words are
made here.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from postroad.app.forwarding import Forwards
from postroad.app.mailboxes import location_of
from postroad.app.outbound import router_of
from postroad.config import Configuration
from postroad.config.ways import kinds_of
from postroad.delivery import Route
from postroad.delivery.nexthop import split_login
from postroad.delivery.probing import probe_sender
from postroad.delivery.refusing import ERROR, reason
from postroad.delivery.route_tables import NoTables, Tables
from postroad.delivery.routing import FILTER, RouteMistake
from postroad.delivery.suppression import Suppression
from postroad.directory import Directory, DirectoryUnavailable, Unknown, account_of
from postroad.intake.aliases import AliasLimitError
from postroad.intake.ends import Transit
from postroad.intake.handling import addressees
from postroad.intake.srs_keys import KeysUnavailable
from postroad.mailbox.location import UnsafeName
from postroad.model import (
    SAME,
    Address,
    Addressee,
    ContentFilter,
    Disposition,
    Recipient,
    parse_filter,
)
from postroad.reports.arrival import key_of
from postroad.tables import TableUnavailable

__all__ = ["Destination", "Destinations"]

_ABOUT_TLS = "kept as a report about TLS, if it is one, as [tls_reports] receive says"
_ON_DMARC = "kept as a report on DMARC, or set aside, as [dmarc_reports] receive says"


@dataclass(frozen=True, slots=True)
class Destination:
    """One end of a message.

    Attributes:
        address: where it goes, after aliases.
        original: the recipient that the client named.
        transport: what brings it there, as the log names it; empty where nothing is brought.
        nexthop: where to.
        words: the same for people, as the end of a sentence.
    """

    address: str
    original: str
    transport: str
    nexthop: str
    words: str


@dataclass(frozen=True, slots=True)
class _Whose:
    """What a route goes by besides the recipient."""

    through: ContentFilter | None
    sender: Address | None
    listener: str


class Destinations:
    """Finds them."""

    def __init__(
        self,
        configuration: Configuration,
        directory: Directory,
        tables: Tables | None = None,
        suppression: Suppression | None = None,
        forwards: Forwards | None = None,
    ) -> None:
        """Where the mail of a server goes.

        Args:
            configuration: of the server.
            directory: its accounts.
            tables: has the tables that routes name; `None`: there are none.
            suppression: knows who is suppressed; `None`: nobody is.
            forwards: how mail goes on; `None`: as it came.
        """
        self._forwards = forwards
        self._extensions = configuration.forwarding.extensions
        self._directory = directory
        self._suppression = suppression
        self._capture = configuration.delivery.capture
        self._smarthost = configuration.relay.nexthop
        self._kinds = kinds_of(configuration)
        self._probes_from = probe_sender(configuration.verification, configuration.hostname).lower()
        self._maildirs = location_of(configuration)
        self._reports = {
            **{key_of(each): _ON_DMARC for each in configuration.dmarc_reports.receive},
            **{key_of(each): _ABOUT_TLS for each in configuration.tls_reports.receive},
        }
        self._router = router_of(configuration, directory, tables or NoTables())

    async def of(
        self,
        recipients: Sequence[Address],
        disposition: Disposition,
        *,
        sender: Address | None = None,
        listener: str = "",
    ) -> tuple[Destination, ...] | str:
        """Where a message to these goes.

        Args:
            recipients: those that were accepted.
            disposition: what policy wants done with it.
            sender: the reverse-path; `None` is the null one.
            listener: the listener it comes in by.

        Returns:
            The ends, or why there are none.
        """
        if disposition.discard or not recipients:
            return ()
        through = (
            parse_filter(disposition.content_filter, self._kinds)
            if disposition.content_filter
            else None
        )
        if isinstance(through, str):
            return through
        if disposition.redirect is not None:
            through = None  # access(5): a redirected message meets no content filter
        try:
            found = await self._addressees(recipients, disposition, sender)
            whose = _Whose(through, sender, listener)
            return tuple([await self._end(one, whose) for one in found if one.owed is None])
        except AliasLimitError as error:
            return f"it would wait: {error}"
        except KeysUnavailable as error:
            return f"it would wait, since its sender cannot be rewritten: {error}"
        except DirectoryUnavailable as error:
            return f"the directory does not answer: {error}"
        except TableUnavailable as error:
            return f"it would wait, since a table of routes cannot answer: {error}"
        except RouteMistake as error:
            return f"it would wait, since a route is none: {error}"

    async def _addressees(
        self, recipients: Sequence[Address], disposition: Disposition, sender: Address | None
    ) -> list[Addressee]:
        named = [*map(Recipient, recipients)]
        if self._forwards is None:
            return await addressees(named, disposition, self._directory)
        transit = Transit(
            sender=sender,
            now=time.time(),
            forwarding=self._forwards.onward,
            extensions=self._extensions,
        )
        return await addressees(named, disposition, self._forwards.addresses, transit)

    async def _end(self, one: Addressee, whose: _Whose) -> Destination:
        through = whose.through
        if one.sender is not SAME:
            whose = _Whose(through, one.sender, whose.listener)
        route = await self._router.route(
            one.address, through, sender=whose.sender, listener=whose.listener
        )
        if through is None:
            route = await self._unless_suppressed(route, one.address, whose.sender)
        nobody = await self._is_nobody(one.address)
        reports = self._reports.get(one.address.key, "")
        if nobody and one.address.key == self._probes_from:
            route, words = Route("", ""), "thrown away, as the sender of our probes"
        elif nobody and reports and route.transport in ("local", "lmtp"):
            words = reports
        elif nobody and route.transport in ("local", "lmtp") and through is None:
            words = "nobody here has this address: it would go back to the sender"
        else:
            words = await self._words(one.address, route)
        if one.sender is not SAME:
            words = f"{words}, from <{one.sender or ''}>"
        address, original = str(one.address), str(one.original)
        return Destination(address, original, route.transport, route.nexthop, words)

    async def _unless_suppressed(
        self, route: Route, address: Address, sender: Address | None
    ) -> Route:
        if self._suppression is None or self._kinds[route.transport] not in ("smtp", "pipe"):
            return route
        refusal = await self._suppression.of(address, sender)
        if refusal is None or await self._directory.is_local(address.domain):
            return route
        return Route(ERROR, refusal.text)

    async def _is_nobody(self, address: Address) -> bool:
        if not await self._directory.is_local(address.domain):
            return address.key == self._probes_from
        return isinstance(await self._directory.resolve(address), Unknown)

    async def _words(self, address: Address, route: Route) -> str:
        nexthop = route.nexthop
        match route.transport:
            case "local":
                return await self._mailbox(address)
            case "lmtp":
                return f"to the mail store, by LMTP to {nexthop}"
            case "capture":
                return f"caught in {self._capture}, as [delivery] capture says"
            case transport if transport == FILTER:
                return f"to the content filter {nexthop}"
        return self._elsewhere(route)

    def _elsewhere(self, route: Route) -> str:
        """The words for a way that leads to no mailbox of ours."""
        nexthop = split_login(route.nexthop)[1]
        by = "" if route.transport in ("smtp", "relay") else f" by the transport {route.transport}"
        match self._kinds[route.transport]:
            case "error" | "retry" as kind:
                reply = reason(nexthop, permanent=kind == "error")
                words = "it would go back to the sender" if reply.is_permanent else "it would wait"
                return f"{words}: {reply.text}"
            case "discard":
                return f"thrown away: {nexthop}"
            case "pipe":
                return f"to the program of the transport {route.transport}"
            case "lmtp":
                return f"to {nexthop}, by LMTP{by}"
        if nexthop == self._smarthost:
            return f"to the smarthost {nexthop}{by}"
        if nexthop.startswith("["):
            return f"to the host {nexthop}{by}"
        return f"to the mail exchangers of {nexthop}{by}"

    async def _mailbox(self, address: Address) -> str:
        found = await self._directory.resolve(address)
        user = account_of(found)
        if not user:  # an alias of itself is the mailbox of that name
            return f"to the mailbox of {address}"
        try:
            return f"to the mailbox of {user}, {self._maildirs.path(user)}"
        except UnsafeName as error:
            return f"nowhere: {error}"
