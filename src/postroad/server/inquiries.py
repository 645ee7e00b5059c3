"""Policy's questions that are not about accounts, put to those who know.

Policy knows none of them, and they know nothing of policy: here their failures become its own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from postroad.limits.greylist_file import GreylistUnavailable
from postroad.model import Address
from postroad.net.dns import DnsTemporary
from postroad.policy import LookupUnavailable, Verification
from postroad.policy.facts import RecordType
from postroad.tables.table import TableUnavailable

__all__ = ["AgentsInquiry", "DnsInquiry", "TablesInquiry"]


class Resolving(Protocol):
    """The part of a resolver that policy needs."""

    async def records(self, name: str, kind: RecordType) -> tuple[str, ...]:
        """The records of a name; raises `DnsTemporary`."""
        ...


QUIET = 60.0
"""Seconds between two lines of the log about a DNS that does not answer."""


def _tell_nobody(_words: str) -> None:
    pass


class DnsInquiry:
    """Implements policy's `Names` over a resolver.

    A DNS list that does not answer refuses nobody, so nothing but the log tells that it is dead.
    """

    def __init__(
        self,
        resolver: Resolving,
        warn: Callable[[str], None] = _tell_nobody,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """An inquiry.

        Args:
            resolver: who knows.
            warn: told, at most once a minute, that something was not answered.
            clock: seconds, by a clock that nobody sets.
        """
        self._resolver = resolver
        self._warn = warn
        self._clock = clock
        self._quiet_until = float("-inf")
        self._unsaid = 0

    async def records(self, name: str, kind: RecordType) -> tuple[str, ...]:
        """The records of a name, as a zone writes them."""
        try:
            return await self._resolver.records(name, kind)
        except DnsTemporary as error:
            self._complain(str(error))
            raise LookupUnavailable(str(error)) from error

    def _complain(self, words: str) -> None:
        now = self._clock()
        if now < self._quiet_until:
            self._unsaid += 1
            return
        more = f", and {self._unsaid} questions before it" if self._unsaid else ""
        self._warn(f"a restriction asked the DNS: {words}{more}")
        self._quiet_until, self._unsaid = now + QUIET, 0


class Finding(Protocol):
    """The part of a worker's tables that policy needs."""

    async def find(self, table: str, key: str) -> str | None:
        """What a table has for a key; raises `TableUnavailable`."""
        ...

    def takes_parts(self, table: str) -> bool:
        """Whether parts of names and addresses are keys in it."""
        ...


class TablesInquiry:
    """Implements policy's `Tables` over the worker's."""

    def __init__(self, tables: Finding) -> None:
        self._tables = tables

    async def find(self, table: str, key: str) -> str | None:
        """What the table has for a key, if anything."""
        try:
            return await self._tables.find(table, key)
        except TableUnavailable as error:
            raise LookupUnavailable(str(error)) from error

    def takes_parts(self, table: str) -> bool:
        """Whether parts of a name or an address are keys too."""
        return self._tables.takes_parts(table)


class Delegating(Protocol):
    """Who asks policy services."""

    async def ask(self, service: str, attributes: Mapping[str, str]) -> str:
        """What a service says; its default action where it does not answer."""
        ...


class Verifying(Protocol):
    """Who probes addresses."""

    async def verify(self, address: Address, *, sender: bool) -> Verification:
        """Whether mail for an address would be taken."""
        ...


class Waiting(Protocol):
    """Who keeps the greylist."""

    async def wait(self, client_address: str, sender: str, recipient: str) -> float:
        """Seconds still to wait; raises `GreylistUnavailable`."""
        ...


class AgentsInquiry:
    """Implements policy's `Agents`."""

    def __init__(
        self,
        delegations: Delegating,
        prober: Verifying,
        greylist: Waiting,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Agents.

        Args:
            delegations: asks policy services.
            prober: probes addresses.
            greylist: knows who was here before.
            pause: waits for so many seconds.
        """
        self._delegations = delegations
        self._prober = prober
        self._greylist = greylist
        self._pause = pause

    async def ask(self, service: str, attributes: Mapping[str, str]) -> str:
        """What a policy service says."""
        return await self._delegations.ask(service, attributes)

    async def verify(self, address: Address, *, sender: bool) -> Verification:
        """Whether mail for an address would be taken."""
        return await self._prober.verify(address, sender=sender)

    async def greylist(self, client_address: str, sender: str, recipient: str) -> float:
        """Seconds for which mail between these must wait still."""
        try:
            return await self._greylist.wait(client_address, sender, recipient)
        except GreylistUnavailable as error:
            raise LookupUnavailable(str(error)) from error

    async def pause(self, seconds: float) -> None:
        """Wait."""
        await self._pause(seconds)
