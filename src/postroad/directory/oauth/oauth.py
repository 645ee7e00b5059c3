"""Bearer tokens (RFC 6750): from what a client brings to the account it may use.

A token is signed by its issuer and checked here (`signed_token`), or the issuer is asked about it
(`introspection`). Both give claims; who may log in by them is decided here, in one place: the
issuer, the audience, the times, the scopes, and an account of that name that may log in. What comes
from outside is bounded before it is looked at, and nothing but «no» is ever told of a bad token.

The libraries for either way are loaded when the way is configured, and not before.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Mapping
from typing import Protocol

from postroad.directory.interface import Accounts, DirectoryUnavailable
from postroad.directory.oauth.settings import OAuthSettings
from postroad.model.members import finite

__all__ = [
    "Claims",
    "OAuth",
    "OAuthFileError",
    "TokenChecker",
    "load_key_set",
    "load_secret",
    "token_checker",
]

MAX_TOKEN = 16_384
"""Characters of a token. Real ones have one or two thousand; some issuers write group lists."""

MAX_USER = 320  # characters of an account's name: 64, @, 255

MAX_SECRET = 4096  # characters

Claims = Mapping[str, object]
"""What an issuer says of a token."""


class OAuthFileError(Exception):
    """A file that `[oauth]` names cannot be used; the text is for the operator.

    Attributes:
        key: which one.
    """

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


class TokenChecker(Protocol):
    """Knows whom a token is for."""

    async def user_of(self, token: str) -> str | None:
        """The canonical name of the account; `None` if the token is not good for a login here.

        Raises:
            DirectoryUnavailable: the issuer, or the directory, does not answer.
        """
        ...


class _Claiming(Protocol):
    """One way from a token to its claims."""

    async def claims_of(self, token: str) -> Claims | None:
        """The claims that the issuer stands for; `None` if it does not."""
        ...


class OAuth:
    """Judges claims; a `TokenChecker`.

    Args:
        settings: `[oauth]`.
        way: how the claims of a token are found.
        accounts: who may log in.
        now: seconds since the epoch.
    """

    def __init__(
        self,
        settings: OAuthSettings,
        way: _Claiming,
        accounts: Accounts,
        now: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._way = way
        self._accounts = accounts
        self._now = now

    async def user_of(self, token: str) -> str | None:
        """See `TokenChecker.user_of`."""
        if not token or len(token) > MAX_TOKEN or not token.isascii():
            return None
        claims = await self._way.claims_of(token)
        if claims is None or not self._is_for_us(claims) or not self._is_timely(claims):
            return None
        user = self._named(claims)
        return None if user is None else await self._accounts.login_name(user)

    def _is_for_us(self, claims: Claims) -> bool:
        settings = self._settings
        if settings.issuer and claims.get("iss") != settings.issuer:
            return False
        # RFC 7519 §4.1.3: one audience, or a list of them.
        if settings.audience and settings.audience not in _texts(claims.get("aud")):
            return False
        # RFC 8693 §4.2: words with spaces between; some issuers write a list, as `scp`.
        scope = claims.get("scope", claims.get("scp"))
        granted = scope.split() if isinstance(scope, str) else _texts(scope)
        return set(settings.scopes).issubset(granted)

    def _is_timely(self, claims: Claims) -> bool:
        """RFC 7519 §4.1.4 and §4.1.5.

        A signed token without an end would be good for ever, so it is not good at all; one that
        its issuer was asked about is good now, whatever else the issuer says (RFC 7662 §2.2).
        """
        now, leeway = self._now(), self._settings.leeway
        start = finite(claims.get("nbf", 0))
        end = finite(claims.get("exp", now + 1 if self._settings.introspection else None))
        if end is None or start is None:
            return False
        return now < end + leeway and start - leeway <= now

    def _named(self, claims: Claims) -> str | None:
        claim = self._settings.user_claim
        user = claims.get(claim)
        if not isinstance(user, str) or not 0 < len(user) <= MAX_USER:
            return None
        if claim == "email":
            # Somebody may have typed it into the issuer's form (OpenID Connect Core §5.1): only
            # that claim says that it is his. Some issuers write it as text.
            verified = claims.get("email_verified")
            if verified is not True and verified != "true":
                return None
        return user


def token_checker(
    settings: OAuthSettings,
    accounts: Accounts,
    clock: Callable[[], float] = time.monotonic,
    now: Callable[[], float] = time.time,
) -> TokenChecker | None:
    """What checks tokens by a configuration; `None` where none can be good.

    Args:
        settings: `[oauth]`, without contradictions.
        accounts: who may log in.
        clock: seconds, never going back.
        now: seconds since the epoch.

    Raises:
        OAuthFileError: a file that is named cannot be used.
    """
    if not settings.is_on:
        return None
    # Loaded here: together they take a tenth of a second, and most servers have no [oauth].
    from postroad.directory.oauth.fetch import Fetcher  # noqa: PLC0415

    try:
        fetcher = Fetcher(settings.timeout, settings.ca_file)
    except OSError as error:  # an SSLError is one too
        raise OAuthFileError("ca_file", f"{settings.ca_file}: {error.strerror}") from error
    if settings.introspection:
        from postroad.directory.oauth.introspection import Introspection  # noqa: PLC0415

        way = Introspection(settings, load_secret(settings), fetcher, clock)
        return OAuth(settings, way, accounts, now)
    from postroad.directory.oauth.key_set import KeySetCache  # noqa: PLC0415
    from postroad.directory.oauth.signed_token import SignedTokens  # noqa: PLC0415

    keys = KeySetCache(settings, fetcher, clock)
    return OAuth(settings, SignedTokens(settings.algorithms, keys), accounts, now)


def load_secret(settings: OAuthSettings) -> str:
    """Our password at the issuer.

    Raises:
        OAuthFileError: its file cannot be read, or holds none.
    """
    file = settings.client_secret_file
    if file is None:
        raise OAuthFileError("client_secret_file", "introspection needs it")
    try:
        with file.open(encoding="utf-8") as opened:
            mode = stat.S_IMODE(os.fstat(opened.fileno()).st_mode)
            secret = opened.readline(MAX_SECRET).rstrip("\r\n")
    except OSError as error:
        words = (error.strerror or str(error)).lower()
        raise OAuthFileError("client_secret_file", f"{file}: {words}") from error
    except UnicodeDecodeError:
        raise OAuthFileError("client_secret_file", f"{file}: this is not UTF-8 text") from None
    if mode & 0o007:
        raise OAuthFileError(
            "client_secret_file", f"{file}: everybody may read this password: chmod 600 {file}"
        )
    if not secret:
        raise OAuthFileError("client_secret_file", f"{file}: the first line is empty")
    return secret


def load_key_set(settings: OAuthSettings) -> None:
    """Try the file of the issuer's keys, where one is named.

    What becomes of the file later is its own matter: it is read again and again.

    Raises:
        OAuthFileError: it cannot be read, or has no key that a signature could be checked with.
    """
    file = settings.key_set_file
    if file is None:
        return
    from postroad.directory.oauth.key_set import read_key_set  # noqa: PLC0415

    try:
        keys = read_key_set(file)
    except DirectoryUnavailable as error:
        raise OAuthFileError("key_set_file", str(error)) from error
    if not keys:
        words = "there is no public key for signatures in this set of keys"
        raise OAuthFileError("key_set_file", f"{file}: {words}")


def _texts(value: object) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [each for each in values if isinstance(each, str)]
