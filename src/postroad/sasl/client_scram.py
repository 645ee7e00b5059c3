"""The client's side of SCRAM (RFC 5802, RFC 7677), with and without channel binding.

The server proves itself as well: until its signature was seen, its word that the login succeeded
is worth nothing. What a server may make us compute is bounded.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping

from postroad.sasl.saslprep import saslprep

__all__ = ["MAX_ITERATIONS", "ScramClient"]

MAX_ITERATIONS = 1_000_000
"""Rounds of hashing that a server may ask for; some half a second. Usual are 4,096 to 600,000."""

MIN_ITERATIONS = 4096
"""RFC 5802 §5.1, RFC 7677 §4. Fewer would let whoever reads the exchange guess quickly."""

MAX_CHALLENGE = 4096
"""Octets of a server's message."""

_FIRST = re.compile(
    r"r=(?P<nonce>[!-+\--~]{1,1024}),s=(?P<salt>[A-Za-z0-9+/=]{1,1024}),i=(?P<rounds>[0-9]{1,9})"
    r"(?:,[A-Za-z]=[^,\0]+)*\Z"
)
_FINAL = re.compile(r"v=(?P<signature>[A-Za-z0-9+/=]+)(?:,[A-Za-z]=[^,\0]+)*\Z")
_ERROR = re.compile(r"e=(?P<words>[!-+\--~]{1,100})")

_PREFERRED = ("tls-unique", "tls-server-end-point")
"""Types of channel binding. The first is the one that RFC 5802 §6 has servers know; there is none
of it with TLS 1.3, and of RFC 9266's, which there is, Python's ssl module knows nothing."""


class ScramClient:
    """Implements `ClientExchange`.

    Args:
        digest: the hash, by hashlib's name.
        username, password: of the login.
        nonce: ours.
        bindings: what the TLS connection can be known by, for a mechanism with -PLUS; `None` for
            one without.
        could_bind: whether we could bind, and the server offers no mechanism that does. A server
            that did offer one then sees that somebody has changed its list on the way.
    """

    __slots__ = (
        "_bare",
        "_bound",
        "_digest",
        "_header",
        "_nonce",
        "_password",
        "_signature",
        "complete",
        "failure",
    )

    def __init__(
        self,
        digest: str,
        username: str,
        password: str,
        nonce: str,
        *,
        bindings: Mapping[str, frozenset[bytes]] | None = None,
        could_bind: bool = False,
    ) -> None:
        self._digest = digest
        self._password = password
        self._nonce = nonce
        name = saslprep(username).replace("=", "=3D").replace(",", "=2C")
        self._bare = f"n={name},r={nonce}"
        self._header, self._bound = ("y,," if could_bind else "n,,"), b""
        for kind in _PREFERRED if bindings else ():
            if bindings and bindings.get(kind):
                self._header, self._bound = f"p={kind},,", next(iter(bindings[kind]))
                break
        self._signature: bytes | None = None
        self.complete = False
        self.failure = ""

    def begin(self) -> bytes:
        """The client's first message (RFC 5802 §7)."""
        return f"{self._header}{self._bare}".encode()

    def respond(self, challenge: bytes) -> bytes | None:
        """The proof, then the acknowledgement of the server's own."""
        try:
            message = challenge.decode() if len(challenge) <= MAX_CHALLENGE else ""
        except UnicodeDecodeError:
            message = ""
        error = _ERROR.match(message)
        if error is not None:
            return self._give_up(f"the server says {error['words']}")
        if self._signature is None:
            return self._prove(message)
        return self._check(message)

    def _prove(self, message: str) -> bytes | None:
        """RFC 5802 §3."""
        found = _FIRST.match(message)
        if found is None or found["nonce"] == self._nonce:
            return self._give_up("the server's first SCRAM message is malformed")
        if not found["nonce"].startswith(self._nonce):
            return self._give_up("the server answers to another nonce than ours")
        rounds = int(found["rounds"])
        if not MIN_ITERATIONS <= rounds <= MAX_ITERATIONS:
            return self._give_up(f"the server asks for {rounds} rounds of hashing")
        try:
            salt = b64decode(found["salt"], validate=True)
        except Base64Error:
            return self._give_up("the server's salt is not base64")
        password = saslprep(self._password).encode()
        salted = hashlib.pbkdf2_hmac(self._digest, password, salt, rounds)
        binding = b64encode(self._header.encode() + self._bound).decode("ascii")
        final = f"c={binding},r={found['nonce']}"
        signed = f"{self._bare},{message},{final}".encode()
        client_key = self._mac(salted, b"Client Key")
        proof = _xor(client_key, self._mac(hashlib.new(self._digest, client_key).digest(), signed))
        self._signature = self._mac(self._mac(salted, b"Server Key"), signed)
        return f"{final},p={b64encode(proof).decode('ascii')}".encode()

    def _check(self, message: str) -> bytes | None:
        """Whether the server knows the password as well."""
        found = _FINAL.match(message)
        try:
            signature = b64decode(found["signature"], validate=True) if found else b""
        except Base64Error:
            signature = b""
        if self._signature is None or not hmac.compare_digest(signature, self._signature):
            return self._give_up("the server did not prove that it knows the password")
        self.complete = True
        return b""

    def _mac(self, key: bytes, octets: bytes) -> bytes:
        return hmac.digest(key, octets, self._digest)

    def _give_up(self, why: str) -> bytes | None:
        self.failure = why
        return None


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))
