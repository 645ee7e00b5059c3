"""What every SASL mechanism is to the session: octets in, one of a few answers out (RFC 4422).

A mechanism reads what the client says; who has which password, token or certificate is the
directory's to know. Where a mechanism cannot go on without that, its answer holds what to call
with the directory's own answer. base64 is SMTP's and is done before (RFC 4954 §4).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

from postroad.sasl.secrets import SCRAM_ITERATIONS, Secret, SecretKind

__all__ = [
    "MAX_NAME",
    "MAX_PASSWORD",
    "Certified",
    "Challenge",
    "Credentials",
    "Malformed",
    "Mechanism",
    "Proved",
    "Refuted",
    "SecretWanted",
    "Start",
    "Step",
    "Token",
]

MAX_NAME = 255
"""Octets of a name (RFC 4616 §2 asks for 255)."""

MAX_PASSWORD = 1024
"""Octets of a password (RFC 4616 §2 asks for 255; generated ones may be longer)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What an exchange begins with.

    Attributes:
        nonce: gives a new unguessable text of letters and digits each time.
        hostname: ours, for challenges that name the server.
        fake_key: from it come the secrets of accounts that do not exist: the same octets always,
            known to nobody else.
        iterations: of the verifiers that accounts here have; fake ones have as many.
        name_form: gives the form in which names are compared.
        channel_bindings: what binds an exchange to this TLS connection, by type (RFC 5929), any
            of the values; empty without TLS.
        plus_offered: whether a mechanism with channel binding was offered to this client.
    """

    nonce: Callable[[], str]
    hostname: str
    fake_key: bytes = field(repr=False)
    iterations: int = SCRAM_ITERATIONS
    name_form: Callable[[str], str] = str.lower
    channel_bindings: Mapping[str, frozenset[bytes]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    plus_offered: bool = False


@dataclass(frozen=True, slots=True)
class Challenge:
    """Ask the client for its next response with these octets.

    Attributes:
        data: for the client.
        proved: whether they tell the client that its proof was right. Who does not want to believe
            it must not send them.
    """

    data: bytes
    proved: bool = False


@dataclass(frozen=True, slots=True)
class Malformed:
    """The exchange failed: the client broke the mechanism's syntax.

    Attributes:
        reason: ours, safe to log and to tell the client.
        code: the enhanced status code; 5.5.2 but where RFC 4954 §4 asks for another.
    """

    reason: str
    code: str = "5.5.2"


@dataclass(frozen=True, slots=True)
class Credentials:
    """The exchange is complete; whether the password is right is to be found out.

    Attributes:
        authcid: the name whose password this is.
        authzid: whom the client wants to act as; empty for the same.
        password: never shown, not even by `repr`.
    """

    authcid: str
    authzid: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SecretWanted:
    """The exchange needs what the directory keeps of a password. Go on with `answer`.

    Attributes:
        authcid: the name whose secret this is about.
        authzid: whom the client wants to act as; empty for the same.
        kind: which secret.
        answer: takes the secret, or `None` for a name that has none: the exchange then goes on
            with a fake one, as long and as costly, that no proof fits.
    """

    authcid: str
    authzid: str
    kind: SecretKind
    answer: Callable[[Secret | None], Step] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Token:
    """The exchange is complete if the token is good. If not, go on with `refuse`.

    Attributes:
        authzid: whom the client says it is; empty for whoever the token is for.
        token: the bearer token (RFC 6750), never shown.
        refuse: tells the client why (RFC 7628 §3.2.2) before the exchange fails.
    """

    authzid: str
    token: str = field(repr=False)
    refuse: Callable[[], Step] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Certified:
    """The exchange is complete: the TLS client certificate says who it is.

    Attributes:
        authzid: whom the client wants to act as; empty for whoever the certificate is for.
    """

    authzid: str


@dataclass(frozen=True, slots=True)
class Proved:
    """The exchange is complete: the client has proved that it knows the password.

    Attributes:
        authcid: the name whose password it is.
        authzid: whom the client wants to act as; empty for the same.
    """

    authcid: str
    authzid: str


@dataclass(frozen=True, slots=True)
class Refuted:
    """The exchange failed: the client proved nothing.

    Attributes:
        authcid: the name it gave, perhaps empty.
        reason: for the log alone; the client learns no more than that it failed.
    """

    authcid: str
    reason: str = "authentication failure"


Step = Challenge | Malformed | Credentials | SecretWanted | Token | Certified | Proved | Refuted


class Mechanism(Protocol):
    """One exchange. A new one begins with a new object."""

    def step(self, data: bytes | None) -> Step:
        """Take the initial response (`None` where none was sent), then each response."""
        ...
