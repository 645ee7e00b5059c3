"""What a next hop's hosts are, and what is needed to connect to each (RFC 5321 §5.1).

Mail exchangers or the host itself, their addresses, TLS there, the login, and our own address.
Each question has one place here, and each failure its words, which are Postfix's. In which order
the results are tried, and what is done when one fails, is `hosts`' business.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from postroad.delivery.addresses import arranged, is_private, of_family
from postroad.delivery.dialling import Dialler
from postroad.delivery.endpoint import Call, Endpoint
from postroad.delivery.login import Credentials, Login
from postroad.delivery.nexthop import Nexthop
from postroad.delivery.session import Unready
from postroad.delivery.settings import DeliverySettings
from postroad.delivery.smarthosts import Smarthosts
from postroad.delivery.sources import Sources
from postroad.delivery.tls_policy import HostTls, TlsPolicies, TlsPolicy
from postroad.model import Reply
from postroad.model.address import belongs_to
from postroad.model.journal import Journal
from postroad.net.dns import (
    DnsTemporary,
    Exchanger,
    HostStanding,
    MxAnswer,
    MxKind,
    Records,
    RecordType,
)
from postroad.net.ourselves import Ourselves

__all__ = ["Destination", "Finder", "MailResolver", "Surroundings"]


class MailResolver(Protocol):
    """Who knows where hosts are; `postroad.net.dns.Resolver` is one."""

    async def mx(self, domain: str) -> MxAnswer:
        """The mail exchangers of a domain."""
        ...

    async def addresses(self, host: str) -> tuple[str, ...]:
        """The IP addresses of a host."""
        ...

    async def standing(self, host: str) -> HostStanding:
        """Whether DNSSEC proves them."""
        ...

    async def lookup(self, name: str, kind: RecordType) -> Records:
        """The records of a name."""
        ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every search of a transport shares.

    Attributes:
        hostname: our name, in A-labels, by which we know ourselves among mail exchangers.
        configured: the next hop that the operator named as smarthost; that it leads nowhere is a
            mistake to be put right, and no mail bounces for it.
        settings: ports, limits, families.
        resolver: who knows where hosts are.
        ourselves: which addresses are our own listeners'.
        policies: what TLS has to be.
        login: who knows logins.
        sources: which of our addresses to connect from.
        smarthosts: the order of the parts of a next hop.
        dialler: makes sessions.
        journal: told of hosts that were passed over.
        chance: the lot among addresses.
        fallback: parts that are tried after those of every next hop.
        vouched: whether a host that we log in at must have a certificate that is valid for its
            name, where its destination asks for less.
    """

    hostname: str
    configured: str
    settings: DeliverySettings
    resolver: MailResolver
    ourselves: Ourselves
    policies: TlsPolicies
    login: Login
    sources: Sources
    smarthosts: Smarthosts
    dialler: Dialler
    journal: Journal
    chance: random.Random
    fallback: tuple[Nexthop, ...] = ()
    vouched: bool = False


@dataclass(frozen=True, slots=True)
class Destination:
    """One part of a next hop, on the way of one search.

    Attributes:
        nexthop: the whole next hop.
        part: the part.
        user: whose login it asks for; empty for nobody's in particular.
        policy: what TLS has to be.
        best: the preference of its best host.
        waited: whether plain text is better than TLS that fails (`Road.waited`).
    """

    nexthop: str
    part: Nexthop
    user: str
    policy: TlsPolicy
    best: int = 0
    waited: bool = False


class Finder:
    """Answers the questions."""

    def __init__(self, around: Surroundings) -> None:
        """Take who knows."""
        self._around = around

    async def exchangers(self, part: Nexthop) -> tuple[Exchanger, ...] | Unready:
        """The part's hosts in the order to try them."""
        if not part.exchangers:
            return (Exchanger(0, part.host),)
        try:
            answer = await self._around.resolver.mx(part.host)
        except DnsTemporary as error:
            return _nobody_knows(error)
        if answer.kind is MxKind.NULL:  # RFC 7505 §4.1
            words = f"Domain {part.host} does not accept mail (null MX)"
            return Unready.of(556, "5.1.10", words)
        if answer.kind is MxKind.NO_DOMAIN:
            return Unready.of(550, "5.4.4", _name_error(part.host, "MX", "Host not found"))
        return answer.exchangers

    async def calls(
        self, to: Destination, group: Sequence[Exchanger]
    ) -> list[Call | Unready] | None:
        """The calls that hosts of one preference are worth, in the order to make them.

        Args:
            to: where to.
            group: the hosts.

        Returns:
            A failure for each host that cannot be called, and the calls; `None` where one of the
            hosts is this server.
        """
        part = to.part
        if len(group) == 1:
            found = [await self._endpoints(group[0].host, part)]
        else:
            found = await asyncio.gather(*[self._endpoints(each.host, part) for each in group])
        if self._are_ourselves(part, group, found):
            return None
        calls: list[Call | Unready] = []
        endpoints: list[Endpoint] = []
        ways: dict[str, _Way] = {}
        for exchanger, addresses in zip(group, found, strict=True):
            if isinstance(addresses, Unready):
                calls.append(addresses)
                continue
            way = await self._way(to, exchanger)
            if isinstance(way, Unready):
                calls.append(way)
                continue
            ways[exchanger.host] = way
            endpoints += addresses
        around, preference = self._around, group[0].preference
        ordered = arranged(endpoints, around.settings.address_family, around.chance)
        calls += [await self._call(to, each, ways[each.host], preference) for each in ordered]
        return calls

    # A host --------------------------------------------------------------------------------------

    async def _endpoints(self, host: str, part: Nexthop) -> list[Endpoint] | Unready:
        settings = self._around.settings
        try:
            addresses = await self._around.resolver.addresses(host)
        except DnsTemporary as error:
            return _nobody_knows(error)
        family = settings.address_family
        usable = of_family(addresses, family)
        if not usable:
            kind = "AAAA" if family == "ipv6" else "A"
            return Unready.of(550, "5.4.4", _name_error(host, kind, "Host not found"))
        if part.exchangers and not settings.private_exchangers:
            public = [each for each in usable if not is_private(each)]
            if not public:
                words = f"unable to look up host {host}: {usable[0]} is no address in the Internet"
                return Unready.of(550, "5.4.4", words)
            usable = public
        port = part.port or settings.mx_port
        return [Endpoint(host, address, port) for address in usable]

    def _are_ourselves(
        self,
        part: Nexthop,
        group: Sequence[Exchanger],
        found: Sequence[list[Endpoint] | Unready],
    ) -> bool:
        """Whether one of these hosts is this server, by its name or by its address.

        A name counts only where mail exchangers are looked up and no port is written: on another
        port, or in brackets, something else may well run on the host whose name we have.
        """
        around = self._around
        named = part.exchangers and part.port is None
        if named and any(each.host == around.hostname for each in group):
            return True
        return any(
            around.ourselves.is_ourselves(each.address, each.port)
            for endpoints in found
            if not isinstance(endpoints, Unready)
            for each in endpoints
        )

    async def _way(self, to: Destination, exchanger: Exchanger) -> _Way | Unready:
        """What TLS with the host has to be, and the login there."""
        part, around = to.part, self._around
        tls = await around.policies.for_host(
            to.policy, exchanger, part.port or around.settings.mx_port
        )
        if isinstance(tls, Reply):
            return Unready.of_reply(tls)
        login = await around.login.credentials(exchanger.host, _asked_for(to))
        if isinstance(login, Reply):
            return Unready.of_reply(login)
        if login is not None:
            if part.exchangers and not login.of_host and not belongs_to(exchanger.host, part.host):
                return _not_the_smarthost(exchanger.host, part.host)
            if around.vouched:  # a password goes to no host whose name was not checked
                tls = tls.for_login(exchanger.host)
        elif to.waited and (tls.level == "may" or tls.testing):
            tls = replace(tls, or_plain=True)
        return _Way(tls, login)

    async def _call(
        self, to: Destination, endpoint: Endpoint, way: _Way, preference: int
    ) -> Call | Unready:
        source = await self._around.sources.choose(to.nexthop, endpoint.family, endpoint.host)
        if isinstance(source, Reply):
            return Unready.of_reply(source)
        return Call(
            endpoint,
            way.tls,
            way.login,
            source,
            nexthop=to.part.host,
            may_loop=to.part.port is None,
            is_best=preference == to.best,
        )


@dataclass(frozen=True, slots=True)
class _Way:
    """How one host is spoken to."""

    tls: HostTls
    login: Credentials | None


def _asked_for(to: Destination) -> str:
    """The next hop for whose login is asked, with the user that stands before it."""
    return f"{to.user}/{to.part}" if to.user else str(to.part)


def _not_the_smarthost(host: str, smarthost: str) -> Unready:
    """The password goes to no host that only an MX record named: the DNS may be lying."""
    words = f"the password is not sent to {host}, which is outside {smarthost}: write [{host}]"
    return Unready.of(451, "4.7.0", words)


def _nobody_knows(error: DnsTemporary) -> Unready:
    words = _name_error(error.name, error.kind, "Host not found, try again")
    return Unready.of(451, "4.4.3", words)


def _name_error(name: str, kind: str, words: str) -> str:
    return f"Host or domain name not found. Name service error for name={name} type={kind}: {words}"
