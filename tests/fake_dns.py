"""The DNS as a map of records, and what is asked of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from postroad.net.dns import DnsTemporary, Existence, Records, RecordType

Zone = Mapping[str, Mapping[RecordType, tuple[str, ...]]]


class FakeDns:
    """A `Query`. A name that is not in the zone does not exist; one in `broken` has no answer."""

    def __init__(
        self, zone: Zone, *, broken: frozenset[str] = frozenset(), ttl: float = 60
    ) -> None:
        self.zone = zone
        self.broken = broken
        self.ttl = ttl
        self.asked: list[tuple[str, RecordType]] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, name: str, kind: RecordType) -> Records:
        self.asked.append((name, kind))
        await self.gate.wait()
        if name in self.broken or f"{name} {kind}" in self.broken:
            raise DnsTemporary(name, kind)
        if name not in self.zone:
            return Records(Existence.NO_DOMAIN, (), self.ttl)
        values = self.zone[name].get(kind, ())
        return Records(Existence.FOUND if values else Existence.NO_DATA, values, self.ttl)
