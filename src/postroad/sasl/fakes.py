"""Secrets for names that have none, so that nobody learns from an exchange who has an account.

A fake must be the same whenever the same name is asked about, on every worker and after a
restart, as a real one is; it must look like a real one; and no proof may fit it. So it is made
from the name and a key that only the server has. What tells the two apart afterwards is the
mechanism's to forget: it refuses every proof under a fake.
"""

from __future__ import annotations

import hmac

from postroad.sasl.mechanism import Start
from postroad.sasl.secrets import (
    SALT_SIZE,
    CramSecret,
    ScramSecret,
    SecretKind,
)

__all__ = ["fake_cram", "fake_scram"]


def fake_scram(start: Start, name: str, kind: SecretKind) -> ScramSecret:
    """The verifier of an account that is not there.

    Args:
        start: holds the key, and the form in which names are compared.
        name: as the client gave it.
        kind: for which mechanism.
    """
    salt = _derived(start, name, kind, "salt", "sha256")[:SALT_SIZE]
    stored_key = _derived(start, name, kind, "stored", kind.digest)
    server_key = _derived(start, name, kind, "server", kind.digest)
    return ScramSecret(salt, start.iterations, stored_key, server_key)


def fake_cram(start: Start, name: str) -> CramSecret:
    """The same for CRAM-MD5, where the client sees nothing of it."""
    kind = SecretKind.CRAM_MD5
    states = _derived(start, name, kind, "states", "sha256")
    return CramSecret(states[:16], states[16:])


def _derived(start: Start, name: str, kind: SecretKind, use: str, digest: str) -> bytes:
    # Length before the name: no other name and use have the same text.
    octets = start.name_form(name).encode("utf-8", "surrogatepass")
    text = b"%s %s %d %s" % (kind.value.encode(), use.encode(), len(octets), octets)
    return hmac.digest(start.fake_key, text, digest)
