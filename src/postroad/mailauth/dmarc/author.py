"""Whose domain DMARC looks at: the authors in the From field (RFC 9989 §5.3.1, §11.5).

A message has one From field with one author, nearly always. What else there may be has a meaning
here, as mail programs show some of it, and nobody can tell which part:

- several authors, in one field or more: each of their domains is looked at, and all must pass;
- a group without members, no field at all, an address without a domain: there is no author;
- what cannot be read for sure: what programs show of it nobody can tell, so every domain behind an
  `@` counts beside those that can be read (`dmarc.named`), and the message is not clear;
- more domains than are looked at: nobody writes such mail but to hide one of them.

How fields are read, and the bounds for hostile ones, are `model.authors`'.
"""

from __future__ import annotations

from typing import NamedTuple

from postroad.mailauth.dmarc.named import MOST_MARKS, marks_in, name_of, named_in
from postroad.model.authors import MAX_FROM, UNREADABLE, authors
from postroad.model.fields import Fields

__all__ = ["MOST_DOMAINS", "Authors", "authors_of"]

MOST_DOMAINS = 5
"""Authors' domains of one message that are looked at; each costs questions to the DNS."""


class Authors(NamedTuple):
    """The authors of a message.

    Attributes:
        domains: theirs, in A-labels and lower case, each once, in order.
        flaw: why these are not all, or not for sure; empty: they are.
        is_excessive: whether there are so many, or the field is so long, that not all of it was
            looked at.
    """

    domains: tuple[str, ...]
    flaw: str = ""
    is_excessive: bool = False


def authors_of(fields: Fields) -> Authors:
    """The domains of a message's authors.

    Args:
        fields: the header section.
    """
    found = [field.value for field in fields.named("from")]
    if not found:
        return Authors((), "there is no From field")
    if sum(map(len, found)) > MAX_FROM:
        named = named_in([b"\n".join(found)[:MAX_FROM], b"\n".join(found)[-MAX_FROM:]])
        return Authors(named[:MOST_DOMAINS], "the From field is too long", is_excessive=True)
    addresses = authors(found)
    read = [address for address in addresses if address != UNREADABLE]
    domains = dict.fromkeys([_domain(address) for address in read])
    is_unreadable = len(read) < len(addresses) or any(map(_is_disguised, read))
    scanned = named_in(found) if is_unreadable or "" in domains else ()
    named = tuple([domain for domain in dict.fromkeys((*domains, *scanned)) if domain])
    if len(named) > MOST_DOMAINS or (is_unreadable and marks_in(found) > MOST_MARKS):
        flaw = f"authors of more than {MOST_DOMAINS} domains"
        return Authors(named[:MOST_DOMAINS], flaw, is_excessive=True)
    if is_unreadable:
        return Authors(named, "the From field cannot be read for sure")
    if not addresses:
        return Authors((), "the From field names nobody")
    if "" in domains:
        return Authors(named, "an author's address has no domain name")
    return Authors(named)


def _domain(address: str) -> str:
    """In A-labels; empty where the address has an IP address, or what is no name at all."""
    return name_of(address.rpartition("@")[2])


def _is_disguised(address: str) -> bool:
    """Whether an encoded word stands in it, which some programs decode there (RFC 2047 §5)."""
    return "=?" in address and "?=" in address
