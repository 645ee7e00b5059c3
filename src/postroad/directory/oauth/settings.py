"""`[oauth]`: whose bearer tokens are good for a login, and what in them names the account.

Values only. Off unless the issuer's keys or an introspection endpoint are named.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

from postroad.model.units import Duration

__all__ = ["ALGORITHMS", "OAuthSettings"]

ALGORITHMS = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA", "Ed25519"),
)
"""Signatures by a key of which only the issuer has the private half. Not `none`, and not HMAC: with
that, whoever knows the public key could sign."""


def _check_url(url: str) -> str:
    if not url:
        return url
    try:
        parts = urlsplit(url)
        right = parts.hostname and (
            parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname))
        )
    except ValueError:
        right = False
    if not right:
        raise ValueError(f'a URL that begins with https:// is needed, not "{url}"')
    return url


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check_algorithms(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name not in ALGORITHMS:
            raise ValueError(f"one of {', '.join(ALGORITHMS)}, not {name}")
    return names


Url = Annotated[str, AfterValidator(_check_url)]


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthSettings:
    """`[oauth]`: bearer tokens, as OAUTHBEARER and XOAUTH2 bring them.

    Attributes:
        issuer: who makes the tokens, exactly as their `iss` says; empty: not looked at, which
            only introspection allows.
        audience: for whom they are made, one of their `aud`; empty as for the issuer.
        key_set: the URL of the issuer's public keys (JWK set); empty for none.
        key_set_file: the same as a file.
        introspection: the URL that is asked about each token (RFC 7662); empty for none.
        client_id: our name there.
        client_secret_file: a file whose first line is our password there.
        user_claim: what in a token names the account; `email` needs `email_verified` beside it.
        scopes: all of these must be in the token's scope.
        algorithms: signatures that are accepted.
        cache: how long keys are kept, as a duration.
        introspection_cache: how long an answer about one token is believed, as a duration; 0 for
            not at all.
        leeway: by how much the issuer's clock may differ from ours, as a duration.
        timeout: for one answer of the issuer, as a duration.
        ca_file: PEM file of the authorities that the issuer's certificate may come from; the
            system's when absent.
    """

    issuer: str = ""
    audience: str = ""
    key_set: Url = ""
    key_set_file: Path | None = None
    introspection: Url = ""
    client_id: str = ""
    client_secret_file: Path | None = None
    user_claim: str = "email"
    scopes: tuple[str, ...] = ()
    algorithms: Annotated[tuple[str, ...], AfterValidator(_check_algorithms)] = (
        *("RS256", "PS256", "ES256"),
        *("EdDSA", "Ed25519"),
    )
    cache: Duration = 3600.0
    introspection_cache: Duration = 30.0
    leeway: Duration = 60.0
    timeout: Duration = 5.0
    ca_file: Path | None = None

    @property
    def is_on(self) -> bool:
        """Whether any token can be good."""
        return bool(self.key_set or self.key_set_file or self.introspection)

    def contradictions(self) -> dict[str, str]:
        """Keys that do not fit the others, with what is wrong."""
        ways = {
            "key_set": bool(self.key_set),
            "key_set_file": self.key_set_file is not None,
            "introspection": bool(self.introspection),
        }
        named = [key for key, given in ways.items() if given]
        if not named:
            return {}
        found = dict.fromkeys(named[1:], f"{named[0]} is given as well; one way only")
        if named[0] != "introspection":
            for key in ("issuer", "audience"):
                if not getattr(self, key):
                    found[key] = "is needed: without it, tokens made for others would be good here"
            if not self.algorithms:
                found["algorithms"] = "at least one is needed"
        if self.introspection and not (self.client_id and self.client_secret_file):
            found["introspection"] = "needs client_id and client_secret_file"
        if not self.user_claim:
            found["user_claim"] = "is needed: it names the account"
        return found
