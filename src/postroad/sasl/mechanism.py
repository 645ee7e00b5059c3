"""What every SASL mechanism is to the session: octets in, one of three answers out (RFC 4422).

A mechanism reads what the client says; whether the password is right is the directory's to know.
base64 is SMTP's and is done before (RFC 4954 §4).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

__all__ = ["MAX_NAME", "MAX_PASSWORD", "Challenge", "Credentials", "Malformed", "Mechanism", "Step"]

MAX_NAME = 255
"""Octets of a name (RFC 4616 §2 asks for 255)."""

MAX_PASSWORD = 1024
"""Octets of a password (RFC 4616 §2 asks for 255; generated ones may be longer)."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """Ask the client for its next response with these octets."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Credentials:
    """The exchange is complete.

    Attributes:
        authcid: the name whose password this is.
        authzid: whom the client wants to act as: empty, or the same user.
        password: never shown, not even by `repr`.
    """

    authcid: str
    authzid: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Malformed:
    """The exchange failed; `reason` is ours and safe to log and to tell the client."""

    reason: str


Step = Challenge | Credentials | Malformed


class Mechanism(Protocol):
    """One exchange. A new one begins with a new object."""

    def step(self, data: bytes | None) -> Step:
        """Take the initial response (`None` where none was sent), then each response."""
        ...
