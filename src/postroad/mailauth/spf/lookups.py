"""The DNS as spftrace asks it, over our resolver.

Little more than a seam: caching, time-outs and aliases (CNAME) are the resolver's, limits of one
check are spftrace's. Only how long a text may be is said here, as the library reads any.
"""

from __future__ import annotations

from typing import Protocol

from spftrace import BaseResolver, SpfPermError

from postroad.net.dns import DnsTemporary, Existence, Records, RecordType

__all__ = ["LONGEST_EXPLANATION", "LONGEST_RECORD", "Lookups", "Names"]

LONGEST_RECORD = 8_192
"""Characters of a record. It should fit into 512 octets (RFC 7208 §3.4); long ones have some
thousand. Ten of 64 KiB would be read for half a second, in which nobody else is served."""

LONGEST_EXPLANATION = 1_024
"""Characters of any other text that is looked at: explanations are for a reply of one line."""

_VERSION = "v=spf1"

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
        elif rtype == "TXT":
            values = [_bounded(name, value) for value in values]
        return "NOERROR", values


def _bounded(name: str, text: str) -> str:
    """A text that is not too long; empty for one that is no record anyway."""
    if text[: len(_VERSION)].lower() == _VERSION:
        if len(text) > LONGEST_RECORD:
            raise SpfPermError(f"the record of {name} is longer than {LONGEST_RECORD} characters")
        return text
    return text if len(text) <= LONGEST_EXPLANATION else ""
