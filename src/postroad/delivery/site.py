"""Whose hosts a next hop leads to: the site, by which deliveries to it are counted together.

Many domains have their mail taken by the same provider, and it is the provider who says that mail
comes too fast. The site is the registrable domain of the best mail exchanger's name: mail for a
domain at `aspmx.l.google.com` and at `alt1.aspmx.l.google.com` both goes to `google.com`.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address
from typing import Protocol

from postroad.delivery.nexthop import Nexthop
from postroad.net.dns import DnsTemporary, MxAnswer

__all__ = ["Exchangers", "registrable", "site_of"]

_SECOND_LEVEL = frozenset({"ac", "co", "com", "edu", "gob", "gov", "net", "ne", "or", "org"})
"""Labels below which countries give out names, as in `co.uk`. Where one is missing here, the hosts
of a country's providers share a site, and their mail goes slower than it might."""


class Exchangers(Protocol):
    """Who knows mail exchangers."""

    async def mx(self, domain: str) -> MxAnswer:
        """The mail exchangers of a domain."""
        ...


async def site_of(nexthop: str, names: Exchangers) -> str:
    """The site of a next hop; see `SmtpTransport.site`."""
    try:
        part = Nexthop.parse_list(nexthop)[0]
    except ValueError:
        return nexthop
    if not part.exchangers:
        return part.host
    try:
        answer = await names.mx(part.host)
    except DnsTemporary:
        return part.host
    if not answer.exchangers:
        return part.host
    best = answer.exchangers[0].preference
    # Equals come in an order drawn by lot; the site must not change with it.
    return registrable(min(each.host for each in answer.exchangers if each.preference == best))


@lru_cache(maxsize=4096)
def registrable(host: str) -> str:
    """The part of a host's name that somebody registered; an IP address is its own."""
    try:
        return str(ip_address(host))
    except ValueError:
        labels = host.split(".")
    country = len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _SECOND_LEVEL
    return ".".join(labels[-3:] if country else labels[-2:])
