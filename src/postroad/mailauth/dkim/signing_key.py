"""A private key that signs for a domain, and the record that its public half is published in.

Values only: where keys are kept is elsewhere.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256

from postroad.mailauth.dkim.settings import LEAST_BITS, MOST_BITS

__all__ = ["KEY_KINDS", "KeyMistake", "SigningKey", "new_key", "published"]

KEY_KINDS = ("rsa", "ed25519")

EXPONENT = 65_537
"""Of RSA keys that are made here: the usual one."""

STRING = 255
"""Characters of one string of a TXT record (RFC 1035 §3.3.14)."""

_SHA256 = Prehashed(SHA256())
_PADDING = PKCS1v15()

_Key: TypeAlias = RSAPrivateKey | Ed25519PrivateKey


class KeyMistake(Exception):
    """A key cannot be used; one line for an operator, without anything of the key."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key with its place in the DNS.

    Attributes:
        domain: `d=`, in A-labels and lower case.
        selector: `s=` likewise.
    """

    domain: str
    selector: str
    _key: _Key = field(repr=False)

    @classmethod
    def of(cls, domain: str, selector: str, pem: bytes, *, is_proven: bool = False) -> SigningKey:
        """From a PEM file's octets: PKCS #8, or PKCS #1 as OpenDKIM writes it.

        Args:
            domain: whom it signs for.
            selector: its name in the DNS.
            pem: the octets.
            is_proven: whether it was made here, so that the numbers of an RSA key need not be
                proven prime, which takes a tenth of a second.

        Raises:
            KeyMistake: there is no key in it that could sign.
        """
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - it is large

        try:
            key = serialization.load_pem_private_key(
                pem, None, unsafe_skip_rsa_key_validation=is_proven
            )
        except TypeError:
            raise KeyMistake("the key is protected by a password") from None
        except (ValueError, UnsupportedAlgorithm):
            raise KeyMistake("there is no private key in PEM form in it") from None
        if isinstance(key, Ed25519PrivateKey):
            return cls(domain, selector, key)
        if not isinstance(key, RSAPrivateKey):
            raise KeyMistake("the key is neither RSA nor Ed25519")
        if not LEAST_BITS <= key.key_size <= MOST_BITS:
            raise KeyMistake(f"RSA keys have {LEAST_BITS} to {MOST_BITS} bits, not {key.key_size}")
        return cls(domain, selector, key)

    @property
    def kind(self) -> str:
        """`rsa` or `ed25519`."""
        return "ed25519" if isinstance(self._key, Ed25519PrivateKey) else "rsa"

    @property
    def bits(self) -> int:
        """Its size."""
        return 256 if isinstance(self._key, Ed25519PrivateKey) else self._key.key_size

    @property
    def algorithm(self) -> str:
        """`a=`."""
        return f"{self.kind}-sha256"

    @property
    def name(self) -> str:
        """Where its record is published, without the root's dot."""
        return f"{self.selector}._domainkey.{self.domain}"

    @property
    def record(self) -> str:
        """The text of that record (RFC 6376 §3.6.1, RFC 8463 §4)."""
        return f"v=DKIM1; k={self.kind}; p={base64.b64encode(self._public).decode('ascii')}"

    @property
    def pem(self) -> bytes:
        """The key as a file holds it; a secret."""
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - it is large

        return self._key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    def sign(self, digest: bytes) -> bytes:
        """The signature of a SHA-256 digest (RFC 8463 §3 for Ed25519)."""
        if isinstance(self._key, Ed25519PrivateKey):
            return self._key.sign(digest)
        return self._key.sign(digest, _PADDING, _SHA256)

    @property
    def _public(self) -> bytes:
        if isinstance(self._key, Ed25519PrivateKey):
            return self._key.public_key().public_bytes_raw()
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - it is large

        return self._key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )


def new_key(domain: str, selector: str, kind: str, bits: int) -> SigningKey:
    """Make a key.

    Args:
        domain: whose.
        selector: under which name.
        kind: one of `KEY_KINDS`.
        bits: of an RSA key.
    """
    if kind == "ed25519":
        return SigningKey(domain, selector, Ed25519PrivateKey.generate())
    return SigningKey(domain, selector, generate_private_key(EXPONENT, bits))


def published(key: SigningKey) -> str:
    """The record as a line of a zone file, in strings that DNS can hold."""
    text = key.record
    strings = [f'"{text[at : at + STRING]}"' for at in range(0, len(text), STRING)]
    value = strings[0] if len(strings) == 1 else f"( {' '.join(strings)} )"
    return f"{key.name}. TXT {value}"
