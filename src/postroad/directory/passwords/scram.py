"""SCRAM verifiers as text, in Dovecot's form: `iterations,salt,StoredKey,ServerKey`.

A verifier (RFC 5802 §3) is kept beside the password's hash, so that a client may prove the password
without sending it. Whoever steals it can guess passwords at the cost of its iterations, which is
less than that of the hash: the price of SCRAM. Salt and keys are in base64, as in Dovecot's
`{SCRAM-SHA-256}`.
"""

from __future__ import annotations

import base64
import binascii
import os

from postroad.sasl.secrets import SALT_SIZE, ScramSecret, SecretKind

__all__ = ["SCRAM_KINDS", "make_verifier", "read_verifier", "written_verifier"]

SCRAM_KINDS = (SecretKind.SCRAM_SHA_1, SecretKind.SCRAM_SHA_256)

MAX_SALT = 128  # octets of a salt that is read
MAX_DIGITS = 9  # of the number of iterations

_LENGTHS = {SecretKind.SCRAM_SHA_1: 20, SecretKind.SCRAM_SHA_256: 32}


def make_verifier(kind: SecretKind, password: str, iterations: int) -> str:
    """A new verifier with a salt of its own, as text.

    Args:
        kind: SCRAM-SHA-1 or SCRAM-SHA-256.
        password: in clear text, without lone surrogates.
        iterations: how often to hash, a number.
    """
    salt = os.urandom(SALT_SIZE)
    return written_verifier(ScramSecret.of(kind, password, salt, iterations))


def written_verifier(secret: ScramSecret) -> str:
    """The verifier as text."""
    parts = (secret.salt, secret.stored_key, secret.server_key)
    return ",".join([str(secret.iterations), *(base64.b64encode(each).decode() for each in parts)])


def read_verifier(kind: SecretKind, text: str) -> ScramSecret | None:
    """The verifier that a text is, or `None` if it is none of this kind."""
    iterations, *parts = text.split(",")
    if len(parts) != 3 or not (iterations.isascii() and iterations.isdigit()):
        return None
    if len(iterations) > MAX_DIGITS or int(iterations) < 1:
        return None
    try:
        salt, stored, server = (base64.b64decode(each, validate=True) for each in parts)
    except (binascii.Error, ValueError):
        return None
    if not 0 < len(salt) <= MAX_SALT or {len(stored), len(server)} != {_LENGTHS[kind]}:
        return None
    return ScramSecret(salt, int(iterations), stored, server)
