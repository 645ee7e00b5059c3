"""What the DNS says of names that ought to take or send mail."""

from __future__ import annotations

from postroad.policy.facts import LookupUnavailable, Names

__all__ = ["MOST_HOSTS", "addresses_of", "exchangers_of", "has_address", "is_null_mx"]

MOST_HOSTS = 50
"""Mail exchangers, name servers or addresses that are looked at; nobody has need of more."""


async def addresses_of(names: Names, host: str) -> tuple[str, ...]:
    """The IP addresses of a host.

    Raises:
        LookupUnavailable: none is known, and one question had no answer.
    """
    four: tuple[str, ...] = ()
    six: tuple[str, ...] = ()
    lost: LookupUnavailable | None = None
    try:
        four = await names.records(host, "A")
    except LookupUnavailable as error:
        lost = error
    try:
        six = await names.records(host, "AAAA")
    except LookupUnavailable as error:
        lost = error
    found = (*four, *six)[:MOST_HOSTS]
    if lost is not None and not found:
        raise lost
    return found


async def has_address(names: Names, host: str) -> bool:
    """Whether a host has an IP address; raises as `addresses_of`."""
    lost: LookupUnavailable | None = None
    try:
        if await names.records(host, "A"):
            return True
    except LookupUnavailable as error:
        lost = error
    if await names.records(host, "AAAA"):
        return True
    if lost is not None:
        raise lost
    return False


def exchangers_of(records: tuple[str, ...]) -> tuple[tuple[int, str], ...]:
    """MX records as preferences and host names, the best first; without the root's dot.

    What is no MX record is left out.
    """
    found = []
    for record in records[:MOST_HOSTS]:
        preference, _, host = record.partition(" ")
        if preference.isascii() and preference.isdigit():
            found.append((int(preference), host.strip().removesuffix(".")))
    return tuple(sorted(found))


def is_null_mx(records: tuple[str, ...]) -> bool:
    """Whether a domain says that it takes no mail (RFC 7505 §3)."""
    exchangers = exchangers_of(records)
    return bool(exchangers) and all(not host for _, host in exchangers)
