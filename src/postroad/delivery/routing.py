"""Where a recipient's mail goes: to which transport, and to which next hop.

The router knows names, not networks: it asks whether a domain is ours, and tables. The next hop it
gives is also the key by which the queue groups recipients, so it holds nothing that differs between
recipients that could share a transaction.

The precedence is that of Postfix's trivial-rewrite(8). A domain is ours, one of `relay_domains`, or
any other; that gives a transport. For the two last a smarthost of the sender's, or else the
smarthost, takes the place of the domain as the next hop, and a next hop that is written with the
transport takes the place of both. A domain with a way of its own (`[domain."NAME"]`), ours or not,
goes that way instead. What a transport table has for the recipient goes over all of this, and may
name either half. None of this is about the commands and files that aliases name: they are of this
machine, in a domain that nobody else has.

A content filter goes before all of that, for recipients here as for others (access(5), FILTER). A
filter that speaks SMTP has a transport of its own: what next hops in the world have to be, a
login at the smarthost or TLS, is asked of no filter, and one that is stuck holds up nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

from postroad.delivery.nexthop import LmtpTarget, Nexthop
from postroad.delivery.route_tables import (
    NoTables,
    RouteTables,
    Tables,
    recipient_keys,
    sender_keys,
)
from postroad.delivery.transport_settings import RoutingSettings
from postroad.delivery.ways import (
    ALIAS_PROGRAMS,
    BUILT_IN,
    FILTER,
    Kind,
    Way,
    read_way,
    usual_nexthop,
)
from postroad.directory.files.alias_file import PROGRAM_DOMAIN
from postroad.directory.interface import Standing
from postroad.directory.names import domain_form
from postroad.model import Address, ContentFilter
from postroad.model.address import domain_key

__all__ = ["FILTER", "LocalDomains", "Route", "RouteMistake", "Router", "Ways"]

_LMTP = "lmtp:"
_DUNNO = "dunno"
_KEPT = frozenset({"error", "retry", "discard", "local"})
"""Kinds by which no mail leaves the machine, and none is handed to another program."""


class LocalDomains(Protocol):
    """Who knows which domains are ours."""

    async def standing(self, domain: str) -> Standing | None:
        """Whether mailboxes of the domain live here, or its mail is passed on by `relay`."""
        ...


class RouteMistake(Exception):
    """A table or a setting names a way that is none; the mail waits for the operator."""


@dataclass(frozen=True, slots=True)
class Route:
    """A transport's name and the next hop it is given.

    The names are those of `ways.BUILT_IN`, and of `[transports]`.
    """

    transport: str
    nexthop: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """What an operator says of routes, besides where our own mail goes.

    Attributes:
        routing: `[routing]`.
        kinds: every transport there is, by name.
        nexthops: the next hops of transports that are named without one, by the transport's name.
        domains: the ways of single domains, `TRANSPORT`, `TRANSPORT:NEXT-HOP` or `:NEXT-HOP`, by
            the domain's form in `directory.names`; ours or not.
        listeners: the transport of what comes in by a listener, `TRANSPORT` or
            `TRANSPORT:NEXT-HOP`, by the listener's name.
        sender_smarthosts: `[relay] sender_smarthosts`.
        sender_logins: tables of logins that are looked for by the sender; empty for none.
        delimiters: the characters that begin an address extension.
    """

    routing: RoutingSettings = field(default_factory=RoutingSettings)
    kinds: Mapping[str, Kind] = field(default_factory=lambda: BUILT_IN)
    nexthops: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    domains: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    listeners: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    sender_smarthosts: tuple[str, ...] = ()
    sender_logins: tuple[str, ...] = ()
    delimiters: str = ""


class Router:
    """Decides the route of each recipient."""

    def __init__(
        self,
        domains: LocalDomains,
        *,
        mailbox: str = "maildir",
        smarthost: str = "",
        capture: bool,
        ways: Ways | None = None,
        tables: Tables | None = None,
    ) -> None:
        """Take what decides.

        Args:
            domains: who knows our domains.
            mailbox: `[mailbox].transport`: `maildir`, `lmtp:unix:/path` or `lmtp:inet:host:port`.
            smarthost: `RelaySettings.nexthop`; empty for none.
            capture: whether mail for other domains is caught instead of sent.
            ways: everything else.
            tables: who has the tables that are named there.

        Raises:
            ValueError: a setting is misspelt; the message is for the operator.
        """
        self._ways = ways = ways or Ways()
        self._domains = domains
        self._lmtp = _lmtp_target(mailbox)
        if smarthost:
            Nexthop.parse_list(smarthost)
        self._smarthost = smarthost
        self._captures = capture
        self._kinds = ways.kinds
        self._default = read_way(ways.routing.default_transport, ways.kinds)
        self._relay = read_way(ways.routing.relay_transport, ways.kinds)
        self._relayed = frozenset(map(domain_form, ways.routing.relay_domains))
        self._of_domain = {name: read_way(text, ways.kinds) for name, text in ways.domains.items()}
        self._of_listener = {
            name: read_way(text, ways.kinds) for name, text in ways.listeners.items()
        }
        asked = tables or NoTables()
        self._transports = RouteTables(asked, ways.routing.transport)
        self._senders = RouteTables(asked, ways.routing.sender_transport)
        self._smarthosts = RouteTables(asked, ways.sender_smarthosts)
        self._logins = RouteTables(asked, ways.sender_logins)

    async def route(
        self,
        address: Address,
        content_filter: ContentFilter | None = None,
        *,
        sender: Address | None = None,
        listener: str = "",
    ) -> Route:
        """The route for mail to this address.

        Errors of the directory behind `standing`, and of tables, pass through: without their answer
        there is no route.

        Args:
            address: the recipient.
            content_filter: what the message has to go through, if anything.
            sender: the reverse-path; `None` is the null one.
            listener: the listener it came in by; empty for mail made here.

        Raises:
            RouteMistake: what a table says is no way of mail.
        """
        domain = domain_key(address.domain)
        if content_filter is not None:
            return self._through(content_filter, domain)
        if domain == PROGRAM_DOMAIN:
            return Route(ALIAS_PROGRAMS, domain)
        standing = await self._domains.standing(domain)
        ours = standing is Standing.LOCAL
        if ours:
            way = Way("lmtp", self._lmtp) if self._lmtp else Way("local", domain)
        else:
            way = await self._away(domain, sender, listener, standing)
        if self._of_domain and (own := self._of_domain.get(domain_form(domain))) is not None:
            way = self._with(own, way, domain)
        if self._transports:
            way = await self._overridden(way, address, domain)
        return self._caught(way, ours=ours) or await self._finished(way, sender)

    async def _away(
        self, domain: str, sender: Address | None, listener: str, standing: Standing | None
    ) -> Way:
        """The way to another domain, before transport tables are asked."""
        relayed = standing is Standing.RELAYED or (self._relayed and self._is_relayed(domain))
        chosen = self._relay if relayed else None
        if chosen is None and self._senders:
            chosen = await self._of_sender(sender)
        if chosen is None:
            chosen = self._of_listener.get(listener, self._default)
        kind = self._kinds[chosen.transport]
        nexthop = chosen.nexthop or self._ways.nexthops.get(chosen.transport, "")
        if not nexthop and kind == "smtp":
            nexthop = await self._smarthost_of(sender) if self._smarthosts else self._smarthost
        return Way(chosen.transport, nexthop or usual_nexthop(kind, domain))

    async def _of_sender(self, sender: Address | None) -> Way | None:
        found = await self._senders.find(sender_keys(sender, self._ways.delimiters))
        if found is None or found.lower() == _DUNNO:
            return None
        return self._read(found)

    async def _smarthost_of(self, sender: Address | None) -> str:
        """The smarthost of a sender, or else the one of all."""
        found = await self._smarthosts.find(sender_keys(sender, self._ways.delimiters))
        if found is None or found.lower() == _DUNNO:
            return self._smarthost
        return self._read(f":{found}").nexthop

    async def _overridden(self, way: Way, address: Address, domain: str) -> Way:
        """What transport tables make of a way."""
        found = await self._transports.find(recipient_keys(address, self._ways.delimiters))
        if found is None:
            return way
        return self._with(self._read(found, way.transport), way, domain)

    def _with(self, given: Way, way: Way, domain: str) -> Way:
        """A way with what is given in place of it, one half or both."""
        if not given.transport:
            return Way(way.transport, given.nexthop or way.nexthop)
        usual = self._ways.nexthops.get(given.transport, "")
        kind = self._kinds[given.transport]
        return Way(given.transport, given.nexthop or usual or usual_nexthop(kind, domain))

    def _caught(self, way: Way, *, ours: bool) -> Route | None:
        """Where mail is caught that would have gone this way; `None`: nowhere.

        Of our own mail, what goes to a mail store or a program goes there all the same.
        """
        kind = self._kinds[way.transport]
        leaves = self._captures and kind not in _KEPT and not (ours and kind != "smtp")
        return Route("capture", "capture") if leaves or kind == "capture" else None

    async def _finished(self, way: Way, sender: Address | None) -> Route:
        """The route of a way, with its login where senders have one."""
        if self._logins and self._kinds[way.transport] == "smtp":
            key = await self._login_of(sender)
            if key:
                return Route(way.transport, f"{key}/{way.nexthop}")
        return Route(way.transport, way.nexthop)

    async def _login_of(self, sender: Address | None) -> str:
        """The key under which there is a login for this sender; empty for none."""
        if sender is None:
            return ""
        for key, is_part in sender_keys(sender, self._ways.delimiters):
            if await self._logins.find(iter([(key, is_part)])) is not None:
                return key
        return ""

    def _is_relayed(self, domain: str) -> bool:
        """Whether a domain is one of `relay_domains`, or below one that has a dot in front."""
        relayed, name = self._relayed, domain_form(domain)
        if name in relayed:
            return True
        at = name.find(".", 1)
        while at >= 0:
            if name[at:] in relayed:
                return True
            at = name.find(".", at + 1)
        return False

    def _read(self, text: str, transport: str = "smtp") -> Way:
        try:
            return read_way(text, self._kinds, otherwise=self._kinds[transport])
        except ValueError as error:
            raise RouteMistake(str(error)) from None

    def _through(self, content_filter: ContentFilter, domain: str) -> Route:
        """The route to a content filter; where mail is caught, none of it goes there either.

        A filter without a next hop is only another transport: the world is its other end.
        """
        transport, nexthop = content_filter.transport, content_filter.nexthop
        if transport not in self._kinds:
            raise RouteMistake(f'there is no transport "{transport}" for a content filter')
        kind = self._kinds[transport]
        if transport not in BUILT_IN and nexthop:
            nexthop = self._read(f"{transport}:{nexthop}").nexthop
        nexthop = nexthop or self._ways.nexthops.get(transport, "")
        if kind == "capture" or (kind == "smtp" and self._captures):
            return Route("capture", "capture")
        if transport == "smtp" and nexthop:
            return Route(FILTER, nexthop)
        return Route(transport, nexthop or usual_nexthop(kind, domain))


def _lmtp_target(mailbox: str) -> str:
    """The mail store's LMTP socket, checked; empty where mail goes to our own Maildirs."""
    if mailbox == "maildir":
        return ""
    if not mailbox.startswith(_LMTP):
        raise ValueError(f'"{mailbox}" is no mailbox transport: expected "maildir" or "lmtp:…"')
    LmtpTarget.parse(mailbox.removeprefix(_LMTP))
    return mailbox.removeprefix(_LMTP)
