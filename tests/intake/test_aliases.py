"""Alias expansion: chains, loops, duplicates, other domains, and limits."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from postroad.directory import Alias, Mailbox, Unknown
from postroad.intake.aliases import AliasLimitError, expand
from postroad.model import Address


class Book:
    """A directory of one domain: mailboxes, and aliases by local part."""

    def __init__(self, mailboxes: str, aliases: Mapping[str, str]) -> None:
        self.mailboxes = set(mailboxes.split())
        self.aliases = {name: tuple(map(parse, to.split())) for name, to in aliases.items()}

    async def is_local(self, domain: str) -> bool:
        return domain == "example.org"

    async def resolve(self, address: Address) -> Mailbox | Alias | Unknown:
        name = address.local.lower() if address.domain else "john"
        if name in self.aliases:
            return Alias(self.aliases[name])
        return Mailbox(f"{name}@example.org") if name in self.mailboxes else Unknown()


def parse(text: str) -> Address:
    return Address.parse(text if "@" in text else f"{text}@example.org")


@pytest.mark.parametrize(
    ("aliases", "recipients", "final"),
    [
        ({}, "john", "john<john"),
        ({}, "john lisa@example.com", "john<john lisa@example.com<lisa@example.com"),
        ({"info": "john anna"}, "info", "john<info anna<info"),
        ({"info": "team", "team": "john"}, "info", "john<info"),
        ({"info": "lisa@example.com"}, "info", "lisa@example.com<info"),
        ({"info": "john"}, "info john", "john<info"),
        ({"info": "JOHN john"}, "info", "JOHN<info"),
        ({"john": "john anna"}, "john", "john<john anna<john"),
        ({"a": "b", "b": "a"}, "a", "a<a"),
        ({"info": "nobody"}, "info", "nobody<info"),
        ({"a": "john", "b": "john anna"}, "a b", "john<a anna<b"),
    ],
)
async def test_expansion(aliases: dict[str, str], recipients: str, final: str) -> None:
    book = Book("john anna", aliases)

    expanded = await expand([parse(each) for each in recipients.split()], book)

    expected = [tuple(map(parse, pair.split("<"))) for pair in final.split()]
    assert expanded == expected


async def test_postmaster_without_domain_becomes_an_account() -> None:
    expanded = await expand([Address("Postmaster", "")], Book("john", {}))

    assert expanded == [(parse("john"), Address("Postmaster", ""))]


async def test_too_deep() -> None:
    chain = {f"a{n}": f"a{n + 1}" for n in range(50)}

    with pytest.raises(AliasLimitError):
        await expand([parse("a0")], Book("", chain))


async def test_too_many() -> None:
    many = {f"l{n}": " ".join(f"u{n}x{m}" for m in range(150)) for n in range(100)}
    many["all"] = " ".join(many)

    with pytest.raises(AliasLimitError):
        await expand([parse("all")], Book("", many))
