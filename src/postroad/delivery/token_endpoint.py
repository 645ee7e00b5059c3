"""One request for a bearer token (RFC 6749), bounded in size and time.

TLS is verified, redirects are not followed, and the environment's proxies are not used: secrets go
where the configuration says, and nowhere else. No secret is in any words that leave here.
"""

from __future__ import annotations

import asyncio
import json
import re
from urllib.parse import quote_plus

import httpx2

from postroad.delivery.token_settings import TokenSettings
from postroad.delivery.tokens import Fetched, TokenRefused
from postroad.net.tls import client_context

__all__ = ["TokenEndpoint"]

MAX_ANSWER = 65_536
"""Octets of an answer; a long token has some 4,000."""

MAX_TOKEN = 16_384
USUAL_LIFE = 3600.0
"""Seconds for which a token is good where the issuer does not say (RFC 6749 §5.1)."""

_TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*\Z")  # RFC 6750 §2.1
_ERROR = re.compile(r"[A-Za-z0-9_.\-]{1,60}\Z")
_HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity"}


class TokenEndpoint:
    """Asks an issuer."""

    def __init__(self, settings: TokenSettings, client_secret: str) -> None:
        """Nothing is asked yet.

        Args:
            settings: where, and as whom.
            client_secret: our password there; empty for none.

        Raises:
            TlsConfigurationError: the authorities cannot be read.
        """
        self._settings = settings
        self._secret = client_secret
        self._tls = client_context(verify=True, ca_file=settings.ca_file)

    async def fetch(self, refresh_token: str) -> Fetched:
        """A new token.

        Args:
            refresh_token: what the user granted; empty: we ask for ourselves.

        Raises:
            TokenRefused: there is none.
        """
        form = {"grant_type": "client_credentials"}
        if refresh_token:
            form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        if self._settings.scope:
            form["scope"] = self._settings.scope
        url = self._settings.endpoint
        try:
            async with asyncio.timeout(self._settings.timeout or None):
                status, octets = await self._ask(url, form)
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, TimeoutError) as error:
            raise TokenRefused(f"{url}: {str(error) or type(error).__name__}") from None
        return self._read(status, octets)

    async def _ask(self, url: str, form: dict[str, str]) -> tuple[int, bytes]:
        auth = None
        if self._settings.client_authentication == "basic":
            # RFC 6749 §2.3.1: both are encoded as in a form before they are joined.
            pair = self._settings.client_id, self._secret
            auth = httpx2.BasicAuth(*map(quote_plus, pair))
        else:
            form = {**form, "client_id": self._settings.client_id}
            if self._secret:
                form["client_secret"] = self._secret
        async with (
            httpx2.AsyncClient(verify=self._tls, timeout=None, trust_env=False) as client,
            client.stream("POST", url, data=form, auth=auth, headers=_HEADERS) as answer,
        ):
            octets = b""
            async for chunk in answer.aiter_raw():
                octets += chunk
                if len(octets) > MAX_ANSWER:
                    raise TokenRefused(f"{url}: the answer is too long")
            return answer.status_code, octets

    def _read(self, status: int, octets: bytes) -> Fetched:
        """RFC 6749 §5.1 and §5.2.

        Raises:
            TokenRefused: it is no token.
        """
        url = self._settings.endpoint
        try:
            answer = json.loads(octets)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            raise TokenRefused(f"{url}: answered with {status}, and no JSON")
        if status != httpx2.codes.OK:
            error = answer.get("error")
            known = isinstance(error, str) and _ERROR.match(error)
            raise TokenRefused(f"{url}: answered with {status} {error if known else ''}".strip())
        token, refresh = answer.get("access_token"), answer.get("refresh_token", "")
        if not isinstance(token, str) or not _TOKEN.match(token) or len(token) > MAX_TOKEN:
            raise TokenRefused(f"{url}: the answer holds no bearer token")
        if not isinstance(refresh, str) or len(refresh) > MAX_TOKEN:
            refresh = ""
        return Fetched(token, _life(answer.get("expires_in")), refresh)


def _life(seconds: object) -> float:
    """The number of seconds; some issuers write it as text."""
    if isinstance(seconds, str) and seconds.isascii() and seconds.isdigit() and len(seconds) < 10:
        seconds = int(seconds)
    if isinstance(seconds, int | float) and not isinstance(seconds, bool) and seconds > 0:
        return min(float(seconds), 30 * 86_400.0)
    return USUAL_LIFE
