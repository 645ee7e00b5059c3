"""What the DNS says, as values, and the question that is put to it.

`Query` is the seam: whoever asks the network implements it, and tests put a map in its place. That
a name or a record does not exist is an answer; that nobody answered is `DnsTemporary`, because mail
must wait and not bounce for it, and policy must not take it for a denial.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Literal, Protocol

import idna

from postroad.model.address import domain_key

__all__ = [
    "DnsTemporary",
    "Existence",
    "Query",
    "RecordType",
    "Records",
    "Texts",
    "ascii_key",
    "to_ascii",
]

RecordType = Literal["A", "AAAA", "CNAME", "MX", "NS", "TXT", "PTR", "TLSA"]


class DnsTemporary(Exception):
    """No server gave an answer that can be relied on; ask again later."""

    def __init__(self, name: str, kind: RecordType) -> None:
        super().__init__(f"no answer for name={name} type={kind}")
        self.name = name
        self.kind: RecordType = kind


class Existence(Enum):
    """Whether the name, and records of the type, exist."""

    FOUND = auto()
    NO_DATA = auto()
    NO_DOMAIN = auto()


@dataclass(frozen=True, slots=True)
class Records:
    """The answer to one question.

    Attributes:
        existence: whether there is something.
        values: the records as they are written in a zone: `10 mx.example.net.`, `192.0.2.1`; of a
            TXT record the text, its strings joined and without quotes.
        ttl: seconds the answer holds.
        validated: whether a resolver that we trust has proved the answer, and every alias on the
            way to it, by DNSSEC (RFC 4035 §4.9.3); so may be a denial.
        canonical: the name that the records belong to in the end, where aliases (CNAME) led to
            another one; without the root's dot, in lower case. Empty: the name itself.
    """

    existence: Existence
    values: tuple[str, ...] = ()
    ttl: float = 0.0
    validated: bool = False
    canonical: str = ""


Query = Callable[[str, RecordType], Awaitable[Records]]
"""Asks for the records of one type of an ASCII name; raises `DnsTemporary`."""


class Texts(Protocol):
    """Who asks the DNS, and takes what it says as it is; `net.dns.Resolver` does."""

    async def records(self, name: str, kind: RecordType) -> tuple[str, ...]:
        """The records of a name; may raise `DnsTemporary`."""
        ...


def to_ascii(domain: str) -> str:
    """The A-label form of a domain, lower case, without the root's dot; empty if there is none.

    U-labels are mapped as UTS 46 says, which is what users' programs do (RFC 5895 in spirit).
    """
    if not domain.isascii():
        try:
            domain = idna.encode(domain, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            return ""
    return domain_key(domain)


def ascii_key(name: str) -> str:
    """The form of a domain, or of what may be one, used to compare in whichever labels it is.

    What is no domain, as the `[host]:port` of a next hop, is only lower-cased.
    """
    if name.isascii():
        return domain_key(name)
    dot = "." if name.startswith(".") else ""  # all that is below it
    key = to_ascii(name[len(dot) :])
    return f"{dot}{key}" if key else domain_key(name)
