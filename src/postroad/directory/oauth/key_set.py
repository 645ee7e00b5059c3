"""The public keys of an issuer (RFC 7517), fetched when they are needed and kept for a while.

An issuer that changes its keys signs with one we have not seen: then the set is fetched again,
but not more often than `MIN_INTERVAL`, for anybody can write a token that names an unknown key.
While an issuer does not answer, the keys that we have stay good for `MAX_STALE`.
"""

from __future__ import annotations

import asyncio
import json
import os
import stat
import warnings
from collections.abc import Callable
from pathlib import Path

from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, OKPKey, RSAKey

from postroad.directory.interface import DirectoryUnavailable
from postroad.directory.oauth.fetch import MAX_ANSWER, Fetcher
from postroad.directory.oauth.settings import OAuthSettings

__all__ = ["KeySetCache", "PublicKey", "read_key_set"]

MIN_INTERVAL = 30.0  # seconds between two fetches
MAX_STALE = 86_400.0  # seconds
MAX_KEYS = 100
MIN_RSA_BITS = 2048  # RFC 7518 §3.3
MAX_RSA_BITS = 8192  # a check takes a millisecond then

PublicKey = RSAKey | ECKey | OKPKey

_KINDS: dict[str, type[RSAKey] | type[ECKey] | type[OKPKey]] = {
    "RSA": RSAKey,
    "EC": ECKey,
    "OKP": OKPKey,
}
"""No `oct`: a shared secret has no place in a set of public keys."""


class KeySetCache:
    """The keys of one issuer.

    Args:
        settings: `[oauth]`.
        fetcher: asks the issuer.
        clock: seconds, never going back.
    """

    def __init__(
        self, settings: OAuthSettings, fetcher: Fetcher, clock: Callable[[], float]
    ) -> None:
        self._settings = settings
        self._fetcher = fetcher
        self._clock = clock
        self._lock = asyncio.Lock()
        self._keys: tuple[PublicKey, ...] = ()
        self._fetched: float | None = None
        self._tried: float | None = None
        self._failure = ""

    async def keys(self, kid: str | None) -> tuple[PublicKey, ...]:
        """The keys that a token may be signed with.

        Args:
            kid: which of them the token names; `None` for none.

        Raises:
            DirectoryUnavailable: there are no keys to be had.
        """
        if not self._is_fresh() or not self._matching(kid):
            async with self._lock:  # one fetch, however many wait for it
                if (not self._is_fresh() or not self._matching(kid)) and self._may_try():
                    await self._fetch()
        if self._fetched is None or self._clock() - self._fetched > self._longest:
            raise DirectoryUnavailable(f"no keys of the issuer: {self._failure}")
        return self._matching(kid)

    @property
    def _longest(self) -> float:
        return max(MAX_STALE, self._settings.cache)

    def _is_fresh(self) -> bool:
        return self._fetched is not None and self._clock() - self._fetched < self._settings.cache

    def _may_try(self) -> bool:
        return self._tried is None or self._clock() - self._tried >= MIN_INTERVAL

    def _matching(self, kid: str | None) -> tuple[PublicKey, ...]:
        if kid is None:
            return self._keys
        return tuple(key for key in self._keys if key.kid == kid)

    async def _fetch(self) -> None:
        self._tried = self._clock()
        try:
            file = self._settings.key_set_file
            if file is None:
                document = await self._fetcher.get(self._settings.key_set)
            else:
                document = await asyncio.to_thread(_read, file)
            self._keys, self._fetched = _keys_in(document), self._clock()
        except DirectoryUnavailable as error:
            self._failure = str(error)


def read_key_set(file: Path) -> tuple[PublicKey, ...]:
    """The keys in a file.

    Raises:
        DirectoryUnavailable: it cannot be read, or is no set of keys; the message names the file.
    """
    return _keys_in(_read(file), str(file))


def _read(file: Path) -> object:
    try:
        with open(file, "rb", opener=_open_at_once) as opened:
            if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
                raise DirectoryUnavailable(f"{file}: it is no regular file")
            document: object = json.loads(opened.read(MAX_ANSWER))
    except OSError as error:
        words = (error.strerror or str(error)).lower()
        raise DirectoryUnavailable(f"{file}: {words}") from error
    except (ValueError, RecursionError) as error:
        raise DirectoryUnavailable(f"{file}: this is not JSON") from error
    return document


def _open_at_once(path: str, flags: int) -> int:
    """Without O_NONBLOCK, a named pipe that nobody writes to would be waited for."""
    return os.open(path, flags | os.O_NONBLOCK)


def _keys_in(document: object, origin: str = "the issuer") -> tuple[PublicKey, ...]:
    """The keys of a set that can check signatures; others are passed over (RFC 7517 §5)."""
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise DirectoryUnavailable(f"{origin}: this is no set of keys")
    found = [_key(each) for each in listed[:MAX_KEYS]]
    return tuple(key for key in found if key is not None)


def _key(entry: object) -> PublicKey | None:
    if not isinstance(entry, dict) or entry.get("use", "sig") != "sig":
        return None
    kind = _KINDS.get(str(entry.get("kty")))
    if kind is None or not isinstance(entry.get("kid", ""), str):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SecurityWarning)  # what is too short is refused below
            key = kind.import_key(entry)
        if isinstance(key, RSAKey) and not _is_usual(key):
            return None
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return key


def _is_usual(key: RSAKey) -> bool:
    return MIN_RSA_BITS <= key.public_key.key_size <= MAX_RSA_BITS
