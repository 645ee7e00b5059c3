"""What EHLO and LHLO announce (RFC 5321 §4.1.1.1): one table, in Postfix's order.

An extension is announced exactly where it is taken. The `Offer` comes from the listener; the
core changes it once, when TLS has started.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from postroad.smtp.attributes import XCLIENT, XFORWARD
from postroad.smtp.settings import SessionLimits

__all__ = ["EXTENSIONS", "Offer", "announced"]

BROKEN_AUTH_MECHANISMS = ("LOGIN", "PLAIN")
"""What clients that read `AUTH=` know (they are older than RFC 2554), in the order they expect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a listener offers.

    Attributes:
        lmtp: whether it speaks LMTP (RFC 2033): LHLO for EHLO and HELO, and behind the content
            one reply for each recipient that was taken.
        starttls: whether STARTTLS can be had.
        secure: whether TLS is there already.
        require_tls: whether mail and login wait for TLS (530 before it).
        mechanisms: SASL mechanisms; empty means no AUTH.
        plain_auth: whether AUTH can be had without TLS too.
        broken_auth: whether AUTH is announced once more in the form `AUTH=LOGIN PLAIN`.
        etrn: RFC 1985.
        vrfy: whether VRFY is asked about; otherwise every argument gets the same 252.
        requiretls: RFC 8689; offered and taken only under TLS.
        future_release: the longest time a client may have mail held back, seconds (RFC 4865);
            0 is off.
        future_release_end: the latest moment that HOLDUNTIL may name, seconds since the epoch; the
            extension is announced with both.
        deliver_by: RFC 2852.
        priority: RFC 6710.
        xclient: whether the client may speak for another one (Postfix's XCLIENT_README).
        xforward: whether it may say whom it got mail from (Postfix's XFORWARD_README).
        dsn: RFC 3461.
        chunking: RFC 3030.
        binarymime: RFC 3030; only along with `chunking`.
        limits: RFC 9422, where there is a limit to announce.
    """

    lmtp: bool = False
    starttls: bool = False
    secure: bool = False
    require_tls: bool = False
    mechanisms: tuple[str, ...] = ()
    plain_auth: bool = False
    broken_auth: bool = False
    etrn: bool = False
    vrfy: bool = False
    requiretls: bool = False
    future_release: int = 0
    future_release_end: float = 0.0
    deliver_by: bool = False
    priority: bool = False
    xclient: bool = False
    xforward: bool = False
    dsn: bool = True
    chunking: bool = True
    binarymime: bool = True
    limits: bool = True

    @property
    def has_auth(self) -> bool:
        """Whether AUTH can be had now."""
        return (self.secure or self.plain_auth) and bool(self.mechanisms)

    @property
    def has_binarymime(self) -> bool:
        """Whether BODY=BINARYMIME is taken: DATA cannot carry it (RFC 3030 §3)."""
        return self.binarymime and self.chunking

    @property
    def has_requiretls(self) -> bool:
        """Whether REQUIRETLS can be had now (RFC 8689 §4)."""
        return self.requiretls and self.secure


def _size(_: Offer, limits: SessionLimits) -> str:
    # Without a number no fixed maximum is in force (RFC 1870 §4).
    return f"SIZE {limits.message_size}" if limits.message_size else "SIZE"


def _auth(offer: Offer, _: SessionLimits) -> str:
    return f"AUTH {' '.join(offer.mechanisms)}" if offer.has_auth else ""


def _broken_auth(offer: Offer, _: SessionLimits) -> str:
    known = [name for name in BROKEN_AUTH_MECHANISMS if name in offer.mechanisms]
    return f"AUTH={' '.join(known)}" if offer.broken_auth and offer.has_auth and known else ""


def _future_release(offer: Offer, _: SessionLimits) -> str:
    # RFC 4865 §4: the longest interval in seconds, and the latest moment in UTC.
    if not offer.future_release:
        return ""
    end = datetime.fromtimestamp(offer.future_release_end, UTC)
    return f"FUTURERELEASE {offer.future_release} {end:%Y-%m-%dT%H:%M:%SZ}"


def _limits(offer: Offer, limits: SessionLimits) -> str:
    return f"LIMITS RCPTMAX={limits.recipients}" if offer.limits and limits.recipients else ""


EXTENSIONS: dict[str, Callable[[Offer, SessionLimits], str]] = {
    "PIPELINING": lambda _offer, _limits: "PIPELINING",  # RFC 2920
    "SIZE": _size,  # RFC 1870
    "VRFY": lambda offer, _: "VRFY" if offer.vrfy else "",  # RFC 5321 §3.5
    "ETRN": lambda offer, _: "ETRN" if offer.etrn else "",  # RFC 1985
    "STARTTLS": lambda offer, _: (  # RFC 3207
        "STARTTLS" if offer.starttls and not offer.secure else ""
    ),
    "AUTH": _auth,  # RFC 4954
    "AUTH=": _broken_auth,
    "XCLIENT": lambda offer, _: f"XCLIENT {' '.join(XCLIENT)}" if offer.xclient else "",
    "XFORWARD": lambda offer, _: f"XFORWARD {' '.join(XFORWARD)}" if offer.xforward else "",
    "ENHANCEDSTATUSCODES": lambda _offer, _limits: "ENHANCEDSTATUSCODES",  # RFC 2034
    "8BITMIME": lambda _offer, _limits: "8BITMIME",  # RFC 6152
    "DSN": lambda offer, _: "DSN" if offer.dsn else "",  # RFC 3461
    "SMTPUTF8": lambda _offer, _limits: "SMTPUTF8",  # RFC 6531
    "CHUNKING": lambda offer, _: "CHUNKING" if offer.chunking else "",  # RFC 3030
    "BINARYMIME": lambda offer, _: "BINARYMIME" if offer.has_binarymime else "",  # RFC 3030
    "REQUIRETLS": lambda offer, _: "REQUIRETLS" if offer.has_requiretls else "",  # RFC 8689
    "FUTURERELEASE": _future_release,  # RFC 4865
    # RFC 2852 §4: the least by-time would follow; without it any is taken.
    "DELIVERBY": lambda offer, _: "DELIVERBY" if offer.deliver_by else "",
    "MT-PRIORITY": lambda offer, _: "MT-PRIORITY" if offer.priority else "",  # RFC 6710
    "LIMITS": _limits,  # RFC 9422
}
"""Keyword -> its EHLO line, empty where it is not offered now."""


@lru_cache(maxsize=64)  # a few offers serve all clients of a listener
def announced(offer: Offer, limits: SessionLimits) -> tuple[str, ...]:
    """The lines that follow the host name in the answer to EHLO."""
    lines = (line(offer, limits) for line in EXTENSIONS.values())
    return tuple(line for line in lines if line)
