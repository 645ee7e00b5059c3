"""What an Authentication-Results field says, as values (RFC 8601 §2.2).

Texts here are as they mean; quoting and folding are `writing`'s and `reading`'s business.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["AuthenticationResults", "MethodResult", "Property"]


class Property(NamedTuple):
    """A `propspec`: `smtp.mailfrom=lisa@example.net` is `("smtp", "mailfrom", …)`."""

    kind: str
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class MethodResult:
    """A `resinfo`: what one method found.

    Attributes:
        method: `spf`, `dkim`, `dmarc`, `arc`, `iprev`.
        result: its word.
        comment: for people; not read back by programs.
        reason: the same, where programs may show it.
        properties: what was looked at.
    """

    method: str
    result: str
    comment: str = ""
    reason: str = ""
    properties: tuple[Property, ...] = ()

    def value(self, kind: str, name: str) -> str:
        """A property's value; empty where it is not there."""
        return next((each.value for each in self.properties if each[:2] == (kind, name)), "")


@dataclass(frozen=True, slots=True)
class AuthenticationResults:
    """A whole field.

    Attributes:
        authserv_id: whose results they are.
        results: in order; empty: `none`.
    """

    authserv_id: str
    results: tuple[MethodResult, ...] = ()
