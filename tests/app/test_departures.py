"""Which mail leaves again, by the aliases there are."""

from __future__ import annotations

import pytest

from postroad.app.departures import Departures
from postroad.directory import Alias, DirectoryUnavailable, Mailbox, Resolution, Unknown
from postroad.model import Address, Recipient

ALIASES = {
    "away": ("x@elsewhere.example",),
    "both": ("ann@example.org", "x@elsewhere.example"),
    "twice": ("away@example.org",),
    "home": ("ann@example.org",),
    "circle": ("ring@example.org",),
    "ring": ("circle@example.org",),
}


class Book:
    """A directory of one domain."""

    async def is_local(self, domain: str) -> bool:
        return domain in ("", "example.org")

    async def resolve(self, address: Address) -> Resolution:
        if address.local == "broken":
            raise DirectoryUnavailable("the database is away")
        if address.local in ALIASES:
            return Alias(tuple(map(Address.parse, ALIASES[address.local])))
        return Mailbox("ann@example.org") if address.local == "ann" else Unknown()


@pytest.mark.parametrize(
    ("recipients", "leaves"),
    [
        (("ann@example.org",), False),
        (("home@example.org", "ann@example.org"), False),
        (("nobody@example.org",), False),
        (("away@example.org",), True),
        (("both@example.org",), True),
        (("twice@example.org",), True),
        (("ann@example.org", "away@example.org"), True),
        (("x@relayed.example",), True),
        (("circle@example.org",), True),
        (("broken@example.org",), True),
    ],
)
async def test_what_leaves(recipients: tuple[str, ...], leaves: bool) -> None:
    named = [Recipient(Address.parse(each)) for each in recipients]
    assert await Departures(Book()).leads_away(named) is leaves


async def test_the_postmaster_without_a_domain_is_at_home() -> None:
    named = [Recipient(Address("postmaster", ""))]
    assert not await Departures(Book()).leads_away(named)
