"""A SCRAM client as RFC 5802 describes it, so that what the server says is checked by another."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode

from postroad.sasl import ScramSecret, SecretKind


def verifier(
    password: str = "summersun",
    *,
    kind: SecretKind = SecretKind.SCRAM_SHA_256,
    salt: bytes = b"sixteen octets!!",
    iterations: int = 16,
) -> ScramSecret:
    """What a server keeps of a password; few iterations, because tests make many."""
    salted = hashlib.pbkdf2_hmac(kind.digest, password.encode(), salt, iterations)
    client_key = hmac.digest(salted, b"Client Key", kind.digest)
    stored_key = hashlib.new(kind.digest, client_key).digest()
    return ScramSecret(
        salt, iterations, stored_key, hmac.digest(salted, b"Server Key", kind.digest)
    )


class ScramClient:
    """One exchange, from the client's side.

    Args:
        name: the login name as it goes on the wire, escaped where need be.
        password: its password.
        kind: which hash.
        header: the GS2 header.
        binding: the data that the header's type of channel binding stands for.
        nonce: the client's.
    """

    def __init__(
        self,
        name: str = "john@example.org",
        password: str = "summersun",
        *,
        kind: SecretKind = SecretKind.SCRAM_SHA_256,
        header: str = "n,,",
        binding: bytes = b"",
        nonce: str = "theclientsnonce",
    ) -> None:
        self._password = password
        self._digest = kind.digest
        self._header = header
        self._bound = header.encode() + binding
        self._bare = f"n={name},r={nonce}"
        self._nonce = nonce
        self._server_key = b""
        self._signed = b""

    def first(self) -> bytes:
        return f"{self._header}{self._bare}".encode()

    def final(self, challenge: bytes) -> bytes:
        """The answer to the server's first message."""
        nonce, salt, iterations = (part.partition("=")[2] for part in challenge.decode().split(","))
        assert nonce.startswith(self._nonce)
        assert len(nonce) > len(self._nonce)
        salted = hashlib.pbkdf2_hmac(
            self._digest, self._password.encode(), b64decode(salt), int(iterations)
        )
        key = hmac.digest(salted, b"Client Key", self._digest)
        self._server_key = hmac.digest(salted, b"Server Key", self._digest)
        without_proof = f"c={b64encode(self._bound).decode()},r={nonce}"
        self._signed = f"{self._bare},{challenge.decode()},{without_proof}".encode()
        stored = hashlib.new(self._digest, key).digest()
        signature = hmac.digest(stored, self._signed, self._digest)
        proof = bytes(a ^ b for a, b in zip(key, signature, strict=True))
        return f"{without_proof},p={b64encode(proof).decode()}".encode()

    def believes(self, challenge: bytes) -> bool:
        """Whether the server's final message proves that it knows the password as well."""
        ours = hmac.digest(self._server_key, self._signed, self._digest)
        return challenge == b"v=" + b64encode(ours)
