"""SCRAM (RFC 5802, RFC 7677), with and without channel binding.

Theory of operation. Client and server each send a nonce; the client then proves that it knows
the password by a signature over all messages so far, and the server answers with its own. The
server keeps a verifier that lets it check and sign, but not log in elsewhere.

With channel binding (`-PLUS`) the client also says over which TLS connection it believes to
speak; a machine in the middle has another one. A client that could do so but was not offered it
says `y`: where we did offer it, somebody has changed our list on the way.

A failure ends the exchange without a server-final message, which RFC 5802 §7 leaves to us: SMTP
has no room for one in its refusal (RFC 4954 §4), and other servers send none.

An unknown name plays on with a fake verifier to the very end, by the same steps.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from postroad.sasl.fakes import fake_scram
from postroad.sasl.gs2 import Gs2Header, read_header, sasl_name
from postroad.sasl.mechanism import (
    Challenge,
    Malformed,
    Mechanism,
    Proved,
    Refuted,
    SecretWanted,
    Start,
    Step,
)
from postroad.sasl.saslprep import saslprep
from postroad.sasl.secrets import ScramSecret, Secret, SecretKind

__all__ = ["Scram", "scram"]

MAX_MESSAGE = 2048
"""Octets of a client's message: two names of 255, a nonce, a binding, all twice as long at most."""

MAX_NONCE = 256
"""Characters of the client's nonce; the usual ones have 18 to 32."""

# RFC 5802 §7. Extensions that are not mandatory are not understood and passed over, as it asks.
_EXTENSIONS = r"(?:,[A-Za-z]=[^,\0]+)*"
_FIRST = re.compile(rf"n=(?P<name>[^,]*),r=(?P<nonce>[!-+\--~]{{1,{MAX_NONCE}}}){_EXTENSIONS}\Z")
_FINAL = re.compile(
    rf"(?P<signed>c=(?P<binding>[A-Za-z0-9+/=]+),r=(?P<nonce>[!-+\--~]+){_EXTENSIONS})"
    r",p=(?P<proof>[A-Za-z0-9+/=]+)\Z"
)


@dataclass(frozen=True, slots=True)
class _First:
    """The client's first message, read; `bare` is what follows the header."""

    header: Gs2Header
    bare: str
    name: str
    nonce: str


class Scram:
    """One SCRAM exchange: `step` thrice, the middle one by way of the directory."""

    __slots__ = (
        "_first",
        "_kind",
        "_next",
        "_plus",
        "_secret",
        "_server_first",
        "_start",
        "_usable",
    )

    def __init__(self, kind: SecretKind, plus: bool, start: Start) -> None:
        """An exchange that has not begun.

        Args:
            kind: which hash.
            plus: whether channel binding was chosen by name.
            start: what the session gives.
        """
        self._kind = kind
        self._plus = plus
        self._start = start
        self._next: Callable[[str], Step] = self._read_first
        self._server_first = ""
        self._usable = False

    def step(self, data: bytes | None) -> Step:
        """Take the client's first message, its final one, then its empty last response."""
        if data is None:
            return Challenge(b"")
        if len(data) > MAX_MESSAGE:
            return Malformed("SCRAM message too long")
        try:
            return self._next(data.decode())
        except UnicodeDecodeError:
            return Malformed("SCRAM message is not UTF-8")

    # The client's first message ----------------------------------------------------------------

    def _read_first(self, message: str) -> Step:
        read = read_header(message)
        if isinstance(read, Malformed):
            return read
        header, bare = read
        if bare.startswith("m="):  # RFC 5802 §5.1: an extension that must not be passed over
            return Malformed("SCRAM extensions are not supported")
        found = _FIRST.match(bare)
        name = sasl_name(found["name"]) if found else None
        if found is None or not name:
            return Malformed("the client's first SCRAM message is malformed")
        self._first = _First(header, bare, saslprep(name), found["nonce"])
        objection = self._objection(header)
        if objection:
            return Refuted(self._first.name, objection)
        return SecretWanted(self._first.name, header.authzid, self._kind, self._answer)

    def _objection(self, header: Gs2Header) -> str:
        """What is wrong with the client's choice about channel binding (RFC 5802 §6)."""
        if header.flag == "y" and self._start.plus_offered:
            return "the client was not shown that channel binding is offered"
        if self._plus != (header.flag == "p"):
            return "channel binding and the mechanism's name contradict each other"
        if header.flag == "p" and header.binding not in self._start.channel_bindings:
            return f"channel binding {header.binding} cannot be had here"
        return ""

    def _answer(self, secret: Secret | None) -> Step:
        first = self._first
        # The fake is made for everybody: a known name takes no less work than an unknown one.
        fake = fake_scram(self._start, first.name, self._kind)
        self._secret = secret if isinstance(secret, ScramSecret) else fake
        self._usable = self._secret is secret
        salt = b64encode(self._secret.salt).decode()
        nonce = first.nonce + self._start.nonce()
        self._server_first = f"r={nonce},s={salt},i={self._secret.iterations}"
        self._next = self._read_final
        return Challenge(self._server_first.encode())

    # The client's final message ----------------------------------------------------------------

    def _read_final(self, message: str) -> Step:
        found = _FINAL.match(message)
        if found is None:
            return Malformed("the client's final SCRAM message is malformed")
        binding, proof = _octets(found["binding"]), _octets(found["proof"])
        if binding is None or proof is None:
            return Malformed("the client's final SCRAM message is not base64")
        name = self._first.name
        if not self._server_first.startswith(f"r={found['nonce']},"):
            return Refuted(name, "the nonce is not the one of this exchange")
        if not any(hmac.compare_digest(binding, bound) for bound in self._bound()):
            return Refuted(name, "the channel binding is not the one of this connection")
        return self._verify(f"{self._first.bare},{self._server_first},{found['signed']}", proof)

    def _bound(self) -> Iterator[bytes]:
        """What the client must repeat: its own header, and our side of the binding.

        Of several certificates that it may have been shown, it has seen one.
        """
        header = self._first.header
        bindings = self._start.channel_bindings
        for data in bindings[header.binding] if header.binding else (b"",):
            yield header.text.encode() + data

    def _verify(self, text: str, proof: bytes) -> Step:
        """RFC 5802 §3."""
        digest, message = self._kind.digest, text.encode()
        signature = hmac.digest(self._secret.stored_key, message, digest)
        if len(proof) != len(signature):
            return Malformed("the proof has the wrong length")
        key = bytes(a ^ b for a, b in zip(proof, signature, strict=True))
        fits = hmac.compare_digest(hashlib.new(digest, key).digest(), self._secret.stored_key)
        # Made in any case: what the session does not believe takes as long as what is wrong.
        ours = b64encode(hmac.digest(self._secret.server_key, message, digest))
        if not (fits and self._usable):
            return Refuted(self._first.name)
        self._next = self._read_last
        return Challenge(b"v=" + ours, proved=True)

    def _read_last(self, message: str) -> Step:
        """SMTP cannot say this with its 235, so the client has it before and answers nothing."""
        if message:
            return Malformed("an empty response was expected")
        return Proved(self._first.name, self._first.header.authzid)


def scram(kind: SecretKind, *, plus: bool) -> Callable[[Start], Mechanism]:
    """What begins an exchange of that kind."""
    return lambda start: Scram(kind, plus, start)


def _octets(text: str) -> bytes | None:
    try:
        return b64decode(text, validate=True)
    except Base64Error:
        return None
