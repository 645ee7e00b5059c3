"""Public keys as domains publish them: TXT records at `SELECTOR._domainkey.DOMAIN` (RFC 6376 §3.6).

Values only; who asks the DNS is elsewhere. A record that cannot be used gives a `Flaw`. Sizes are
bounded on both sides: what is too small can be forged (RFC 8301 §3.2), and what is too large, or
has an exponent of its own, costs time at each message.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256

from postroad.mailauth.dkim.result import Flaw, Result
from postroad.mailauth.dkim.settings import LEAST_BITS, MOST_BITS
from postroad.mailauth.dkim.tag_values import BLANKS
from postroad.mailauth.dkim.tags import TagError, tags_of

__all__ = ["PublicKey", "key_of", "key_of_records", "unbase64"]

MOST_EXPONENT_BITS = 33
"""Of an RSA key. All that are made have 17, and some libraries' have one more than 32; with a long
one verifying is as slow as signing."""

ED25519_OCTETS = 32

_SHA256 = Prehashed(SHA256())
_PADDING = PKCS1v15()

_Key: TypeAlias = RSAPublicKey | Ed25519PublicKey


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that a domain publishes.

    Attributes:
        kind: `rsa` or `ed25519`.
        bits: its size.
        is_testing: `t=y`: the domain is trying things out.
        is_strict: `t=s`: `i=` must be the very domain of `d=`.
    """

    kind: str
    bits: int
    is_testing: bool
    is_strict: bool
    _key: _Key

    def is_signed(self, signature: bytes, digest: bytes) -> bool:
        """Whether a signature is this key's.

        Args:
            signature: the octets of `b=`.
            digest: SHA-256 of what is signed; Ed25519 signs the digest (RFC 8463 §3).
        """
        try:
            if isinstance(self._key, Ed25519PublicKey):
                self._key.verify(signature, digest)
            else:
                self._key.verify(signature, digest, _PADDING, _SHA256)
        except InvalidSignature:
            return False
        return True


def key_of_records(records: Sequence[str]) -> PublicKey | Flaw:
    """The key among the TXT records of a name.

    Several keys under one name are nobody's in particular (RFC 6376 §3.6.2.2), so none counts.
    """
    keys = [text for text in records if _is_key(text)]
    if not keys:
        return Flaw(Result.PERMERROR, "no key is published under its name")
    if len(keys) > 1:
        return Flaw(Result.PERMERROR, "several keys are published under its name")
    return key_of(keys[0])


def _is_key(text: str) -> bool:
    """Other TXT records may be there where a wildcard is; those name another version or no key."""
    found = re.match(r"[ \t\r\n]*v[ \t\r\n]*=[ \t\r\n]*([^;]*)", text)
    if found is not None:
        return found[1].strip(" \t\r\n").upper() == "DKIM1"
    return re.search(r"(?:\A|;)[ \t\r\n]*p[ \t\r\n]*=", text) is not None


def key_of(text: str) -> PublicKey | Flaw:
    """The key that a record holds (RFC 6376 §3.6.1)."""
    try:
        tags = tags_of(text)
    except TagError as error:
        return Flaw(Result.PERMERROR, f"the key record cannot be read: {error}")
    if tags.get("v", "DKIM1") != "DKIM1" or ("v" in tags and next(iter(tags)) != "v"):
        return Flaw(Result.PERMERROR, "the key record is of another version")
    if "h" in tags and "sha256" not in _listed(tags["h"]):
        return Flaw(Result.PERMERROR, "the key is not for SHA-256")
    if not {"*", "email"} & set(_listed(tags.get("s", "*"))):
        return Flaw(Result.PERMERROR, "the key is not for mail")
    if "p" not in tags:
        return Flaw(Result.PERMERROR, "the key record holds no key")
    if not tags["p"]:
        return Flaw(Result.PERMERROR, "the key is revoked")
    octets = unbase64(tags["p"])
    if octets is None:
        return Flaw(Result.PERMERROR, "the key is not in base64")
    flags = _listed(tags.get("t", ""))
    return _made(tags.get("k", "rsa").lower(), octets, "y" in flags, "s" in flags)


def _listed(value: str) -> list[str]:
    return [part.strip(" \t\r\n").lower() for part in value.split(":")]


def _made(kind: str, octets: bytes, is_testing: bool, is_strict: bool) -> PublicKey | Flaw:
    if kind == "ed25519":
        if len(octets) != ED25519_OCTETS:
            return Flaw(Result.PERMERROR, "the Ed25519 key has not 32 octets")
        key = Ed25519PublicKey.from_public_bytes(octets)
        return PublicKey(kind, 256, is_testing, is_strict, key)
    if kind != "rsa":
        return Flaw(Result.PERMERROR, "the key is of an unknown kind")
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415 - it is large
        load_der_public_key,
    )

    try:
        # SubjectPublicKeyInfo, which everybody publishes, or RSAPublicKey, which RFC 6376 says.
        loaded = load_der_public_key(octets)
    except (ValueError, UnsupportedAlgorithm):
        return Flaw(Result.PERMERROR, "the RSA key cannot be read")
    if not isinstance(loaded, RSAPublicKey):
        return Flaw(Result.PERMERROR, "the key is no RSA key")
    if loaded.key_size < LEAST_BITS:
        words = f"the RSA key of {loaded.key_size} bits is too small"
        return Flaw(Result.POLICY, words)
    if loaded.key_size > MOST_BITS:
        return Flaw(Result.POLICY, f"the RSA key of {loaded.key_size} bits is too large")
    if loaded.public_numbers().e.bit_length() > MOST_EXPONENT_BITS:
        return Flaw(Result.POLICY, "the exponent of the RSA key is too large")
    return PublicKey(kind, loaded.key_size, is_testing, is_strict, loaded)


def unbase64(text: str) -> bytes | None:
    """Octets from base64 with blanks anywhere (RFC 6376 §3.2); `None` where it is none."""
    try:
        return base64.b64decode(BLANKS.sub("", text), validate=True)
    except (binascii.Error, ValueError):
        return None
