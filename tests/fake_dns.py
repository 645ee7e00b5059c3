"""The DNS as a map of records, and what is asked of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from postroad.net.dns_records import DnsTemporary, Existence, Records, RecordType

Zone = Mapping[str, Mapping[RecordType, tuple[str, ...]]]


class FakeDns:
    """A `Query`. A name that is not in the zone does not exist.

    One in `broken` has no answer, of one in `slow` there is never one. Either is `NAME` or
    `NAME TYPE`.
    """

    def __init__(
        self,
        zone: Zone,
        *,
        broken: frozenset[str] = frozenset(),
        slow: frozenset[str] = frozenset(),
        ttl: float = 60,
    ) -> None:
        self.zone = zone
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
        if name not in self.zone:
            return Records(Existence.NO_DOMAIN, (), self.ttl)
        values = self.zone[name].get(kind, ())
        return Records(Existence.FOUND if values else Existence.NO_DATA, values, self.ttl)
