"""Password hashes in Dovecot's form, `{ARGON2ID}$argon2id$v=19$…`.

Pure computation, slow on purpose: `verifier` keeps it off the event loop. A profile names its
parameters once; OWASP's is the only one a server uses.
"""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass

import argon2
from argon2.exceptions import InvalidHashError, VerificationError

__all__ = [
    "CHEAP",
    "MAX_PASSWORD",
    "OWASP",
    "PasswordProfile",
    "dummy_hash",
    "hash_password",
    "matches",
]

MAX_PASSWORD = 1024  # characters; more serves nobody and costs memory while it waits

_SCHEME = "{ARGON2ID}"
_HASH_LENGTH = 32  # octets
_SALT_LENGTH = 16  # octets


@dataclass(frozen=True, slots=True)
class PasswordProfile:
    """The cost of one Argon2id computation (RFC 9106 §3.1).

    Attributes:
        memory: KiB of memory.
        passes: how often the memory is gone over.
        lanes: the degree of parallelism.
    """

    memory: int
    passes: int
    lanes: int


OWASP = PasswordProfile(memory=19_456, passes=2, lanes=1)
"""OWASP's Password Storage Cheat Sheet: 19 MiB, two passes, one lane."""

CHEAP = PasswordProfile(memory=8, passes=1, lanes=1)
"""The least Argon2 takes, for tests only."""


def hash_password(password: str, profile: PasswordProfile) -> str:
    """A new salted hash of the password; takes about 20 ms at OWASP's parameters."""
    return _SCHEME + _hasher(profile).hash(_octets(password))


def dummy_hash(profile: PasswordProfile) -> str:
    """A hash no password has, as costly to check as a real one.

    It is verified in place of a missing account's, so that the time of an answer does not tell
    whether the account exists.
    """
    salt, digest = _base64(os.urandom(_SALT_LENGTH)), _base64(os.urandom(_HASH_LENGTH))
    cost = f"m={profile.memory},t={profile.passes},p={profile.lanes}"
    return f"{_SCHEME}$argon2id$v=19${cost}${salt}${digest}"


def matches(stored: str, password: str) -> bool:
    """Whether the password has this hash. A hash of another scheme matches nothing."""
    try:
        # The parameters come from the hash; the hasher's own do not matter here.
        return stored.startswith(_SCHEME) and argon2.PasswordHasher().verify(
            stored.removeprefix(_SCHEME), _octets(password)
        )
    except (InvalidHashError, VerificationError):
        return False


def _hasher(profile: PasswordProfile) -> argon2.PasswordHasher:
    return argon2.PasswordHasher(
        time_cost=profile.passes,
        memory_cost=profile.memory,
        parallelism=profile.lanes,
        hash_len=_HASH_LENGTH,
        salt_len=_SALT_LENGTH,
    )


def _octets(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")


def _base64(octets: bytes) -> str:
    return base64.b64encode(octets).rstrip(b"=").decode("ascii")
