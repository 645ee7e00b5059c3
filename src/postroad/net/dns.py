"""The names a mail server asks for: mail exchangers, addresses, the names of clients.

The questions go through one injectable function, `Query`; `DnsQuery` is the one that asks the
network (dnspython). Above it `Resolver` keeps a bounded cache that respects the records' time to
live, and asks each question once however many wait for the answer. That a name does not exist is
an answer; that nobody answered is `DnsTemporary`, because mail must wait and not bounce for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from ipaddress import ip_address
from itertools import chain, zip_longest
from typing import Literal, NamedTuple

import dns.asyncresolver
import dns.exception
import dns.message
import dns.name
import dns.nameserver
import dns.resolver
import dns.reversename
import idna

from postroad.model.address import domain_key, is_domain
from postroad.net.settings import DnsSettings

__all__ = [
    "DnsQuery",
    "DnsTemporary",
    "Exchanger",
    "Existence",
    "MxAnswer",
    "MxKind",
    "Query",
    "RecordType",
    "Records",
    "Resolver",
    "to_ascii",
]

CACHE_SIZE = 10_000
"""Answers kept; the oldest used goes first. A few hundred octets each."""

MAX_TTL = 86_400.0
"""Seconds an answer is kept at most, whatever its time to live (RFC 8767 §4 advises a cap)."""

MAX_NAMES = 8
"""Reverse names of one address that are tried; more than a few are there to waste time."""

MAX_EXCHANGERS = 50
"""Mail exchangers of one domain that are looked at."""

EDNS_PAYLOAD = 1232
"""Octets of an answer by UDP, small enough to cross any network in one piece."""

RecordType = Literal["MX", "A", "AAAA", "PTR"]


class DnsTemporary(Exception):
    """No server gave an answer that can be relied on; ask again later."""

    def __init__(self, name: str, kind: RecordType) -> None:
        super().__init__(f"no answer for name={name} type={kind}")
        self.name = name
        self.kind: RecordType = kind


class Existence(Enum):
    """Whether the name, and records of the type, exist."""

    FOUND = auto()
    NO_DATA = auto()
    NO_DOMAIN = auto()


@dataclass(frozen=True, slots=True)
class Records:
    """The answer to one question.

    Attributes:
        existence: whether there is something.
        values: the records as they are written in a zone: `10 mx.example.net.`, `192.0.2.1`.
        ttl: seconds the answer holds.
    """

    existence: Existence
    values: tuple[str, ...] = ()
    ttl: float = 0.0


Query = Callable[[str, RecordType], Awaitable[Records]]
"""Asks for the records of one type of an ASCII name; raises `DnsTemporary`."""


class MxKind(Enum):
    """What a domain says of its mail (RFC 5321 §5.1, RFC 7505)."""

    LISTED = auto()  # it names its mail exchangers
    IMPLICIT = auto()  # it names none: the domain is its own
    NULL = auto()  # it takes no mail
    NO_DOMAIN = auto()  # it does not exist


class Exchanger(NamedTuple):
    """A host that takes mail for a domain; of two, the one with the smaller preference first."""

    preference: int
    host: str


@dataclass(frozen=True, slots=True)
class MxAnswer:
    """Where mail for a domain goes: the exchangers in the order to try them."""

    kind: MxKind
    exchangers: tuple[Exchanger, ...] = ()


class DnsQuery:
    """Asks name servers over the network, by UDP and where needed TCP."""

    def __init__(self, settings: DnsSettings) -> None:
        """Take the servers to ask.

        Raises:
            ValueError: a server of the settings is no IP address with or without a port.
        """
        resolver = dns.asyncresolver.Resolver(configure=False)
        if settings.servers:
            resolver.nameservers = [_server(text) for text in settings.servers]
        else:
            _configure_from_system(resolver)
        resolver.use_edns(0, 0, EDNS_PAYLOAD)
        self._resolver = resolver
        self._lifetime = settings.timeout or float("inf")

    async def __call__(self, name: str, kind: RecordType) -> Records:
        """Ask; see `Query`."""
        try:
            asked = dns.name.from_text(name)
        except dns.exception.DNSException:  # too long, or an empty label: there is no such name
            return Records(Existence.NO_DOMAIN)
        try:
            answer = await self._resolver.resolve(
                asked,
                kind,
                raise_on_no_answer=False,
                lifetime=self._lifetime,
                search=False,
            )
        except dns.resolver.NXDOMAIN as error:
            return Records(Existence.NO_DOMAIN, (), _negative_ttl(error))
        except (dns.exception.DNSException, OSError):
            raise DnsTemporary(name, kind) from None
        ttl = float(answer.chaining_result.minimum_ttl)
        if answer.rrset is None:
            return Records(Existence.NO_DATA, (), ttl)
        return Records(Existence.FOUND, tuple(record.to_text() for record in answer.rrset), ttl)


class Resolver:
    """Answers questions about mail from the DNS, each asked once while its answer holds."""

    def __init__(
        self,
        settings: DnsSettings,
        clock: Callable[[], float],
        *,
        query: Query | None = None,
        chance: random.Random | None = None,
    ) -> None:
        """Take how to ask.

        Args:
            settings: whom to ask, and how long.
            clock: seconds, for the age of answers.
            query: who asks; `DnsQuery` when left out.
            chance: shuffles mail exchangers of the same preference (RFC 5321 §5.1).

        Raises:
            ValueError: a server of the settings is no IP address with or without a port.
        """
        self._settings = settings
        self._clock = clock
        self._query = query or DnsQuery(settings)
        self._chance = chance or random.Random()  # noqa: S311 - spreads load, keeps no secret
        self._cache: OrderedDict[tuple[str, RecordType], tuple[float, Records]] = OrderedDict()
        self._asked: dict[tuple[str, RecordType], asyncio.Task[Records]] = {}

    async def mx(self, domain: str) -> MxAnswer:
        """Where mail for a domain goes.

        Args:
            domain: a domain name; U-labels are allowed.

        Raises:
            DnsTemporary: nobody knows at present.
        """
        name = to_ascii(domain)
        if not name:
            return MxAnswer(MxKind.NO_DOMAIN)
        records = await self._ask(name, "MX")
        if records.existence is Existence.NO_DOMAIN:
            return MxAnswer(MxKind.NO_DOMAIN)
        listed = [_exchanger(value) for value in records.values[:MAX_EXCHANGERS]]
        exchangers = [exchanger for exchanger in listed if exchanger.host]
        if exchangers:
            self._chance.shuffle(exchangers)
            exchangers.sort(key=lambda exchanger: exchanger.preference)
            return MxAnswer(MxKind.LISTED, tuple(exchangers))
        if listed:  # RFC 7505 §3: the root as exchanger
            return MxAnswer(MxKind.NULL)
        return MxAnswer(MxKind.IMPLICIT, (Exchanger(0, name),))

    async def addresses(self, host: str) -> tuple[str, ...]:
        """The IP addresses of a host, in the order to try them.

        IPv4 comes first, then the families take turns: among small servers many have IPv6 without
        a reverse name, or none that works, and mail from those is refused or slow.

        Args:
            host: a host name, an IP address, or `localhost` (RFC 6761 §6.3).

        Returns:
            IP addresses; none when there are none.

        Raises:
            DnsTemporary: no address is known and one question had no answer.
        """
        if _is_ip(host):
            return (host,)
        name = to_ascii(host)
        if name == "localhost" or name.endswith(".localhost"):
            return ("127.0.0.1", "::1")
        if not name:
            return ()
        four, six = await asyncio.gather(
            self._ask(name, "A"), self._ask(name, "AAAA"), return_exceptions=True
        )
        found = [answer.values for answer in (four, six) if isinstance(answer, Records)]
        addresses = tuple(filter(None, chain.from_iterable(zip_longest(*found))))
        for answer in (four, six):
            if isinstance(answer, BaseException) and not (
                addresses and isinstance(answer, DnsTemporary)
            ):
                raise answer
        return addresses

    async def client_name(self, address: str) -> str:
        """The name of a client, if the name's own addresses confirm it.

        Args:
            address: an IP address.

        Returns:
            the name; `localhost` for a loopback address; `unknown` when there is none, it is not
            confirmed, nobody answers in time, or look-ups are switched off.
        """
        if ip_address(address).is_loopback:
            return "localhost"
        if not self._settings.reverse:
            return "unknown"
        with contextlib.suppress(DnsTemporary, TimeoutError):
            async with asyncio.timeout(self._settings.timeout or None):
                return await self._confirmed_name(address) or "unknown"
        return "unknown"

    async def close(self) -> None:
        """Give up the questions that are under way."""
        asked = list(self._asked.values())
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)

    async def _confirmed_name(self, address: str) -> str:
        reverse = dns.reversename.from_address(address).to_text(omit_final_dot=True)
        wanted = ip_address(address)
        for value in (await self._ask(reverse, "PTR")).values[:MAX_NAMES]:
            name = domain_key(value)
            if not is_domain(name) or _is_ip(name):
                continue
            if wanted in map(ip_address, await self.addresses(name)):
                return name
        return ""

    async def _ask(self, name: str, kind: RecordType) -> Records:
        """From the cache, from a question under way, or from a new one."""
        key = (name, kind)
        known = self._cache.get(key)
        if known is not None and known[0] > self._clock():
            self._cache.move_to_end(key)
            return known[1]
        task = self._asked.get(key)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._fetch(key))
            self._asked[key] = task
            task.add_done_callback(lambda done: self._forget(key, done))
        # One who stops waiting must not take the answer from the others.
        return await asyncio.shield(task)

    async def _fetch(self, key: tuple[str, RecordType]) -> Records:
        records = await self._query(*key)
        self._cache[key] = (self._clock() + min(records.ttl, MAX_TTL), records)
        self._cache.move_to_end(key)
        if len(self._cache) > CACHE_SIZE:
            self._cache.popitem(last=False)
        return records

    def _forget(self, key: tuple[str, RecordType], done: asyncio.Task[Records]) -> None:
        del self._asked[key]
        if not done.cancelled():
            done.exception()  # taken note of, should nobody be waiting any more


def to_ascii(domain: str) -> str:
    """The A-label form of a domain, lower case, without the root's dot; empty if there is none.

    U-labels are mapped as UTS 46 says, which is what users' programs do (RFC 5895 in spirit).
    """
    if not domain.isascii():
        try:
            domain = idna.encode(domain, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            return ""
    return domain_key(domain)


def _exchanger(value: str) -> Exchanger:
    """An MX record's; an empty host is the root."""
    preference, _, host = value.partition(" ")
    return Exchanger(int(preference), domain_key(host))


def _is_ip(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _configure_from_system(resolver: dns.asyncresolver.Resolver) -> None:
    try:
        resolver.read_resolv_conf("/etc/resolv.conf")
    except dns.resolver.NoResolverConfiguration:
        resolver.nameservers = ["127.0.0.1"]  # resolv.conf(5): the local machine


def _server(text: str) -> dns.nameserver.Nameserver:
    """A server from `192.0.2.1`, `192.0.2.1:53`, `2001:db8::1` or `[2001:db8::1]:53`."""
    address, port = _split_port(text)
    if not (_is_ip(address) and port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
        raise ValueError(
            f'"{text}" is no name server: expected an IP address, perhaps with a port, '
            'such as "192.0.2.1", "127.0.0.1:5353" or "[::1]:53"'
        )
    return dns.nameserver.Do53Nameserver(address, int(port))


def _split_port(text: str) -> tuple[str, str]:
    if text.startswith("["):
        address, _, rest = text[1:].partition("]")
        return address, rest.removeprefix(":") or "53"
    address, colon, port = text.partition(":")
    if not colon or ":" in port:
        return text, "53"
    return address, port


def _negative_ttl(error: dns.resolver.NXDOMAIN) -> float:
    """How long a denial holds: the SOA of its authority section says (RFC 2308 §5)."""
    try:
        responses: Mapping[dns.name.Name, dns.message.QueryMessage] = error.kwargs["responses"]
        return min(float(each.resolve_chaining().minimum_ttl) for each in responses.values())
    except (KeyError, ValueError, dns.exception.DNSException):
        return 0.0
