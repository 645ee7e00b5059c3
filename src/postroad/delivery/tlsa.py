"""TLSA records (RFC 6698): what they say, and which of them mail can use (RFC 7672 §3.1).

Values and their text form only. Whether a certificate matches is asked in `dane`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

__all__ = ["DANE_EE", "DANE_TA", "Tlsa", "read", "usable"]

DANE_TA = 2
"""The record names an authority, which must have signed (RFC 7671 §5.2)."""

DANE_EE = 3
"""The record names the server's own certificate or key (RFC 7671 §5.1)."""

_DIGESTS = {1: "sha256", 2: "sha512"}  # RFC 6698 §2.1.3; 0 is no digest

MAX_USED = 100
"""Records of a host that are looked at."""


class Tlsa(NamedTuple):
    """A record.

    Attributes:
        usage: 0 to 3 (RFC 6698 §2.1.1).
        selector: 0: the whole certificate; 1: its public key.
        matching: 0: as it is; 1: SHA-256; 2: SHA-512.
        data: what has to be equal.
    """

    usage: int
    selector: int
    matching: int
    data: bytes

    @property
    def is_usable(self) -> bool:
        """Whether mail can go by it.

        Usages 0 and 1 want the world's authorities, which SMTP clients do not share (RFC 7672
        §3.1.3); unknown selectors and digests cannot be computed. A digest of the wrong length
        can match nothing, and a malformed record must not stop mail (RFC 7671 §10.1.1).
        """
        if self.usage not in (DANE_TA, DANE_EE) or self.selector not in (0, 1):
            return False
        if self.matching == 0:
            return bool(self.data)
        digest = _DIGESTS.get(self.matching)
        return digest is not None and len(self.data) == hashlib.new(digest).digest_size

    def is_of(self, selected: bytes) -> bool:
        """Whether the certificate or the key, as the selector has it, is the one meant.

        Args:
            selected: DER of a certificate, or of its SubjectPublicKeyInfo.
        """
        if self.matching == 0:
            return selected == self.data
        return hashlib.new(_DIGESTS[self.matching], selected).digest() == self.data

    def __str__(self) -> str:
        return f"{self.usage} {self.selector} {self.matching} {self.data.hex()}"


def read(text: str) -> Tlsa | None:
    """A record from its zone file form; `None` for what is none."""
    words = text.split(maxsplit=3)
    if len(words) != 4 or not all(word.isdecimal() for word in words[:3]):
        return None
    try:
        data = bytes.fromhex(words[3])
    except ValueError:
        return None
    usage, selector, matching = map(int, words[:3])
    return Tlsa(usage, selector, matching, data)


def usable(texts: Iterable[str]) -> tuple[Tlsa, ...]:
    """Those that mail can use.

    Of several digests for one usage and selector only the strongest counts, so that a weak one
    cannot be used to get around it (RFC 7671 §9); records without a digest always count.
    """
    known = [record for record in map(read, texts) if record is not None and record.is_usable]
    strongest: dict[tuple[int, int], int] = {}
    for record in known:
        key = record.usage, record.selector
        strongest[key] = max(strongest.get(key, 0), record.matching)
    return tuple(
        record
        for record in known[:MAX_USED]
        if record.matching in (0, strongest[record.usage, record.selector])
    )
