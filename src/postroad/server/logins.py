"""What the logins of all listeners have in common: one frozen value, built by the composition root.

Each part that a mechanism may need is here or `None`, and then the mechanism is not offered.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from postroad.directory import LoginNames, Secrets
from postroad.directory.interface import Passing
from postroad.sasl import SCRAM_ITERATIONS
from postroad.server.authorization import ActAs

__all__ = ["Attempts", "Certificates", "Guarding", "Logins", "Tokens"]


class Tokens(Protocol):
    """What checks bearer tokens."""

    async def user_of(self, token: str) -> str | None:
        """The account that a token is for; `None` if it is not good here.

        Raises:
            DirectoryUnavailable: its issuer does not answer.
        """
        ...


class Certificates(Protocol):
    """What knows whose a client's certificate is."""

    async def user_of_certificate(self, certificate: bytes) -> str | None:
        """The account that a certificate stands for, if it may log in; DER.

        Raises:
            DirectoryUnavailable: it cannot be found out now.
        """
        ...


class Attempts(Protocol):
    """What knows of logins under way in all sessions, on all workers."""

    def begin(self, address: str, user: str) -> None:
        """The check of a password begins; `end` must follow."""
        ...

    def end(self, address: str, user: str) -> None:
        """It is over, and counted if it failed."""
        ...

    def must_wait(self, address: str, user: str, now: float) -> bool:
        """Whether other checks under way could still keep this login out."""
        ...

    def asked(self, address: str, now: float, exchanges: int = 1) -> bool:
        """A client was given a challenge for a name, or (-1) has answered one with a proof.

        True where there are so many without a proof that this should count as a failure.
        """
        ...


class Guarding(Protocol):
    """What remembers failures of all sessions, on all workers."""

    @property
    def attempts(self) -> Attempts:
        """The logins that are under way."""
        ...

    def is_banned(self, user: str, now: float) -> bool:
        """Whether this user is shut out, wherever it comes from."""
        ...

    def is_locked(self, address: str, user: str, now: float) -> bool:
        """Whether this user cannot log in from there for now, whatever the password."""
        ...

    def failed(self, address: str, names: Sequence[str], now: float) -> object | None:
        """A login failed. What is not `None` is a ban, and the session should end.

        The names are those of `LoginNames`, here and in what follows.
        """
        ...

    def delay(self, address: str, names: Sequence[str], now: float) -> float:
        """Seconds to let a failed login wait for its answer."""
        ...

    def succeeded(self, address: str, names: Sequence[str], now: float) -> None:
        """A login succeeded."""
        ...


def _nonce() -> str:
    return secrets.token_urlsafe(18)  # 144 bits: guessing one is hopeless, and so is a repetition


def _fake_key() -> bytes:
    return secrets.token_bytes(32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Logins:
    """What logins go by.

    Attributes:
        mechanisms: those that are offered where they can be had; empty to choose by what there is.
        act_as: who may act as whom.
        broken_clients: whether AUTH is announced in the old form as well.
        secrets: for CRAM-MD5 and SCRAM.
        tokens: for OAUTHBEARER and XOAUTH2.
        certificates: for EXTERNAL.
        guard: against guessing.
        passing: speaks mechanisms that are judged elsewhere; `None`: there are none.
        names: says whose a login name is; `None`: each name is its own.
        fake_key: what secrets of unknown names are made from; the same on every worker.
        iterations: how often the passwords of SCRAM verifiers are hashed, a number.
        nonce: gives a new unguessable text of letters and digits.
    """

    mechanisms: tuple[str, ...] = ()
    act_as: ActAs = field(default_factory=lambda: ActAs({}))
    broken_clients: bool = False
    secrets: Secrets | None = None
    tokens: Tokens | None = None
    certificates: Certificates | None = None
    guard: Guarding | None = None
    names: LoginNames | None = None
    passing: Passing | None = None
    fake_key: bytes = field(default_factory=_fake_key, repr=False)
    iterations: int = SCRAM_ITERATIONS
    nonce: Callable[[], str] = _nonce
