"""Signed tokens (RFC 7519) by an issuer's public keys.

The signature's algorithm must be one of those configured, and the key of its kind: a token that
says HMAC and was «signed» with the public key, or says `none`, is refused before any key is looked
at (RFC 8725 §3.1). Encrypted tokens and critical extensions are not understood.
"""

from __future__ import annotations

import base64
import json
import warnings
from collections.abc import Collection
from dataclasses import dataclass

from joserfc import jwt
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, OKPKey

from postroad.directory.oauth.key_set import KeySetCache, PublicKey
from postroad.directory.oauth.oauth import Claims

__all__ = ["SignedTokens"]

MAX_KID = 256  # characters
MAX_TRIED = 10  # keys of a token that names none

_CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
_TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt"})
"""RFC 7519 §5.1 and RFC 9068 §2.1; a token of another type was made for another use."""


@dataclass(frozen=True, slots=True)
class _Header:
    """What a token says of its own signature (RFC 7515 §4.1)."""

    algorithm: str
    kid: str | None


class SignedTokens:
    """Finds the claims of signed tokens.

    Args:
        algorithms: those that are accepted.
        keys: the issuer's.
    """

    def __init__(self, algorithms: Collection[str], keys: KeySetCache) -> None:
        self._algorithms = frozenset(algorithms)
        self._keys = keys

    async def claims_of(self, token: str) -> Claims | None:
        """The claims, if the signature is the issuer's.

        Raises:
            DirectoryUnavailable: there are no keys to be had.
        """
        header = _read_header(token)
        if header is None or header.algorithm not in self._algorithms:
            return None
        fitting = [key for key in await self._keys.keys(header.kid) if _fits(key, header.algorithm)]
        for key in fitting[:MAX_TRIED]:
            claims = _verified(token, key, header.algorithm)
            if claims is not None:
                return claims
        return None


def _read_header(token: str) -> _Header | None:
    first, *rest = token.split(".")
    if len(rest) != 2:
        return None
    try:
        header: object = json.loads(base64.urlsafe_b64decode(first + "=" * (-len(first) % 4)))
    except (ValueError, RecursionError):
        return None
    if not isinstance(header, dict) or "crit" in header:
        return None
    algorithm, kid, kind = header.get("alg"), header.get("kid"), header.get("typ", "JWT")
    if not isinstance(algorithm, str) or not isinstance(kind, str) or kind.lower() not in _TYPES:
        return None
    if kid is not None and not (isinstance(kid, str) and len(kid) <= MAX_KID):
        return None
    return _Header(algorithm, kid)


def _fits(key: PublicKey, algorithm: str) -> bool:
    """Whether the algorithm is one of the key's kind (RFC 8725 §3.1)."""
    if key.get("alg", algorithm) != algorithm:
        return False
    if isinstance(key, ECKey):
        return key.curve_name == _CURVES.get(algorithm)
    if isinstance(key, OKPKey):
        return key.curve_name == "Ed25519" and algorithm in {"EdDSA", "Ed25519"}
    return algorithm.startswith(("RS", "PS"))


def _verified(token: str, key: PublicKey, algorithm: str) -> Claims | None:
    try:
        with warnings.catch_warnings():
            # The name EdDSA is old (RFC 9864), and still what issuers write.
            warnings.simplefilter("ignore", SecurityWarning)
            claims: object = jwt.decode(token, key, algorithms=[algorithm]).claims
    except (JoseError, ValueError, TypeError, RecursionError):
        return None
    return claims if isinstance(claims, dict) else None
