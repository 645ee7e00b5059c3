"""SASL mechanisms (RFC 4422) without I/O.

They read names, passwords and proofs, and decide nothing about accounts. A mechanism is one
class in a module of its own, and one entry here.
"""

from collections.abc import Callable

from postroad.sasl.bearer import OAuthBearer, XOAuth2
from postroad.sasl.cram_md5 import CramMd5
from postroad.sasl.external import External
from postroad.sasl.login import Login
from postroad.sasl.mechanism import (
    Certified,
    Challenge,
    Credentials,
    Malformed,
    Mechanism,
    Proved,
    Refuted,
    SecretWanted,
    Start,
    Step,
    Token,
)
from postroad.sasl.plain import Plain
from postroad.sasl.scram import scram
from postroad.sasl.secrets import (
    SALT_SIZE,
    SCRAM_ITERATIONS,
    CramSecret,
    ScramSecret,
    Secret,
    SecretKind,
)

__all__ = [
    "MECHANISMS",
    "SALT_SIZE",
    "SCRAM_ITERATIONS",
    "Certified",
    "Challenge",
    "CramSecret",
    "Credentials",
    "Malformed",
    "Mechanism",
    "Proved",
    "Refuted",
    "ScramSecret",
    "Secret",
    "SecretKind",
    "SecretWanted",
    "Start",
    "Step",
    "Token",
]

MECHANISMS: dict[str, Callable[[Start], Mechanism]] = {
    "PLAIN": Plain,
    "LOGIN": Login,
    "SCRAM-SHA-256-PLUS": scram(SecretKind.SCRAM_SHA_256, plus=True),
    "SCRAM-SHA-256": scram(SecretKind.SCRAM_SHA_256, plus=False),
    "SCRAM-SHA-1-PLUS": scram(SecretKind.SCRAM_SHA_1, plus=True),
    "SCRAM-SHA-1": scram(SecretKind.SCRAM_SHA_1, plus=False),
    "OAUTHBEARER": OAuthBearer,
    "XOAUTH2": XOAuth2,
    "EXTERNAL": External,
    "CRAM-MD5": CramMd5,
}
"""Name -> what begins an exchange, in the order in which EHLO names them."""
