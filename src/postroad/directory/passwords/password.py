"""New password hashes, and what they cost.

Pure computation, slow on purpose: `verifier` keeps it off the event loop. A profile names its
parameters once; OWASP's is the only one a server uses. `schemes` reads and checks hashes.
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass

import argon2

from postroad.directory.passwords.scram import make_verifier
from postroad.directory.passwords.slow_hashes import BCRYPT_OCTETS
from postroad.sasl.secrets import SCRAM_ITERATIONS, CramSecret, SecretKind

__all__ = [
    "CHEAP",
    "MAKERS",
    "MAX_PASSWORD",
    "OWASP",
    "STANDARD",
    "PasswordProfile",
    "dummy_hash",
    "hash_password",
    "is_current",
]

MAX_PASSWORD = 1024  # characters; more serves nobody and costs memory while it waits

STANDARD = "ARGON2ID"
"""The scheme of new hashes."""

_HASH_LENGTH = 32  # octets
_SALT_LENGTH = 16  # octets
_BCRYPT_COST = 12
_SHA_ROUNDS = 100_000  # of SHA512-CRYPT and SHA256-CRYPT: about 50 ms in Python


@dataclass(frozen=True, slots=True)
class PasswordProfile:
    """The cost of one Argon2id computation (RFC 9106 §3.1) and of one SCRAM verifier.

    Attributes:
        memory: KiB of memory.
        passes: how often the memory is gone over.
        lanes: the degree of parallelism.
        iterations: of a SCRAM verifier's hash, a number.
    """

    memory: int
    passes: int
    lanes: int
    iterations: int = SCRAM_ITERATIONS


OWASP = PasswordProfile(memory=19_456, passes=2, lanes=1)
"""OWASP's Password Storage Cheat Sheet: 19 MiB, two passes, one lane."""

CHEAP = PasswordProfile(memory=8, passes=1, lanes=1, iterations=16)
"""The least Argon2 takes, for tests only."""


def hash_password(password: str, profile: PasswordProfile, scheme: str = STANDARD) -> str:
    """A new salted hash of the password; takes about 20 ms at OWASP's parameters.

    Args:
        password: in clear text.
        profile: the cost, where the scheme is Argon2id.
        scheme: one of `MAKERS`.
    """
    return f"{{{scheme}}}{MAKERS[scheme](password, profile)}"


def is_current(stored: str, profile: PasswordProfile) -> bool:
    """Whether a stored hash is one that `hash_password` would make today."""
    return stored.startswith(f"{{{STANDARD}}}{_parameters(profile)}$")


def dummy_hash(profile: PasswordProfile) -> str:
    """A hash no password has, as costly to check as a real one.

    It is verified where there is no hash to verify, so that the time of an answer does not tell.
    """
    salt, digest = _base64(os.urandom(_SALT_LENGTH)), _base64(os.urandom(_HASH_LENGTH))
    return f"{{{STANDARD}}}{_parameters(profile)}${salt}${digest}"


def _parameters(profile: PasswordProfile) -> str:
    return f"$argon2id$v=19$m={profile.memory},t={profile.passes},p={profile.lanes}"


def _argon2id(password: str, profile: PasswordProfile) -> str:
    return argon2.PasswordHasher(
        time_cost=profile.passes,
        memory_cost=profile.memory,
        parallelism=profile.lanes,
        hash_len=_HASH_LENGTH,
        salt_len=_SALT_LENGTH,
    ).hash(_octets(password))


def _bcrypt(password: str, _: PasswordProfile) -> str:
    # $2y$ and $2b$ are the same; Dovecot's own tools write the former.
    # Loaded here: new hashes are Argon2id, unless an operator wants others.
    import bcrypt  # noqa: PLC0415

    made = bcrypt.hashpw(_octets(password)[:BCRYPT_OCTETS], bcrypt.gensalt(_BCRYPT_COST))
    return "$2y$" + made.decode().removeprefix("$2b$")


def _sha_crypt(name: str) -> Callable[[str, PasswordProfile], str]:
    def make(password: str, _: PasswordProfile) -> str:
        # Slow to load, and asked for by the command line alone.
        from passlib import hash as schemes  # type: ignore[import-untyped]  # noqa: PLC0415

        return str(getattr(schemes, name).using(rounds=_SHA_ROUNDS).hash(_octets(password)))

    return make


def _salted_sha512(password: str, _: PasswordProfile) -> str:
    salt = secrets.token_bytes(_SALT_LENGTH)
    return base64.b64encode(hashlib.sha512(_octets(password) + salt).digest() + salt).decode()


def _scram(kind: SecretKind) -> Callable[[str, PasswordProfile], str]:
    return lambda password, profile: make_verifier(kind, password, profile.iterations)


def _cram_md5(password: str, _: PasswordProfile) -> str:
    secret = CramSecret.of(_octets(password))
    return (secret.outer + secret.inner).hex()


MAKERS: dict[str, Callable[[str, PasswordProfile], str]] = {
    "ARGON2ID": _argon2id,
    "BLF-CRYPT": _bcrypt,
    "CRAM-MD5": _cram_md5,
    "PLAIN": lambda password, _: password,
    "SCRAM-SHA-1": _scram(SecretKind.SCRAM_SHA_1),
    "SCRAM-SHA-256": _scram(SecretKind.SCRAM_SHA_256),
    "SHA256-CRYPT": _sha_crypt("sha256_crypt"),
    "SHA512-CRYPT": _sha_crypt("sha512_crypt"),
    "SSHA512": _salted_sha512,
}
"""Scheme -> what makes a hash of it, without the braces: for accounts that other programs share."""


def _octets(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")


def _base64(octets: bytes) -> str:
    return base64.b64encode(octets).rstrip(b"=").decode("ascii")
