"""What EHLO announces (RFC 5321 §4.1.1.1): one table, in Postfix's order.

An extension is announced exactly where it is taken. The `Offer` comes from the listener; the
core changes it once, when TLS has started.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from postroad.smtp.settings import SessionLimits

__all__ = ["EXTENSIONS", "Offer", "announced"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a listener offers.

    Attributes:
        starttls: whether STARTTLS can be had.
        secure: whether TLS is there already.
        require_tls: whether mail and login wait for TLS (530 before it).
        mechanisms: SASL mechanisms, offered and taken only under TLS; empty means no AUTH.
    """

    starttls: bool = False
    secure: bool = False
    require_tls: bool = False
    mechanisms: tuple[str, ...] = ()

    @property
    def has_auth(self) -> bool:
        """Whether AUTH can be had now."""
        return self.secure and bool(self.mechanisms)


def _size(_: Offer, limits: SessionLimits) -> str:
    # Without a number no fixed maximum is in force (RFC 1870 §4).
    return f"SIZE {limits.message_size}" if limits.message_size else "SIZE"


def _starttls(offer: Offer, _: SessionLimits) -> str:
    return "STARTTLS" if offer.starttls and not offer.secure else ""


def _auth(offer: Offer, _: SessionLimits) -> str:
    return f"AUTH {' '.join(offer.mechanisms)}" if offer.has_auth else ""


EXTENSIONS: dict[str, Callable[[Offer, SessionLimits], str]] = {
    "PIPELINING": lambda _offer, _limits: "PIPELINING",  # RFC 2920
    "SIZE": _size,  # RFC 1870
    "STARTTLS": _starttls,  # RFC 3207
    "AUTH": _auth,  # RFC 4954
    "ENHANCEDSTATUSCODES": lambda _offer, _limits: "ENHANCEDSTATUSCODES",  # RFC 2034
    "8BITMIME": lambda _offer, _limits: "8BITMIME",  # RFC 6152
    "SMTPUTF8": lambda _offer, _limits: "SMTPUTF8",  # RFC 6531
}
"""Keyword -> its EHLO line, empty where it is not offered now."""


def announced(offer: Offer, limits: SessionLimits) -> tuple[str, ...]:
    """The lines that follow the host name in the answer to EHLO."""
    lines = (line(offer, limits) for line in EXTENSIONS.values())
    return tuple(line for line in lines if line)
