"""Questions to name servers over the network (dnspython), by UDP and where needed TCP.

What comes back was written by strangers, so it is bounded, in number and in size: before it is read
(`dns_nameserver`), and here before anybody keeps it. An answer counts only where it is about what
was asked; a server that knows nothing of a name and points elsewhere (RFC 2308 §2.2 calls that a
referral) has given none.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Iterable, Mapping
from ipaddress import ip_address

import dns.asyncresolver
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.nameserver
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.resolver
import dns.rrset
from dns.rdtypes.ANY.TXT import TXT

from postroad.model.ip_address import is_ip_address
from postroad.net.byte_stream import within
from postroad.net.dns_nameserver import BoundedNameserver
from postroad.net.dns_records import DnsTemporary, Existence, Records, RecordType
from postroad.net.settings import DnsSettings

__all__ = ["DnsQuery"]

EDNS_PAYLOAD = 1232
"""Octets of an answer by UDP, small enough to cross any network in one piece."""

MAX_RECORDS = 100
"""Records of an answer that are taken, as in Postfix. Nobody with honest mail has so many."""

MAX_OCTETS = 16_384
"""Characters of an answer's records together. The longest TXT sets of large sites are half of it;
an answer by TCP may have 64 KiB."""

MAX_ALIASES = 8
"""Answers that only lead to another name (CNAME) before the question is given up. A resolver
follows them by itself, up to 16 in one answer; more than this is a loop."""


class DnsQuery:
    """Asks name servers over the network; implements `Query`."""

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
        resolver.nameservers = [_bounded(each) for each in resolver.nameservers]
        resolver.use_edns(0, 0, EDNS_PAYLOAD)
        self._validated = _is_trusted(resolver, settings)
        if self._validated:  # RFC 6840 §5.7: we understand AD in the answer
            resolver.set_flags(dns.flags.RD | dns.flags.AD)
        self._resolver = resolver
        self._lifetime = settings.timeout or math.inf

    @property
    def is_trusted(self) -> bool:
        """Whether the servers' word on DNSSEC counts."""
        return self._validated

    async def __call__(self, name: str, kind: RecordType) -> Records:
        """Ask; see `Query`."""
        try:
            asked = dns.name.from_text(name)
        except dns.exception.DNSException:  # too long, or an empty label: there is no such name
            return Records(Existence.NO_DOMAIN)
        records = None
        with contextlib.suppress(dns.exception.DNSException, OSError, TimeoutError):
            async with asyncio.timeout(within(self._lifetime)):
                records = await self._follow(asked, kind)
        if records is None:
            raise DnsTemporary(name, kind)
        return records

    async def _follow(self, asked: dns.name.Name, kind: RecordType) -> Records | None:
        """Ask, and ask again for where an alias leads; `None` where nobody gives an answer."""
        ttl, first, validated = math.inf, asked, self._validated
        for _ in range(MAX_ALIASES):
            try:
                answer = await self._resolver.resolve(
                    asked, kind, raise_on_no_answer=False, lifetime=self._lifetime, search=False
                )
            except dns.resolver.NXDOMAIN as error:
                validated = validated and _is_proved(error)
                ttl = min(ttl, _negative_ttl(error))
                return Records(Existence.NO_DOMAIN, (), ttl, validated)
            if answer.response.flags & dns.flags.TC:  # cut short, and by TCP too
                return None
            ttl = min(ttl, float(answer.chaining_result.minimum_ttl))
            validated = validated and bool(answer.response.flags & dns.flags.AD)
            canonical = _canonical(first, answer)
            if answer.rrset is not None:
                return Records(Existence.FOUND, _values(answer.rrset), ttl, validated, canonical)
            if _is_denial(answer):
                return Records(Existence.NO_DATA, (), ttl, validated, canonical)
            if answer.canonical_name == asked:  # a referral, or a lie
                return None
            asked = answer.canonical_name  # an alias, and its target is in another's zone
        return None


def _canonical(asked: dns.name.Name, answer: dns.resolver.Answer) -> str:
    """Where aliases led to, empty where there were none."""
    if answer.canonical_name == asked:
        return ""
    return answer.canonical_name.to_text(omit_final_dot=True).lower()


def _is_proved(error: dns.resolver.NXDOMAIN) -> bool:
    """Whether the denial of a name was validated."""
    responses: Mapping[dns.name.Name, dns.message.Message] = error.kwargs.get("responses", {})
    return bool(responses) and all(each.flags & dns.flags.AD for each in responses.values())


def _is_denial(answer: dns.resolver.Answer) -> bool:
    """Whether an answer without records says that there are none (RFC 2308 §2.2)."""
    aliased = answer.canonical_name != answer.qname
    if answer.response.answer and not aliased:
        return False  # it is about something else altogether
    kinds = {each.rdtype for each in answer.response.authority}
    if dns.rdatatype.SOA in kinds:
        return True
    return dns.rdatatype.NS not in kinds and not aliased


def _values(records: dns.rrset.RRset) -> tuple[str, ...]:
    """The records as text, as many as are taken."""
    values, room = [], MAX_OCTETS
    for record in _first(records):
        value = _text(record) if isinstance(record, TXT) else record.to_text()
        room -= len(value)
        if room < 0:
            break
        values.append(value)
    return tuple(values)


def _first(records: Iterable[dns.rdata.Rdata]) -> Iterable[dns.rdata.Rdata]:
    return (record for record, _ in zip(records, range(MAX_RECORDS), strict=False))


def _text(record: TXT) -> str:
    """What a TXT record says. It goes into replies and logs: `?` for what is not printable there.

    Its strings are one text (RFC 7208 §3.3, for all uses in mail).
    """
    text = b"".join(record.strings).decode("ascii", "replace")
    return "".join(each if " " <= each <= "~" else "?" for each in text)


def _negative_ttl(error: dns.resolver.NXDOMAIN) -> float:
    """How long a denial holds: the SOA of its authority section says (RFC 2308 §5)."""
    try:
        responses: Mapping[dns.name.Name, dns.message.QueryMessage] = error.kwargs["responses"]
        return min(float(each.resolve_chaining().minimum_ttl) for each in responses.values())
    except (KeyError, ValueError, dns.exception.DNSException):
        return 0.0


def _configure_from_system(resolver: dns.asyncresolver.Resolver) -> None:
    try:
        resolver.read_resolv_conf("/etc/resolv.conf")
    except dns.resolver.NoResolverConfiguration:
        resolver.nameservers = ["127.0.0.1"]  # resolv.conf(5): the local machine


def _is_trusted(resolver: dns.asyncresolver.Resolver, settings: DnsSettings) -> bool:
    """Whether the resolvers' word on DNSSEC counts (RFC 6698 §1.3, RFC 7672 §2.2).

    Between them and us nobody must be able to change it. On this machine that is so; of others the
    operator has to say it.
    """
    if settings.validating is not None:
        return settings.validating
    addresses = [
        each if isinstance(each, str) else each.answer_nameserver() for each in resolver.nameservers
    ]
    return bool(addresses) and all(
        is_ip_address(address) and ip_address(address).is_loopback for address in addresses
    )


def _bounded(server: str | dns.nameserver.Nameserver) -> dns.nameserver.Nameserver:
    return BoundedNameserver(server) if isinstance(server, str) else server


def _server(text: str) -> dns.nameserver.Nameserver:
    """A server from `192.0.2.1`, `192.0.2.1:53`, `2001:db8::1` or `[2001:db8::1]:53`."""
    address, port = _split_port(text)
    if not (
        is_ip_address(address) and port.isascii() and port.isdigit() and 0 < int(port) < 65_536
    ):
        raise ValueError(
            f'"{text}" is no name server: expected an IP address, perhaps with a port, '
            'such as "192.0.2.1", "127.0.0.1:5353" or "[::1]:53"'
        )
    return BoundedNameserver(address, int(port))


def _split_port(text: str) -> tuple[str, str]:
    if text.startswith("["):
        address, _, rest = text[1:].partition("]")
        return address, rest.removeprefix(":") or "53"
    address, colon, port = text.partition(":")
    if not colon or ":" in port:
        return text, "53"
    return address, port
