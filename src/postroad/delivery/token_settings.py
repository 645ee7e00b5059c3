"""The section `[tokens."USER"]`: where the bearer tokens of a login come from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from postroad.model.units import Duration

__all__ = ["TokenSettings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSettings:
    """`[tokens."USER"]`: how a token for the login USER is fetched (RFC 6749).

    A login of that name that has no password uses it, by XOAUTH2 or OAUTHBEARER.

    Attributes:
        endpoint: the URL of the issuer's token endpoint; `https:`, or `http:` on this machine.
        client_id: our name at the issuer.
        client_secret_file: a file whose first line is our password there; left out: none.
        client_authentication: how both are sent: in the form (`post`), or as HTTP's `basic`.
        refresh_token_file: a file whose first line is the refresh token that USER granted (§6);
            left out: we ask in our own name (client credentials, §4.4).
        scope: what the token is to be good for, as the issuer names it.
        ca_file: the authorities to trust, PEM; left out: the system's.
        timeout: seconds for an answer.
    """

    endpoint: str
    client_id: str
    client_secret_file: Path | None = None
    client_authentication: Literal["post", "basic"] = "post"
    refresh_token_file: Path | None = None
    scope: str = ""
    ca_file: Path | None = None
    timeout: Duration = 10.0
