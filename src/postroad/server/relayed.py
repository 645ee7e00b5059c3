"""Domains that we pass mail on for, and which of their addresses take mail.

A directory says of each such domain that any address does, that its host is to be asked (`verify`),
or which table has those that do, in the form of Postfix's `relay_recipient_maps`: keys are
`user@domain` with its extension and without, then `@domain`; any value will do (postconf(5)).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from postroad.directory.domain_settings import ANY_RECIPIENT, VERIFIED_RECIPIENT
from postroad.directory.names import address_form, without_extension
from postroad.model import Address
from postroad.policy.facts import Elsewhere
from postroad.server.ownership import Maps, answered

__all__ = ["RelayedDomains", "Relaying"]


class Relaying(Protocol):
    """Who knows such domains. May raise `DirectoryUnavailable`."""

    async def recipients(self, domain: str) -> str:
        """Which addresses take mail: `any`, `verify` or a table; empty: it is no such domain."""
        ...


class RelayedDomains:
    """Answers which addresses of other hosts take mail.

    Args:
        directory: knows the domains.
        tables: reads the tables.
        delimiters: the characters that begin an address extension.
    """

    def __init__(self, directory: Relaying, tables: Maps, *, delimiters: str) -> None:
        self._directory = directory
        self._tables = tables
        self._delimiters = delimiters

    async def has(self, domain: str) -> bool:
        """Whether mail is passed on for the domain.

        Raises:
            LookupUnavailable: it cannot be known now.
        """
        return bool(await answered(self._directory.recipients(domain)))

    async def is_listed(self, address: Address) -> bool | Elsewhere:
        """Whether an address takes mail; false for one in another domain.

        Raises:
            LookupUnavailable: it cannot be known now.
        """
        recipients = await answered(self._directory.recipients(address.domain))
        if not recipients:
            return False
        if recipients == ANY_RECIPIENT:
            return Elsewhere.LISTED
        if recipients == VERIFIED_RECIPIENT:
            return Elsewhere.ASK
        for key in self._keys(recipients, address):
            if await self._tables.find(recipients, key) is not None:
                return Elsewhere.LISTED
        return Elsewhere.ABSENT

    def _keys(self, table: str, address: Address) -> Iterator[str]:
        form = address_form(address)
        yield str(form)
        if not self._tables.takes_parts(table):
            return
        plain = without_extension(form, self._delimiters)
        if plain is not None:
            yield str(plain)
        yield f"@{form.domain}"
