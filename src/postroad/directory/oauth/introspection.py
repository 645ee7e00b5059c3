"""Tokens that only their issuer understands: it is asked about each one (RFC 7662).

Answers are remembered briefly, by a digest of the token, so that a client which logs in for every
message does not ask as often; a token taken back is good for that long.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from postroad.directory.interface import DirectoryUnavailable
from postroad.directory.oauth.fetch import Fetcher
from postroad.directory.oauth.oauth import Claims
from postroad.directory.oauth.settings import OAuthSettings

__all__ = ["Introspection"]

MAX_REMEMBERED = 10_000  # answers; the oldest goes
MAX_ASKED = 64  # requests under way; a flood of made-up tokens must not become one of requests


class Introspection:
    """Finds the claims of opaque tokens.

    Args:
        settings: `[oauth]`.
        secret: our password at the issuer.
        fetcher: asks it.
        clock: seconds, never going back.
    """

    def __init__(
        self,
        settings: OAuthSettings,
        secret: str,
        fetcher: Fetcher,
        clock: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._secret = secret
        self._fetcher = fetcher
        self._clock = clock
        self._asked = 0
        self._remembered: dict[bytes, tuple[Claims | None, float]] = {}  # -> (answer, forget at)

    async def claims_of(self, token: str) -> Claims | None:
        """What the issuer says of the token, `None` if it is not active.

        Raises:
            DirectoryUnavailable: the issuer does not answer, or is asked too much.
        """
        digest = hashlib.sha256(token.encode()).digest()
        known = self._remembered.get(digest)
        if known is not None and self._clock() < known[1]:
            return known[0]
        claims = await self._ask(token)
        if self._settings.introspection_cache:
            self._remembered.pop(digest, None)
            if len(self._remembered) >= MAX_REMEMBERED:
                del self._remembered[next(iter(self._remembered))]
            until = self._clock() + self._settings.introspection_cache
            self._remembered[digest] = (claims, until)
        return claims

    async def _ask(self, token: str) -> Claims | None:
        if self._asked >= MAX_ASKED:
            raise DirectoryUnavailable("too many tokens wait for their issuer")
        self._asked += 1
        try:
            answer = await self._fetcher.post(
                self._settings.introspection,
                {"token": token, "token_type_hint": "access_token"},
                (self._settings.client_id, self._secret),
            )
        finally:
            self._asked -= 1
        if not isinstance(answer, dict):
            raise DirectoryUnavailable(f"{self._settings.introspection}: no answer of RFC 7662")
        return answer if answer.get("active") is True else None
