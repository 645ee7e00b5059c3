"""The names of IP addresses in a listing, where the DNS gives them quickly.

A name counts that has the address in turn: anybody can write anything into his reverse zone.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence

from postroad.model import Client
from postroad.net.dns import Resolver
from postroad.net.dns_records import Query
from postroad.net.settings import DnsSettings

__all__ = ["names_of"]

TIME = 3.0
"""Seconds for all of them; who waits for a listing does not wait for names."""

MOST = 100
"""Addresses that are asked for, from the first on."""


async def names_of(
    settings: DnsSettings, addresses: Sequence[str], *, query: Query | None = None
) -> Mapping[str, str]:
    """The names that are known in time.

    Args:
        settings: whom to ask.
        addresses: IP addresses.
        query: who asks; over the network, when left out.
    """
    wanted = list(dict.fromkeys(addresses))[:MOST]
    found: dict[str, str] = {}
    resolver = Resolver(settings, time.monotonic, query=query)

    async def ask(address: str) -> None:
        client = await resolver.identify(Client(address, 0))
        if client.name != "unknown":
            found[address] = client.name

    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TIME):
                await asyncio.gather(*map(ask, wanted))
    finally:
        await resolver.close()
    return found
