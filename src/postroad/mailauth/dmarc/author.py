"""Whose domain DMARC looks at: the authors in the From field (RFC 9989 §4.3, §11.5).

A message has one From field with one author, nearly always. What else there may be has a meaning
here, as mail programs show some of it, and nobody can tell which part:

- several authors, in one field or more: each of their domains is looked at, and all must pass;
- a group without members, no field at all, an address without a domain: there is no author;
- what cannot be read for sure: what programs show of it nobody can tell, so every domain behind an
  `@` counts beside those that can be read, and the message is not clear;
- more domains than are looked at: nobody writes such mail but to hide one of them.

How fields are read, and the bounds for hostile ones, are `model.authors`'.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from postroad.model.address import domain_key, is_domain
from postroad.model.authors import MAX_FROM, UNREADABLE, authors
from postroad.model.fields import Fields
from postroad.net.dns_records import to_ascii

__all__ = ["MOST_DOMAINS", "Authors", "authors_of"]

MOST_DOMAINS = 5
"""Authors' domains of one message that are looked at; each costs questions to the DNS."""

MOST_MARKS = 500
"""Places with an `@` that are looked at in fields that cannot be read."""

_BEHIND_MARK = re.compile(r"@[\s\x00-\x20\x7f.]*([^\s\x00-\x20\x7f()<>\[\]:;@\\,\"\ufffd]+)")
_COMMENT = re.compile(r"\([^()]*\)")
_NEEDLESS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\"\\]+|(?<!\s)\s+(?=[.@])|(?<=[.@])\s+")
_DEPTH = 3  # comments within comments that are taken out; who nests deeper is not shown anyway


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
        named = _scanned([b"\n".join(found)[:MAX_FROM], b"\n".join(found)[-MAX_FROM:]])
        return Authors(named[:MOST_DOMAINS], "the From field is too long", is_excessive=True)
    addresses = authors(found)
    is_unreadable = UNREADABLE in addresses
    domains = dict.fromkeys([_domain(address) for address in addresses if address != UNREADABLE])
    scanned = _scanned(found) if is_unreadable else ()
    named = tuple([domain for domain in dict.fromkeys((*domains, *scanned)) if domain])
    if len(named) > MOST_DOMAINS or (is_unreadable and _marks(found) > MOST_MARKS):
        flaw = f"authors of more than {MOST_DOMAINS} domains"
        return Authors(named[:MOST_DOMAINS], flaw, is_excessive=True)
    if is_unreadable:
        return Authors(named, "the From field cannot be read for sure")
    if not addresses:
        return Authors((), "the From field names nobody")
    if "" in domains:
        return Authors(named, "an author's address has no domain name")
    return Authors(named)


def _marks(fields: Iterable[bytes]) -> int:
    return sum([field.count(b"@") for field in fields])


def _scanned(fields: Sequence[bytes]) -> tuple[str, ...]:
    """The domains behind each `@`, whatever stands around it; what is none is left out.

    Once as it is and once without comments and the like, as readers differ in what they skip.
    """
    return tuple(dict.fromkeys([name for field in fields for name in _behind_marks(field) if name]))


def _behind_marks(field: bytes) -> Iterator[str]:
    text = field.decode("utf-8", "replace")
    plain = text
    for _ in range(_DEPTH):
        plain = _COMMENT.sub("", plain)
    for view in dict.fromkeys((text, _NEEDLESS.sub("", plain))):
        for _, match in zip(range(MOST_MARKS), _BEHIND_MARK.finditer(view), strict=False):
            yield _domain(f"@{match[1].strip('.')}")


def _domain(address: str) -> str:
    """In A-labels; empty where the address has an IP address, or what is no name at all."""
    text = domain_key(address.rpartition("@")[2])
    name = text if text.isascii() else to_ascii(text)
    return name if is_domain(name) and not name.startswith("[") else ""
