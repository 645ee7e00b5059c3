"""Checks passwords off the event loop, in bounded number, and remembers the right ones briefly.

It is given the stored hash, or `None` where there is no account to check against; it knows
neither the directory's file nor SASL.

Two promises shape it. A missing hash and a wrong password cost one verification alike, so
that nobody learns which accounts exist from the time an answer takes. And a flood of logins
cannot fill the memory: at most `MAX_WAITING` checks wait, the next one is told to come back.
"""

from __future__ import annotations

import asyncio
import hmac
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from postroad.directory.interface import DirectoryUnavailable
from postroad.directory.password import (
    MAX_PASSWORD,
    PasswordProfile,
    dummy_hash,
    matches,
)

__all__ = ["PasswordVerifier"]

MAX_WAITING = 256  # checks: two threads need 2 to 3 seconds for so many
MAX_REMEMBERED = 10_000  # entries: about 3 MB

Matches = Callable[[str, str], bool]


class PasswordVerifier:
    """Verifies one password against one stored hash.

    Args:
        profile: the cost of the hashes in use; unknown accounts cost the same.
        threads: how many checks run at a time, at least one.
        remember: seconds a success is remembered; 0 for not at all.
        clock: seconds, never going back.
        check: computes whether a hash is the password's; tests count its calls.
    """

    def __init__(
        self,
        *,
        profile: PasswordProfile,
        threads: int,
        remember: float,
        clock: Callable[[], float],
        check: Matches = matches,
    ) -> None:
        self._dummy = dummy_hash(profile)
        self._remember = remember
        self._clock = clock
        self._check = check
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="password")
        self._waiting = 0
        self._key = os.urandom(32)
        self._successes: dict[bytes, tuple[str, float]] = {}  # -> (stored hash, forget at)

    async def verify(self, name: str, password: str, stored: str | None) -> bool:
        """Whether the password of the account `name` is right.

        Args:
            name: the canonical name of the account, or what was given for it.
            password: as the client sent it.
            stored: the account's hash; `None` if there is none, or it may not log in.

        Raises:
            DirectoryUnavailable: too many checks wait already.
        """
        if len(password) > MAX_PASSWORD:
            password, stored = "", None
        if stored is not None and self._is_remembered(name, password, stored):
            return True
        right = await self._run(stored or self._dummy, password) and stored is not None
        if right and stored is not None and self._remember:
            self._store(name, password, stored)
        return right

    def close(self) -> None:
        """End the threads; blocks until the running checks end, and drops the waiting ones."""
        self._successes.clear()
        self._threads.shutdown(cancel_futures=True)

    async def _run(self, stored: str, password: str) -> bool:
        if self._waiting >= MAX_WAITING:
            raise DirectoryUnavailable("too many passwords wait to be checked")
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, self._check, stored, password)
        finally:
            self._waiting -= 1

    def _is_remembered(self, name: str, password: str, stored: str) -> bool:
        known = self._successes.get(self._digest(name, password))
        return known is not None and known[0] == stored and self._clock() < known[1]

    def _store(self, name: str, password: str, stored: str) -> None:
        digest = self._digest(name, password)
        self._successes.pop(digest, None)  # a new entry goes to the end: the oldest is first
        if len(self._successes) >= MAX_REMEMBERED:
            del self._successes[next(iter(self._successes))]
        self._successes[digest] = (stored, self._clock() + self._remember)

    def _digest(self, name: str, password: str) -> bytes:
        """What a pair is remembered by: useless without the key, which leaves no process."""
        octets = name.encode("utf-8", "surrogatepass")
        pair = b"%d:%b%b" % (len(octets), octets, password.encode("utf-8", "surrogatepass"))
        return hmac.digest(self._key, pair, "sha256")
