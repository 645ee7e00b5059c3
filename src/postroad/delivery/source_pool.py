"""One of our addresses for each new connection, out of a pool.

A choice is sticky: a next hop is reached from the same address as long as the pool is the same, and
different next hops are spread evenly. A greylist that has seen the address once lets the retry
pass, and what a provider thinks of an address is about all the mail that it gets. Postfix has no
such pool; taking turns is there for those who were told by their provider to.

An address that is being warmed up is one of the pool as long as its day's share is not used up
(`warmup`). Where no other address of the family is left, mail waits.
"""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Sequence
from ipaddress import ip_address
from itertools import count
from typing import Protocol

from postroad.delivery.sources import Source
from postroad.model import Reply
from postroad.model.address import is_domain

__all__ = ["NO_SOURCE", "Rations", "SourcePool", "read_source"]

NO_SOURCE = Reply.of(
    451, "4.3.2", "every source address has sent its share of today; see postroad warmup"
)


class Rations(Protocol):
    """Who counts what new addresses send."""

    async def admits(self, address: str, host: str) -> bool:
        """Whether an address may send another message to a host now."""
        ...

    def waits(self, address: str) -> bool:
        """Whether mail waits when the address has sent its share, instead of leaving by others."""
        ...

    async def begin(self, source: Source, host: str) -> bool:
        """See `Sources.begin`."""
        ...

    def ended(self, source: Source, host: str, reply: Reply) -> None:
        """See `Sources.ended`."""
        ...


class SourcePool:
    """Implements `Sources`."""

    def __init__(
        self,
        sources: Sequence[Source],
        *,
        round_robin: bool = False,
        rations: Rations | None = None,
        helo: str = "",
    ) -> None:
        """A pool.

        Args:
            sources: our addresses, of either family.
            round_robin: whether they take turns, whatever the next hop.
            rations: who counts; `None`: nobody does.
            helo: our name for EHLO where a source has none of its own; empty: the server's.
        """
        self._pools = {
            family: tuple(
                each if each.helo else Source(each.address, helo)
                for each in sources
                if _family(each.address) == family
            )
            for family in (socket.AF_INET, socket.AF_INET6)
        }
        self._usual = Source("", helo) if helo else None
        self._turns = count() if round_robin else None
        self._rations = rations

    async def choose(self, nexthop: str, family: int, host: str = "") -> Source | Reply | None:
        """See `Sources.choose`."""
        pool = self._pools.get(socket.AddressFamily(family), ())
        if not pool:
            return self._usual
        ordered = self._ordered(pool, nexthop)
        rations = self._rations
        if rations is None:
            return ordered[0]
        for source in ordered:
            if await rations.admits(source.address, host or nexthop):
                return source
            if rations.waits(source.address):
                break
        return NO_SOURCE

    async def begin(self, source: Source, host: str) -> bool:
        """See `Sources.begin`."""
        return self._rations is None or await self._rations.begin(source, host)

    def ended(self, source: Source, host: str, reply: Reply) -> None:
        """See `Sources.ended`."""
        if self._rations is not None:
            self._rations.ended(source, host, reply)

    def _ordered(self, pool: tuple[Source, ...], nexthop: str) -> list[Source]:
        """The pool, the one to be used first; an address that leaves it moves no other one."""
        if len(pool) == 1:
            return list(pool)
        if self._turns is not None:
            at = next(self._turns) % len(pool)
            return [*pool[at:], *pool[:at]]
        return sorted(pool, key=lambda each: _score(each.address, nexthop))


def read_source(text: str) -> Source:
    """Read `ADDRESS` or `ADDRESS NAME`.

    Raises:
        ValueError: it is neither; the message is for the operator.
    """
    address, _, name = text.strip().partition(" ")
    name = name.strip()
    try:
        parsed = ip_address(address)
    except ValueError:
        raise ValueError(
            f'expected "ADDRESS" or "ADDRESS NAME", as "192.0.2.1 mx1.example.org", not "{text}"'
        ) from None
    if parsed.is_multicast or parsed.is_unspecified:
        raise ValueError(f"nothing can be sent from {parsed}")
    if name and (not is_domain(name) or "." not in name):
        raise ValueError(f'"{name}" is no fully qualified host name for EHLO')
    return Source(str(parsed), name)


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _score(address: str, nexthop: str) -> bytes:
    """Rendezvous hashing: each pair has a number of its own, and the smallest one wins."""
    return hashlib.blake2b(f"{address} {nexthop}".encode(), digest_size=8).digest()
