"""What a server keeps of a password so that the password itself need not be sent.

The mechanisms that prove a password (CRAM-MD5, SCRAM) compute with these values; the directory
stores and finds them. Neither a password nor its hash is among them, but a CRAM-MD5 secret is as
good as the password to whoever steals it, and a SCRAM verifier can be guessed at (RFC 5802 §9).
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from enum import Enum

from postroad.sasl.md5 import block_state, digest_from
from postroad.sasl.saslprep import saslprep

__all__ = [
    "SALT_SIZE",
    "SCRAM_ITERATIONS",
    "CramSecret",
    "ScramSecret",
    "Secret",
    "SecretKind",
]

SCRAM_ITERATIONS = 100_000
"""How often a password is hashed for a SCRAM verifier, unless one says otherwise. The client does
that work at each login, some 50 ms of it; who steals a verifier does it for each guess. RFC 7677 §4
asks for 15,000 and more as machines grow faster."""

SALT_SIZE = 16
"""Octets of the salt of a SCRAM verifier, unless one says otherwise."""

_BLOCK = 64  # octets of an MD5 block; HMAC pads or hashes its key to one (RFC 2104 §2)


class SecretKind(Enum):
    """For which mechanism a secret is; the value is the mechanism's name, without -PLUS."""

    CRAM_MD5 = "CRAM-MD5"
    SCRAM_SHA_1 = "SCRAM-SHA-1"
    SCRAM_SHA_256 = "SCRAM-SHA-256"

    @property
    def digest(self) -> str:
        """The hash of the mechanism, by hashlib's name."""
        return _DIGESTS[self]


_DIGESTS = {
    SecretKind.CRAM_MD5: "md5",
    SecretKind.SCRAM_SHA_1: "sha1",
    SecretKind.SCRAM_SHA_256: "sha256",
}


@dataclass(frozen=True, slots=True)
class ScramSecret:
    """A SCRAM verifier (RFC 5802 §3).

    Attributes:
        salt: octets.
        iterations: how often the password was hashed, a number.
        stored_key: H(ClientKey).
        server_key: HMAC(SaltedPassword, "Server Key").
    """

    salt: bytes
    iterations: int
    stored_key: bytes = field(repr=False)
    server_key: bytes = field(repr=False)

    @classmethod
    def of(
        cls, kind: SecretKind, password: str, salt: bytes, iterations: int = SCRAM_ITERATIONS
    ) -> ScramSecret:
        """The verifier of a password (RFC 5802 §3); some ten milliseconds of work.

        Args:
            kind: for which mechanism.
            password: in clear text.
            salt: octets, new ones for each verifier.
            iterations: how often to hash, a number.
        """
        octets = saslprep(password).encode("utf-8", "surrogatepass")
        salted = hashlib.pbkdf2_hmac(kind.digest, octets, salt, iterations)
        client_key = hmac.digest(salted, b"Client Key", kind.digest)
        stored_key = hashlib.new(kind.digest, client_key).digest()
        return cls(salt, iterations, stored_key, hmac.digest(salted, b"Server Key", kind.digest))


@dataclass(frozen=True, slots=True)
class CramSecret:
    """The states of HMAC-MD5's two hashes after the key's block, 16 octets each.

    They are all that RFC 2195 needs of the password, and what Dovecot keeps as `{CRAM-MD5}`.
    """

    outer: bytes = field(repr=False)
    inner: bytes = field(repr=False)

    @classmethod
    def of(cls, password: bytes) -> CramSecret:
        """The secret of a password that is known in clear text, in UTF-8."""
        key = password if len(password) <= _BLOCK else digest_from(None, password)
        key = key.ljust(_BLOCK, b"\0")
        return cls(
            block_state(bytes(octet ^ 0x5C for octet in key)),
            block_state(bytes(octet ^ 0x36 for octet in key)),
        )

    def digest(self, message: bytes) -> bytes:
        """HMAC-MD5 of the message under the password; 16 octets."""
        return digest_from(self.outer, digest_from(self.inner, message))


Secret = ScramSecret | CramSecret
