"""Domains that mail is passed on for, as a directory and the operator's tables say it."""

from __future__ import annotations

import pytest

from fake_directory import FakeDirectory
from postroad.directory import DirectoryUnavailable
from postroad.model import Address
from postroad.policy import LookupUnavailable
from postroad.policy.facts import Elsewhere, Passing
from postroad.server.oracle import DirectoryOracle
from postroad.server.relayed import RelayedDomains

TABLES = {
    "hash:/x": {"known@partner.test": "ok", "empty@partner.test": ""},
    "hash:/whole": {"@whole.test": "ok"},
    "regexp:/x": {"@any.test": "ok"},
}
RECIPIENTS = {
    "partner.test": "hash:/x",
    "whole.test": "hash:/whole",
    "patterns.test": "regexp:/x",
    "any.test": "any",
    "asked.test": "verify",
}


class Relaying(FakeDirectory):
    """A directory with such domains."""

    async def recipients(self, domain: str) -> str:
        if self.unavailable:
            raise DirectoryUnavailable("the fake was told to fail")
        return RECIPIENTS.get(domain.lower(), "")


class Tables:
    async def find(self, table: str, key: str) -> str | None:
        return TABLES[table].get(key)

    def takes_parts(self, table: str) -> bool:
        return not table.startswith("regexp:")


def oracle(*, away: bool = False) -> DirectoryOracle:
    directory = Relaying()
    directory.unavailable = away
    relayed = RelayedDomains(directory, Tables(), delimiters="+")
    return DirectoryOracle(directory, relayed=relayed)


@pytest.mark.parametrize(
    ("address", "listed"),
    [
        ("known@partner.test", Elsewhere.LISTED),
        ("KNOWN+tag@Partner.test", Elsewhere.LISTED),
        ("empty@partner.test", Elsewhere.LISTED),
        ("unknown@partner.test", Elsewhere.ABSENT),
        ("who@whole.test", Elsewhere.LISTED),
        ("who@patterns.test", Elsewhere.ABSENT),
        ("who@any.test", Elsewhere.LISTED),
        ("who@asked.test", Elsewhere.ASK),
        ("john@example.org", True),
        ("who@example.org", False),
    ],
)
async def test_which_addresses_take_mail(address: str, listed: bool | Elsewhere) -> None:
    assert await oracle().is_listed(Address.parse(address)) is listed


@pytest.mark.parametrize(
    ("domain", "ours"),
    [("partner.test", Passing.RELAYED), ("example.org", True), ("other.test", False)],
)
async def test_which_domains_are_ours_to_take(domain: str, ours: bool | Passing) -> None:
    assert await oracle().is_local(domain) is ours


async def test_who_is_away_is_no_answer() -> None:
    for question in (
        oracle(away=True).is_local("partner.test"),
        oracle(away=True).is_listed(Address("a", "partner.test")),
    ):
        with pytest.raises(LookupUnavailable):
            await question


async def test_without_such_domains_nothing_more_is_asked() -> None:
    plain = DirectoryOracle(FakeDirectory())
    assert not await plain.is_local("partner.test")
    assert await plain.is_listed(Address("a", "partner.test")) is False
