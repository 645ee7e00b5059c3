"""The keys under which access tables have names and addresses, in Postfix's order (access(5)).

A key is all of what is looked for, or a part of it, which patterns and servers are not asked for. A
table has a domain without a dot in front for the domain and all below it
(parent_domain_matches_subdomains, as it is by default).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from postroad.model import Address
from postroad.policy.hostname import is_ip_address

__all__ = ["NULL_SENDER", "Key", "address_keys", "domain_keys", "mail_keys"]

NULL_SENDER = "<>"
"""Under which a table has the null reverse-path (smtpd_null_access_lookup_key)."""


class Key(NamedTuple):
    """A key to look for.

    Attributes:
        text: in lower case.
        is_part: whether it is a part of what is looked for, and not all of it.
    """

    text: str
    is_part: bool = False


def domain_keys(domain: str, *, is_part: bool = False) -> Iterator[Key]:
    """A host or domain name, then the domains above it; an IP address is one name."""
    name = domain.lower()
    if not name:
        return
    yield Key(name, is_part)
    if is_ip_address(name):
        return
    while True:
        _, dot, name = name.partition(".")
        if not dot or not name:
            return
        yield Key(name, is_part=True)


def address_keys(address: str) -> Iterator[Key]:
    """An IP address, then the networks of its leading octets or groups."""
    text = address.lower()
    yield Key(text)
    mark = ":" if ":" in text else "."
    while mark in text:
        text = text.rpartition(mark)[0]
        if text:
            yield Key(text, is_part=True)


def mail_keys(address: Address, delimiters: str = "") -> Iterator[Key]:
    """A mail address: itself, its domain and the domains above, its local part with an @.

    Args:
        address: with an extension or without one.
        delimiters: the characters that begin an extension (recipient_delimiter). Behind the address
            with it, and behind the local part, come those without.
    """
    local, domain = address.local.lower(), address.domain.lower()
    bare = _without_extension(local, delimiters)
    whole, plain = _quoted(local), _quoted(bare) if bare else ""
    if not domain:
        yield Key(whole)
        return
    yield Key(f"{whole}@{domain}")
    if plain:
        yield Key(f"{plain}@{domain}", is_part=True)
    yield from domain_keys(domain, is_part=True)
    yield Key(f"{whole}@", is_part=True)
    if plain:
        yield Key(f"{plain}@", is_part=True)


def _quoted(local: str) -> str:
    """As it stands in an address, in quotes where it needs them."""
    return str(Address(local, ""))


def _without_extension(local: str, delimiters: str) -> str:
    """The local part without its extension; empty when it has none."""
    for at, character in enumerate(local):
        if at and character in delimiters:
            return local[:at]
    return ""
