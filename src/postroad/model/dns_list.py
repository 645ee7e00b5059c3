"""DNS lists: how an entry is asked for, and which answers say that it is listed (RFC 5782).

A list is named as Postfix does: `zen.example`, or with a filter, `zen.example=127.0.0.[2..11]`.
Nothing is asked here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address
from typing import Self

from postroad.model.address import is_domain

__all__ = ["DnsList", "reversed_address"]


@dataclass(frozen=True, slots=True)
class DnsList:
    """A list, and which of its answers count.

    Attributes:
        name: the list with its filter, as it was written.
        domain: the list alone.
        octets: for each octet of an answer the values that count; `None`: every answer counts.
    """

    name: str
    domain: str
    octets: tuple[frozenset[int], ...] | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `domain` or `domain=d.d.d.d`, where each d is a number or `[n;n..n]`.

        Raises:
            ValueError: it is neither.
        """
        domain, equals, pattern = text.partition("=")
        if not is_domain(domain) or "." not in domain:
            raise ValueError(f'"{domain}" is not the domain of a DNS list')
        return cls(text, domain, _octets(pattern) if equals else None)

    def counts(self, address: str) -> bool:
        """Whether an answer says that the entry is listed."""
        try:
            octets = IPv4Address(address).packed
        except ValueError:
            return False
        if self.octets is None:
            return True
        return all(octet in wanted for octet, wanted in zip(octets, self.octets, strict=True))


def reversed_address(address: str) -> str:
    """How a list has an IP address: its octets, or hexadecimal digits, backwards (RFC 5782 §2).

    Raises:
        ValueError: it is no IP address.
    """
    ip = ip_address(address)
    labels = str(ip).split(".") if isinstance(ip, IPv4Address) else ip.exploded.replace(":", "")
    return ".".join(reversed(labels))


def _octets(pattern: str) -> tuple[frozenset[int], ...]:
    parts = re.findall(r"\[[^\]]*\]|[^.\[\]]+", pattern)
    if len(parts) != 4 or ".".join(parts) != pattern:
        words = f'"{pattern}" is not a filter, such as 127.0.0.2 or 127.0.0.[2..11]'
        raise ValueError(words)
    return tuple(_values(part) for part in parts)


def _values(part: str) -> frozenset[int]:
    inner = part[1:-1] if part.startswith("[") else part
    found: set[int] = set()
    for piece in inner.split(";"):
        first, _, last = piece.partition("..")
        low, high = _octet(first, part), _octet(last or first, part)
        if low > high:
            raise ValueError(f'"{piece}" runs backwards')
        found.update(range(low, high + 1))
    return frozenset(found)


def _octet(text: str, part: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and int(text) <= 255):
        raise ValueError(f'"{part}" is not a number from 0 to 255, nor a list of such')
    return int(text)
