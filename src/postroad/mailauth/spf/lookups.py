"""The DNS as spftrace asks it, over our resolver.

A seam only: caching, time-outs and aliases (CNAME) are the resolver's, limits of one check are
spftrace's.
"""

from __future__ import annotations

from typing import Protocol

from spftrace import BaseResolver

from postroad.net.dns import DnsTemporary, Existence, Records, RecordType

__all__ = ["Lookups", "Names"]

_KINDS: dict[str, RecordType] = {"A": "A", "AAAA": "AAAA", "MX": "MX", "PTR": "PTR", "TXT": "TXT"}


class Names(Protocol):
    """Who asks the DNS; `net.dns.Resolver` does."""

    async def lookup(self, name: str, kind: RecordType) -> Records:
        """The records of a name; may raise `DnsTemporary`."""
        ...


class Lookups(BaseResolver):
    """What spftrace takes for a resolver."""

    def __init__(self, names: Names) -> None:
        self._names = names

    async def _lookup(self, name: str, rtype: str) -> tuple[str, list[str]]:
        """The response code, and the records as spftrace wants them."""
        try:
            found = await self._names.lookup(name, _KINDS[rtype])
        except DnsTemporary:
            return "SERVFAIL", []
        if found.existence is Existence.NO_DOMAIN:
            return "NXDOMAIN", []
        values = list(found.values)
        if rtype == "MX":  # without preferences; the order of the mechanism is nobody's (§5.4)
            values = [value.rpartition(" ")[2].rstrip(".") for value in values]
        elif rtype == "PTR":
            values = [value.rstrip(".") for value in values]
        return "NOERROR", values
