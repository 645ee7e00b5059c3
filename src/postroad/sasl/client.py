"""The client's side of SASL (RFC 4422): which mechanism, and what it says. No I/O, no base64.

An exchange is told what the server sends and gives what to answer; who drives it carries both.
Which mechanism is used is decided by what the server offers, what the operator allows, and whether
the connection is encrypted: what proves to know a password goes before what sends it, and what
sends it needs TLS.

Under TLS, CRAM-MD5 stands behind PLAIN, since servers offer it to accounts of which they keep no
secret that it could use, and TLS does better what it is for.
"""

from __future__ import annotations

import hmac
from base64 import b64encode
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

from postroad.sasl.client_scram import ScramClient
from postroad.sasl.secrets import SecretKind

__all__ = [
    "CLIENT_MECHANISMS",
    "TOKEN_MECHANISMS",
    "ClientExchange",
    "ClientStart",
    "chosen",
    "client_exchange",
    "spellings",
]

_FIELD_END = "\x01"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientStart:
    """What an exchange begins with.

    Attributes:
        username: the name.
        secret: the password, or the bearer token.
        nonce: gives a new unguessable text of letters and digits.
        host: the server's name, which OAUTHBEARER tells the issuer's client library.
        port: its port.
        channel_bindings: what binds an exchange to this TLS connection, by type (RFC 5929).
        plus_offered: whether the server offers a mechanism with channel binding.
    """

    username: str
    secret: str = field(repr=False)
    nonce: Callable[[], str]
    host: str = ""
    port: int = 0
    channel_bindings: Mapping[str, frozenset[bytes]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    plus_offered: bool = False


class ClientExchange(Protocol):
    """One exchange.

    Attributes:
        failure: why we gave up, in words for a log; empty while we have not.
        complete: whether the server's word that we are logged in is to be believed: a mechanism
            that proves the server too needs its proof before (RFC 5802 §3).
    """

    @property
    def failure(self) -> str: ...  # noqa: D102

    @property
    def complete(self) -> bool: ...  # noqa: D102

    def begin(self) -> bytes | None:
        """The initial response; `None` where the server speaks first."""
        ...

    def respond(self, challenge: bytes) -> bytes | None:
        """The answer to a challenge, after some 50 ms of work at the worst; `None`: we give up."""
        ...


class _Given:
    """Responses that do not depend on what the server says, each given once."""

    __slots__ = ("_initial", "_responses", "failure")

    def __init__(self, initial: bytes | None, *responses: bytes) -> None:
        self._initial = initial
        self._responses = list(responses)
        self.failure = ""

    @property
    def complete(self) -> bool:
        """There is nothing that the server has to prove."""
        return True

    def begin(self) -> bytes | None:
        """See `ClientExchange.begin`."""
        return self._initial

    def respond(self, challenge: bytes) -> bytes | None:  # noqa: ARG002 - whatever it is
        """See `ClientExchange.respond`."""
        if self._responses:
            return self._responses.pop(0)
        self.failure = "the server asks for more than there is to say"
        return None


class _CramMd5(_Given):
    """CRAM-MD5 (RFC 2195 §2)."""

    __slots__ = ("_name", "_secret")

    def __init__(self, start: ClientStart) -> None:
        super().__init__(None)
        self._name, self._secret = start.username, start.secret
        self._responses = [b""]

    def respond(self, challenge: bytes) -> bytes | None:
        """Sign the challenge."""
        if super().respond(challenge) is None:
            return None
        digest = hmac.digest(self._secret.encode(), challenge, "md5").hex()
        return f"{self._name} {digest}".encode()


class _Bearer(_Given):
    """XOAUTH2 and OAUTHBEARER: a refused token is explained in a challenge (RFC 7628 §3.2.3)."""

    __slots__ = ("_refused",)

    def __init__(self, message: str, acknowledgement: bytes) -> None:
        super().__init__(message.encode(), acknowledgement)
        self._refused = False

    def respond(self, challenge: bytes) -> bytes | None:
        """Acknowledge the refusal, which then comes."""
        self._refused = True
        return super().respond(challenge)

    @property
    def complete(self) -> bool:
        """A login is not to be believed after its token was refused."""
        return not self._refused


def _plain(start: ClientStart) -> ClientExchange:
    """RFC 4616 §2."""
    return _Given(f"\0{start.username}\0{start.secret}".encode())


def _login(start: ClientStart) -> ClientExchange:
    """Never standardised: name and password, each when asked for."""
    return _Given(None, start.username.encode(), start.secret.encode())


def _xoauth2(start: ClientStart) -> ClientExchange:
    words = f"user={start.username}{_FIELD_END}auth=Bearer {start.secret}{_FIELD_END * 2}"
    return _Bearer(words, b"")


def _oauthbearer(start: ClientStart) -> ClientExchange:
    """RFC 7628 §3.1."""
    name = start.username.replace("=", "=3D").replace(",", "=2C")
    fields = [f"n,a={name},"]
    if start.host:
        fields.append(f"host={start.host}")
    if start.port:
        fields.append(f"port={start.port}")
    fields.append(f"auth=Bearer {start.secret}")
    return _Bearer(_FIELD_END.join(fields) + _FIELD_END * 2, _FIELD_END.encode())


def _scram(digest: str, *, plus: bool) -> Callable[[ClientStart], ClientExchange]:
    def begin(start: ClientStart) -> ClientExchange:
        return ScramClient(
            digest,
            start.username,
            start.secret,
            start.nonce(),
            bindings=start.channel_bindings if plus else None,
            could_bind=bool(start.channel_bindings) and not start.plus_offered,
        )

    return begin


_SHA256, _SHA1 = SecretKind.SCRAM_SHA_256.digest, SecretKind.SCRAM_SHA_1.digest

CLIENT_MECHANISMS: Mapping[str, Callable[[ClientStart], ClientExchange]] = {
    "SCRAM-SHA-512-PLUS": _scram("sha512", plus=True),
    "SCRAM-SHA-256-PLUS": _scram(_SHA256, plus=True),
    "SCRAM-SHA-1-PLUS": _scram(_SHA1, plus=True),
    "SCRAM-SHA-512": _scram("sha512", plus=False),
    "SCRAM-SHA-256": _scram(_SHA256, plus=False),
    "SCRAM-SHA-1": _scram(_SHA1, plus=False),
    "PLAIN": _plain,
    "LOGIN": _login,
    "CRAM-MD5": _CramMd5,
    "OAUTHBEARER": _oauthbearer,
    "XOAUTH2": _xoauth2,
}
"""Name -> what begins an exchange, the strongest first."""

TOKEN_MECHANISMS = frozenset({"OAUTHBEARER", "XOAUTH2"})
"""Mechanisms whose secret is a bearer token; of all others it is a password."""

_SEND_THE_SECRET = frozenset({"PLAIN", "LOGIN", *TOKEN_MECHANISMS})


def chosen(
    offered: Collection[str],
    *,
    token: bool,
    encrypted: bool,
    bound: bool,
    allowed: Sequence[str] = (),
) -> list[str]:
    """The mechanisms that may be used, the most wanted first.

    Args:
        offered: by the server, in capital letters.
        token: whether the secret is a bearer token.
        encrypted: whether the secret itself may be sent.
        bound: whether there is anything to bind an exchange to.
        allowed: the operator's choice and order; empty: all, in the order of `CLIENT_MECHANISMS`.
    """
    return [
        name
        for name in (allowed or CLIENT_MECHANISMS)
        if name in offered
        and name in CLIENT_MECHANISMS
        and (name in TOKEN_MECHANISMS) == token
        and (encrypted or name not in _SEND_THE_SECRET)
        and (bound or not name.endswith("-PLUS"))
    ]


def client_exchange(mechanism: str, start: ClientStart) -> ClientExchange:
    """An exchange of one of `CLIENT_MECHANISMS`."""
    return CLIENT_MECHANISMS[mechanism](start)


def spellings(*secrets: str) -> tuple[str, ...]:
    """A secret and what it looks like on the wire, to be blotted out of what a server repeats."""
    return tuple(
        each
        for secret in secrets
        if secret
        for each in (secret, b64encode(secret.encode()).decode("ascii"))
    )
