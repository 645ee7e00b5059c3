"""The keys under which tables have routes, in Postfix's order.

A recipient is looked for whole, without its extension, by its domain, by the domains above it
with a dot in front, and as `*` (transport(5)); a sender whole, without its extension, and by its
domain behind an @ (postconf(5), sender_dependent_relayhost_maps). Parts of an address are not
looked for in patterns and other tables that only whole keys make sense in. A table that cannot
answer is an exception, and the mail waits: the answer could have been any.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from postroad.directory.names import domain_form, without_extension
from postroad.model import Address

__all__ = ["NULL_SENDER", "NoTables", "RouteTables", "Tables", "recipient_keys", "sender_keys"]

NULL_SENDER = "<>"
"""Under which tables have the null reverse-path (empty_address_relayhost_maps_lookup_key)."""

_WILDCARD = "*"


class Tables(Protocol):
    """Who has tables; `postroad.tables.Tables` is one."""

    async def find(self, table: str, key: str) -> str | None:
        """The value of a key; `TableUnavailable` where it cannot be known now."""
        ...

    def takes_parts(self, table: str) -> bool:
        """Whether parts of an address may be looked up."""
        ...


class NoTables:
    """Implements `Tables` where none is named."""

    async def find(self, table: str, key: str) -> None:
        """Nothing."""

    def takes_parts(self, table: str) -> bool:  # noqa: ARG002 - there is none
        """No."""
        return False


class RouteTables:
    """Several tables that are asked as one: each key in all of them, before the next key."""

    __slots__ = ("_names", "_tables")

    def __init__(self, tables: Tables, names: Sequence[str]) -> None:
        """Take what to ask.

        Args:
            tables: who has them.
            names: `TYPE:REST`, the first one asked first.
        """
        self._tables = tables
        self._names = names

    def __bool__(self) -> bool:
        return bool(self._names)

    async def find(self, keys: Iterator[tuple[str, bool]]) -> str | None:
        """The value of the first key that any of them has.

        Args:
            keys: each with whether it is only a part of what is looked for.

        Raises:
            postroad.tables.TableUnavailable: one of them cannot answer.
        """
        for key, is_part in keys:
            for name in self._names:
                if is_part and not self._tables.takes_parts(name):
                    continue
                found = await self._tables.find(name, key)
                if found is not None:
                    return found
        return None


def recipient_keys(address: Address, delimiters: str) -> Iterator[tuple[str, bool]]:
    """The keys of transport(5), each with whether it is a part.

    Args:
        address: the recipient.
        delimiters: the characters that begin an extension (recipient_delimiter).
    """
    domain = domain_form(address.domain)
    yield f"{address.local}@{domain}", False
    plain = without_extension(address, delimiters)
    if plain is not None:
        yield f"{plain.local.lower()}@{domain}", True
    yield domain, True
    at = domain.find(".", 1)
    while at >= 0:
        yield domain[at:], True
        at = domain.find(".", at + 1)
    yield _WILDCARD, False


def sender_keys(sender: Address | None, delimiters: str) -> Iterator[tuple[str, bool]]:
    """The keys of tables that go by the sender, each with whether it is a part."""
    if sender is None:
        yield NULL_SENDER, False
        return
    domain = domain_form(sender.domain)
    yield f"{sender.local}@{domain}", False
    plain = without_extension(sender, delimiters)
    if plain is not None:
        yield f"{plain.local.lower()}@{domain}", True
    yield f"@{domain}", True
