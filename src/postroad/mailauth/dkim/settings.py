"""The section of the configuration that DKIM reads."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from postroad.model.address import domain_key
from postroad.model.units import Duration
from postroad.net.dns_records import to_ascii

__all__ = [
    "LEAST_BITS",
    "MOST_BITS",
    "OVERSIGNED",
    "SIGNED",
    "DkimDomainSettings",
    "DkimKeySettings",
    "DkimSettings",
    "name_of_domain",
]

LEAST_BITS = 1024
MOST_BITS = 8192
"""Bits of an RSA key. RFC 8301 §3.2 wants 1024 to 4096 and lets a verifier take larger ones; with
8192 one signature takes half a millisecond."""

OVERSIGNED = (
    "From",
    "To",
    "Cc",
    "Subject",
    "Date",
    "Message-ID",
    "Reply-To",
    "In-Reply-To",
    "References",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
)
"""What readers show or go by, and what nobody on the way has a reason to add: a second From or
Content-Type, or a Reply-To where there was none, makes another message of the same text."""

SIGNED = (
    "Sender",
    "Resent-From",
    "Resent-To",
    "Resent-Cc",
    "Resent-Date",
    "Resent-Message-ID",
    "Content-ID",
    "Content-Description",
    "Content-Disposition",
    "Content-Language",
    "List-Id",
    "List-Help",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "List-Subscribe",
    "List-Post",
    "List-Owner",
    "List-Archive",
    "Auto-Submitted",
    "Autocrypt",
)
"""What is signed where it is there, but may be added: lists and resending programs do that, and
need not break the signature by it. RFC 8058 §4 wants List-Unsubscribe-Post signed."""

_FIELD_NAME = re.compile(r"[A-Za-z0-9-]{1,70}\Z")


def name_of_domain(text: str) -> str:
    """A domain in A-labels and lower case, as signatures name it; empty where it is none."""
    name = domain_key(text)
    return name if name.isascii() else to_ascii(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class DkimKeySettings:
    """`[[dkim.keys]]`: a key in a file of the operator's, which is published already.

    Attributes:
        domain: the domain that it signs for.
        selector: the name under which it is published.
        file: the private key in PEM form, readable by the server's user.
    """

    domain: str
    selector: str
    file: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class DkimDomainSettings:
    """`[dkim.domain."NAME"]`: what holds for mail from one domain.

    Attributes:
        sign: whether it is signed.
        signer: the domain whose keys sign it; empty: its own, or the nearest one above with keys.
        selectors: the keys that sign; empty: all that are in use.
    """

    sign: bool = True
    signer: str = ""
    selectors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DkimSettings:
    """`[dkim]`: signatures on mail that leaves.

    Attributes:
        sign: whether mail is signed, where there are keys.
        bits: of RSA keys that are made.
        signed_headers: fields that are signed as often as they are there; `None`: `SIGNED`.
        oversigned_headers: fields that are signed once more than that, so that none can be added;
            `None`: `OVERSIGNED`.
        expiry: seconds for which signatures are good; 0: without an end.
        sign_unpublished: whether a new key signs before its record was seen in the DNS.
        check_every: seconds between two looks for the records of new keys.
        retire: seconds for which the record of a replaced key is to stay published: mail that it
            signed is still on its way, or is read again.
        keys: keys in files of the operator's.
        domain: what holds for one domain, by its name.
    """

    sign: bool = True
    bits: int = 2048
    signed_headers: tuple[str, ...] | None = None
    oversigned_headers: tuple[str, ...] | None = None
    expiry: Duration = 0.0
    sign_unpublished: bool = False
    check_every: Duration = 300.0
    retire: Duration = 604_800.0
    keys: tuple[DkimKeySettings, ...] = ()
    domain: dict[str, DkimDomainSettings] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = (*self.signed, *self.oversigned)
        for name in names:
            if not _FIELD_NAME.match(name):
                raise ValueError(f"{name!r} is no name of a header field")
        lower = [name.lower() for name in names]
        if "from" not in lower:
            raise ValueError("From must be among the fields that are signed (RFC 6376 §5.4)")
        twice = next((name for name in lower if lower.count(name) > 1), "")
        if twice:
            raise ValueError(f"{twice} is named twice among the fields to sign")

    @property
    def signed(self) -> tuple[str, ...]:
        """Fields that are signed as often as they are there."""
        if self.signed_headers is not None:
            return self.signed_headers
        over = {name.lower() for name in self.oversigned_headers or ()}
        return tuple([name for name in SIGNED if name.lower() not in over])

    @property
    def oversigned(self) -> tuple[str, ...]:
        """Fields that are signed once more than they are there."""
        if self.oversigned_headers is not None:
            return self.oversigned_headers
        only = {name.lower() for name in self.signed_headers or ()}
        return tuple([name for name in OVERSIGNED if name.lower() not in only])
