"""The schemes that are slow on purpose and let other threads run: Argon2, bcrypt, PBKDF2, SCRAM.

How slow is written in each stored hash. Nobody but an operator writes one, but a typing error there
must not stop the server or fill its memory: what asks for more than the bounds here is refused. The
bounds stand well above what any program makes by itself.
"""

from __future__ import annotations

import hashlib
import re

import argon2.low_level
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from postroad.directory.passwords.digests import Check, same
from postroad.directory.passwords.scram import read_verifier
from postroad.directory.passwords.verdict import RIGHT, WRONG, Verdict, unusable
from postroad.sasl.secrets import ScramSecret, SecretKind

__all__ = ["check_argon2", "check_bcrypt", "check_pbkdf2", "scram_check"]

MAX_MEMORY = 262_144
"""KiB of memory of one Argon2 check; Dovecot's own hashes take 64 MiB."""

MAX_MEMORY_PASSES = 1_048_576
"""KiB of memory times passes: about one second."""

MAX_LANES = 16

MAX_BCRYPT_COST = 14
"""About 0.8 seconds; one more is twice as long."""

MAX_ITERATIONS = 2_000_000
"""Of PBKDF2 with SHA-1 or SHA-256: about one second."""

BCRYPT_OCTETS = 72
"""bcrypt looks at so many octets of a password, and the library refuses more."""

_ARGON2 = re.compile(
    rb"\$argon2(id|i)\$(?:v=(?:16|19)\$)?m=(\d{1,9}),t=(\d{1,9}),p=(\d{1,9})"
    rb"\$[A-Za-z0-9+/]{11,128}\$[A-Za-z0-9+/]{16,172}"
)
_ARGON2_TYPES = {b"i": argon2.low_level.Type.I, b"id": argon2.low_level.Type.ID}
_BCRYPT = re.compile(rb"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}")
_PBKDF2 = re.compile(rb"\$1\$([^$]{1,255})\$(\d{1,9})\$([0-9A-Fa-f]{40})")


def check_argon2(stored: bytes, password: bytes, _: str) -> Verdict:
    """ARGON2I and ARGON2ID (RFC 9106): the kind is read from the hash, as Dovecot does."""
    found = _ARGON2.fullmatch(stored)
    if found is None:
        return unusable("this is no Argon2i or Argon2id hash")
    kind, memory, passes, lanes = found[1], *(int(found[n]) for n in (2, 3, 4))
    if memory > MAX_MEMORY or memory * passes > MAX_MEMORY_PASSES or lanes > MAX_LANES:
        return unusable(f"an Argon2 hash of m={memory},t={passes},p={lanes} costs too much")
    try:
        argon2.low_level.verify_secret(stored, password, _ARGON2_TYPES[kind])
    except VerifyMismatchError:
        return WRONG
    except (InvalidHashError, VerificationError) as error:
        return unusable(f"an Argon2 hash that the library refuses: {error}")
    return RIGHT


def check_bcrypt(stored: bytes, password: bytes, _: str) -> Verdict:
    """BLF-CRYPT, `$2a$`, `$2b$` and `$2y$`."""
    found = _BCRYPT.fullmatch(stored)
    if found is None:
        return unusable("this is no bcrypt hash")
    cost = int(found[1])
    if not 4 <= cost <= MAX_BCRYPT_COST:
        return unusable(f"a bcrypt hash of cost {cost}, not 4 to {MAX_BCRYPT_COST}")
    if b"\0" in password:
        return WRONG
    # Loaded here: most directories hold no such hash.
    import bcrypt  # noqa: PLC0415

    try:
        return RIGHT if bcrypt.checkpw(password[:BCRYPT_OCTETS], stored) else WRONG
    except ValueError as error:
        return unusable(f"a bcrypt hash that the library refuses: {error}")


def check_pbkdf2(stored: bytes, password: bytes, _: str) -> Verdict:
    """PBKDF2 as Dovecot writes it: `$1$salt$rounds$digest`, HMAC-SHA-1, in hexadecimal."""
    found = _PBKDF2.fullmatch(stored)
    if found is None:
        return unusable("this is no PBKDF2 hash of the form $1$salt$rounds$digest")
    rounds = int(found[2])
    if not 1 <= rounds <= MAX_ITERATIONS:
        return unusable(f"a PBKDF2 hash of {rounds} rounds, not 1 to {MAX_ITERATIONS}")
    actual = hashlib.pbkdf2_hmac("sha1", password, found[1], rounds)
    return same(bytes.fromhex(found[3].decode()), actual)


def scram_check(kind: SecretKind) -> Check:
    """SCRAM-SHA-1 and SCRAM-SHA-256: a verifier can check a password that is sent as well."""

    def check(stored: bytes, password: bytes, _: str) -> Verdict:
        secret = read_verifier(kind, stored.decode("utf-8", "replace"))
        if secret is None:
            return unusable("this is no SCRAM verifier of the form iterations,salt,key,key")
        if secret.iterations > MAX_ITERATIONS:
            return unusable(f"a SCRAM verifier of {secret.iterations} iterations costs too much")
        try:
            text = password.decode()
        except UnicodeDecodeError:
            return WRONG  # SCRAM is defined over Unicode (RFC 5802 §5.1)
        made = ScramSecret.of(kind, text, secret.salt, secret.iterations)
        return same(secret.stored_key, made.stored_key)

    return check
