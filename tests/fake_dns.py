"""The DNS as a map of records, and what is asked of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from postroad.net.dns_records import DnsTemporary, Existence, Records, RecordType

Zone = Mapping[str, Mapping[RecordType, tuple[str, ...]]]


class FakeDns:
    """A `Query`. A name that is not in the zone does not exist.

    One in `broken` has no answer, of one in `slow` there is never one. Either is `NAME` or
    `NAME TYPE`. Whatever ends in a domain of `signed` is proved by DNSSEC; `aliases` are CNAMEs.
    """

    def __init__(
        self,
        zone: Zone,
        *,
        broken: frozenset[str] = frozenset(),
        slow: frozenset[str] = frozenset(),
        ttl: float = 60,
        signed: tuple[str, ...] = (),
        aliases: Mapping[str, str] | None = None,
    ) -> None:
        self.zone = zone
        self.signed = signed
        self.aliases = aliases or {}
        self.broken = broken
        self.slow = slow
        self.ttl = ttl
        self.asked: list[tuple[str, RecordType]] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, name: str, kind: RecordType) -> Records:
        self.asked.append((name, kind))
        await self.gate.wait()
        if name in self.slow or f"{name} {kind}" in self.slow:
            await asyncio.Event().wait()
        if name in self.broken or f"{name} {kind}" in self.broken:
            raise DnsTemporary(name, kind)
        if kind == "CNAME" and name in self.aliases:
            end = f"{self.aliases[name]}."
            return Records(Existence.FOUND, (end,), self.ttl, name.endswith(self.signed))
        end = self.aliases.get(name, name)
        proved = name.endswith(self.signed) and end.endswith(self.signed)
        canonical = end if end != name else ""
        if end not in self.zone:
            return Records(Existence.NO_DOMAIN, (), self.ttl, proved)
        values = self.zone[end].get(kind, ())
        existence = Existence.FOUND if values else Existence.NO_DATA
        return Records(existence, values, self.ttl, proved, canonical)
