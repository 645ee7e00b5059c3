"""What a server says it can do: the lines of its reply to EHLO or LHLO (RFC 5321 §4.1.1.1).

The client's counterpart of `offer`, which is what we say ourselves. A line that breaks its RFC's
grammar is passed over, as an unknown one is: what is not understood is not relied on.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

__all__ = ["Extensions", "Limits"]

MAX_DIGITS = 20  # of a number a server announces; SIZE (RFC 1870 §4) has the longest
_LIMIT_DIGITS = 6  # RFC 9422 §7.2
_BY_DIGITS = 9  # RFC 2852 §4


@dataclass(frozen=True, slots=True)
class Limits:
    """What a server will take, as it announces it (RFC 9422 §4); 0: not said.

    Attributes:
        messages: MAIL commands in one session, whether they succeed or not.
        recipients: RCPT commands in one transaction, whether they succeed or not.
        domains: different domains among the recipients of one transaction.
    """

    messages: int = 0
    recipients: int = 0
    domains: int = 0


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
        dsn: RFC 3461.
        chunking: RFC 3030 §2.
        binary_mime: RFC 3030 §3, with CHUNKING, which it cannot do without.
        require_tls: RFC 8689.
        deliver_by: least seconds for mode R (RFC 2852 §2); 0: none; `None`: no DELIVERBY.
        priority: MT-PRIORITY (RFC 6710).
        limits: RFC 9422; `None` where none that we know is announced.
    """

    size: int | None = None
    pipelining: bool = False
    eight_bit_mime: bool = False
    smtputf8: bool = False
    starttls: bool = False
    enhanced_status_codes: bool = False
    mechanisms: frozenset[str] = frozenset()
    dsn: bool = False
    chunking: bool = False
    binary_mime: bool = False
    require_tls: bool = False
    deliver_by: int | None = None
    priority: bool = False
    limits: Limits | None = None

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
            size=_number(offered["SIZE"], MAX_DIGITS) if "SIZE" in offered else None,
            pipelining="PIPELINING" in offered,
            eight_bit_mime="8BITMIME" in offered,
            smtputf8="SMTPUTF8" in offered,
            starttls="STARTTLS" in offered,
            enhanced_status_codes="ENHANCEDSTATUSCODES" in offered,
            mechanisms=frozenset(offered.get("AUTH", ())),
            dsn="DSN" in offered,
            chunking="CHUNKING" in offered,
            binary_mime="BINARYMIME" in offered and "CHUNKING" in offered,
            require_tls="REQUIRETLS" in offered,
            deliver_by=(
                _number(offered["DELIVERBY"], _BY_DIGITS) if "DELIVERBY" in offered else None
            ),
            priority="MT-PRIORITY" in offered,
            limits=_limits(offered.get("LIMITS", ())),
        )


def _number(parameters: list[str], digits: int) -> int:
    """The first parameter; 0 where there is none or it is no sensible number."""
    return _decimal(parameters[0], digits) if parameters else 0


def _decimal(text: str, digits: int) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= digits else 0


def _limits(parameters: Iterable[str]) -> Limits | None:
    """The limits among `NAME=value` words; unknown names are passed over (RFC 9422 §3)."""
    said = {name: value for name, _, value in (word.partition("=") for word in parameters)}
    limits = Limits(
        messages=_decimal(said.get("MAILMAX", ""), _LIMIT_DIGITS),
        recipients=_decimal(said.get("RCPTMAX", ""), _LIMIT_DIGITS),
        domains=_decimal(said.get("RCPTDOMAINMAX", ""), _LIMIT_DIGITS),
    )
    return None if limits == Limits() else limits
