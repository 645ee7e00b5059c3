"""The names a mail server asks for: mail exchangers, addresses, records, the names of clients.

Each question is asked once while its answer holds (`dns_cache`), through one injectable function
(`dns_records.Query`), which `dns_query` implements over the network. Here is what the answers mean
to mail.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum, auto
from ipaddress import ip_address
from itertools import chain, zip_longest
from typing import NamedTuple

from postroad.model import Client
from postroad.model.address import domain_key
from postroad.model.ip_address import is_ip_address
from postroad.net.client_name import NameSearch
from postroad.net.dns_cache import DnsCache
from postroad.net.dns_query import DnsQuery
from postroad.net.dns_records import (
    DnsTemporary,
    Existence,
    Query,
    Records,
    RecordType,
    to_ascii,
)
from postroad.net.settings import DnsSettings

__all__ = [
    "DnsQuery",
    "DnsTemporary",
    "Exchanger",
    "Existence",
    "HostStanding",
    "MxAnswer",
    "MxKind",
    "Query",
    "RecordType",
    "Records",
    "Resolver",
    "to_ascii",
]

MAX_EXCHANGERS = 50
"""Mail exchangers of one domain that are looked at, the best of them."""

_LABEL = r"[ -\-/-@^-~]{1,63}"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\Z")
"""What may be asked for: all printable text, as RFC 7208 §7 has mail ask for such names, but no
backslash, which would be an escape of zone files (RFC 1035 §5.1), and no address in brackets."""

MAX_NAME = 253
"""Characters of a name without the root's dot (RFC 1035 §2.3.4)."""

_NO_NAME = Records(Existence.NO_DOMAIN)


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
    """Where mail for a domain goes: the exchangers in the order to try them.

    `validated` says whether DNSSEC proves it (`Records.validated`).
    """

    kind: MxKind
    exchangers: tuple[Exchanger, ...] = ()
    validated: bool = False


class HostStanding(NamedTuple):
    """What DNSSEC says of a host's addresses.

    Attributes:
        validated: whether it proves all that there are.
        canonical: the name that they belong to, where aliases led to another one; else empty.
        alias_validated: whether it proves that the host is an alias, wherever that leads.
    """

    validated: bool
    canonical: str = ""
    alias_validated: bool = False


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
        self._cache = DnsCache(query or DnsQuery(settings), clock)
        self._chance = chance or random.Random()  # noqa: S311 - spreads load, keeps no secret

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
        records = await self._cache.ask(name, "MX")
        if records.existence is Existence.NO_DOMAIN:
            return MxAnswer(MxKind.NO_DOMAIN)
        listed = [_exchanger(value) for value in records.values]
        exchangers = [exchanger for exchanger in listed if exchanger.host]
        if exchangers:
            self._chance.shuffle(exchangers)
            exchangers.sort(key=lambda exchanger: exchanger.preference)
            best = tuple(exchangers[:MAX_EXCHANGERS])
            return MxAnswer(MxKind.LISTED, best, records.validated)
        if listed:  # RFC 7505 §3: the root as exchanger
            return MxAnswer(MxKind.NULL)
        return MxAnswer(MxKind.IMPLICIT, (Exchanger(0, name),), records.validated)

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
        if is_ip_address(host):
            return (host,)
        name = to_ascii(host)
        if _is_local(name):
            return ("127.0.0.1", "::1")
        if not name:
            return ()
        four, six = await asyncio.gather(
            self._cache.ask(name, "A"), self._cache.ask(name, "AAAA"), return_exceptions=True
        )
        found = [answer.values for answer in (four, six) if isinstance(answer, Records)]
        addresses = tuple(filter(None, chain.from_iterable(zip_longest(*found))))
        for answer in (four, six):
            if isinstance(answer, BaseException) and not (
                addresses and isinstance(answer, DnsTemporary)
            ):
                raise answer
        return addresses

    async def standing(self, host: str) -> HostStanding:
        """Whether DNSSEC proves a host's addresses, as DANE wants it (RFC 7672 §2.2.2).

        Args:
            host: a host name; an IP address stands for nothing.

        Raises:
            DnsTemporary: no address is known and one question had no answer, or the one for an
                alias had none.
        """
        name = "" if is_ip_address(host) else to_ascii(host)
        if not name or _is_local(name) or not await self.addresses(host):
            return HostStanding(validated=False)
        answers = await asyncio.gather(
            self.lookup(name, "A"), self.lookup(name, "AAAA"), return_exceptions=True
        )
        found = [each for each in answers if isinstance(each, Records) and each.values]
        validated = bool(found) and all(each.validated for each in found)
        canonical = found[0].canonical if found else ""
        alias_validated = bool(canonical) and (
            validated or (await self.lookup(name, "CNAME")).validated
        )
        return HostStanding(validated, canonical, alias_validated)

    async def records(self, name: str, kind: RecordType) -> tuple[str, ...]:
        """The records of a name, as they are written in a zone: `10 mx.example.net.`.

        Args:
            name: a domain name; U-labels are allowed. One that no zone can hold has no records.
            kind: which ones; aliases (CNAME) were followed. Of a TXT record its text comes.

        Returns:
            at most 100; none where there are none, or there is no such name.

        Raises:
            DnsTemporary: nobody knows at present.
        """
        return (await self.lookup(name, kind)).values

    async def lookup(self, name: str, kind: RecordType) -> Records:
        """The same for whoever must tell a name without records from one that does not exist."""
        ascii_name = to_ascii(name)
        if len(ascii_name) > MAX_NAME or not _NAME.match(ascii_name):
            return _NO_NAME
        return await self._cache.ask(ascii_name, kind)

    async def identify(self, client: Client) -> Client:
        """Find the names of a client, within the time of one question.

        Args:
            client: who connected.

        Returns:
            The client with `name`, `reverse_name` and what is unsure of them. Without an address,
            or where look-ups are switched off, it stays as it is.
        """
        if not client.has_address:
            return client
        if _is_loopback(client.address):  # nobody's DNS knows this machine better
            return Client(client.address, client.port, "localhost", "localhost")
        if not self._settings.reverse:
            return replace(client, name="unknown", reverse_name="unknown")
        search = NameSearch(client, self._cache.ask)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._settings.timeout or None):
                await search.run()
        return search.found

    async def close(self) -> None:
        """Give up the questions that are under way."""
        await self._cache.close()


def _exchanger(value: str) -> Exchanger:
    """An MX record's; an empty host is the root."""
    preference, _, host = value.partition(" ")
    return Exchanger(int(preference), domain_key(host))


def _is_local(name: str) -> bool:
    return name == "localhost" or name.endswith(".localhost")


def _is_loopback(address: str) -> bool:
    """Whether an IP address is this machine's own (RFC 1122 §3.2.1.3, RFC 4291 §2.5.3)."""
    if ":" in address:
        return ip_address(address).is_loopback
    return address.startswith("127.")
