"""Whose domain DMARC looks at: the authors in the From field (RFC 9989 §4.3, §11.5).

A message has one From field with one author, nearly always. What else there may be has a meaning
here, as mail programs show some of it, and nobody can tell which part:

- several authors, in one field or more: each of their domains is looked at, and all must pass;
- a group without members, no field at all, an address without a domain: there is no author;
- what cannot be read for sure: the domains that can be read count, and the message is not clear.

How fields are read, and the bounds for hostile ones, are `model.authors`'.
"""

from __future__ import annotations

from typing import NamedTuple

from postroad.model.address import domain_key, is_domain
from postroad.model.authors import MAX_FROM, UNREADABLE, authors
from postroad.model.fields import Fields
from postroad.net.dns_records import to_ascii

__all__ = ["MOST_DOMAINS", "Authors", "authors_of"]

MOST_DOMAINS = 5
"""Authors' domains of one message that are looked at; each costs questions to the DNS."""


class Authors(NamedTuple):
    """The authors of a message.

    Attributes:
        domains: theirs, in A-labels and lower case, each once, in order.
        flaw: why these are not all, or not for sure; empty: they are.
    """

    domains: tuple[str, ...]
    flaw: str = ""


def authors_of(fields: Fields) -> Authors:
    """The domains of a message's authors.

    Args:
        fields: the header section.
    """
    found = [field.value for field in fields.named("from")]
    if not found:
        return Authors((), "there is no From field")
    if sum(map(len, found)) > MAX_FROM:
        return Authors((), "the From field is too long")
    addresses = authors(found)
    domains = dict.fromkeys([_domain(address) for address in addresses if address != UNREADABLE])
    named = tuple([domain for domain in domains if domain])
    if len(named) > MOST_DOMAINS:
        return Authors(named[:MOST_DOMAINS], f"authors of more than {MOST_DOMAINS} domains")
    if UNREADABLE in addresses:
        return Authors(named, "the From field cannot be read for sure")
    if not addresses:
        return Authors((), "the From field names nobody")
    if "" in domains:
        return Authors(named, "an author's address has no domain name")
    return Authors(named)


def _domain(address: str) -> str:
    """In A-labels; empty where the address has an IP address, or what is no name at all."""
    text = domain_key(address.rpartition("@")[2])
    name = text if text.isascii() else to_ascii(text)
    return name if is_domain(name) and not name.startswith("[") else ""
