"""What a server says it can do: the lines of its reply to EHLO or LHLO (RFC 5321 §4.1.1.1).

The client's counterpart of `offer`, which is what we say ourselves.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

__all__ = ["Extensions"]


@dataclass(frozen=True, slots=True)
class Extensions:
    """A server's service extensions, those that a client here makes use of.

    Attributes:
        size: largest message in octets (RFC 1870); 0: SIZE without a limit; `None`: no SIZE.
        pipelining: RFC 2920.
        eight_bit_mime: RFC 6152.
        smtputf8: RFC 6531.
        starttls: RFC 3207.
        enhanced_status_codes: RFC 2034.
        mechanisms: SASL mechanisms in upper case (RFC 4954).
    """

    size: int | None = None
    pipelining: bool = False
    eight_bit_mime: bool = False
    smtputf8: bool = False
    starttls: bool = False
    enhanced_status_codes: bool = False
    mechanisms: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, lines: Iterable[str]) -> Self:
        """Read the lines that follow the one with the server's name; unknown ones are passed over.

        `AUTH=LOGIN PLAIN` counts as AUTH: servers older than RFC 2554 write it so.
        """
        offered: dict[str, list[str]] = {}
        for line in lines:
            keyword, *parameters = line.upper().replace("AUTH=", "AUTH ", 1).split() or [""]
            offered.setdefault(keyword, []).extend(parameters)
        return cls(
            size=_size(offered["SIZE"]) if "SIZE" in offered else None,
            pipelining="PIPELINING" in offered,
            eight_bit_mime="8BITMIME" in offered,
            smtputf8="SMTPUTF8" in offered,
            starttls="STARTTLS" in offered,
            enhanced_status_codes="ENHANCEDSTATUSCODES" in offered,
            mechanisms=frozenset(offered.get("AUTH", ())),
        )


def _size(parameters: list[str]) -> int:
    """The limit; 0 where none is given or it is no sensible number."""
    digits = parameters[0] if parameters else ""
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 20 else 0
