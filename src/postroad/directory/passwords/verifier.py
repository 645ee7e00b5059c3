"""Checks passwords off the event loop, in bounded number, and remembers the right ones briefly.

It is given the stored hash, or `None` where there is no account to check against; it knows
neither the directory's file nor SASL.

Three promises shape it. A session never waits for another's password: what is slow runs in threads
or, where it would hold the interpreter, in other processes (`checker`), both at low priority. A
missing hash, one that cannot be used and a wrong password cost a verification alike, so that nobody
learns which accounts exist from the time an answer takes. And a flood of logins cannot fill the
memory: at most `MAX_WAITING` checks wait, the next one is told to come back.
"""

from __future__ import annotations

import asyncio
import hmac
import os
import queue
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from postroad.directory.interface import DirectoryUnavailable
from postroad.directory.passwords.checker import LOW_PRIORITY, Checker
from postroad.directory.passwords.password import MAX_PASSWORD, PasswordProfile, dummy_hash
from postroad.directory.passwords.schemes import Lane, StoredHash, read_hash
from postroad.directory.passwords.verdict import RIGHT, WRONG, Verdict

__all__ = ["PasswordVerifier"]

MAX_WAITING = 256  # checks: two threads need 2 to 3 seconds for so many
MAX_REMEMBERED = 10_000  # entries: about 3 MB

Check = Callable[[StoredHash, str, str], Verdict]
_Result = TypeVar("_Result")


class PasswordVerifier:
    """Verifies one password against one stored hash.

    Args:
        profile: the cost of a check where there is no hash at all.
        threads: how many checks run at a time in threads, and as many in processes; at least one.
        remember: seconds a success is remembered; 0 for not at all.
        clock: seconds, never going back.
        default: the scheme of a stored hash without braces.
        check: compares a password with a stored hash here; tests count its calls.
    """

    def __init__(
        self,
        *,
        profile: PasswordProfile,
        threads: int,
        remember: float,
        clock: Callable[[], float],
        default: str = "CRYPT",
        check: Check = StoredHash.check,
    ) -> None:
        dummy = read_hash(dummy_hash(profile))
        assert isinstance(dummy, StoredHash)
        self._dummy = dummy
        self._remember = remember
        self._clock = clock
        self._default = default
        self._check = check
        self._threads = ThreadPoolExecutor(
            threads, thread_name_prefix="password", initializer=_lower_priority
        )
        self._askers = ThreadPoolExecutor(threads, thread_name_prefix="checker")
        self._checkers = [Checker() for _ in range(threads)]
        self._idle: queue.SimpleQueue[Checker] = queue.SimpleQueue()
        for checker in self._checkers:
            self._idle.put(checker)
        self._waiting = 0
        self._key = os.urandom(32)
        self._successes: dict[bytes, tuple[str, float]] = {}  # -> (stored hash, forget at)

    async def verify(
        self,
        name: str,
        password: str,
        stored: str | None,
        *,
        imitated: str = "",
        usable: bool = True,
    ) -> Verdict:
        """Whether the password of the account `name` is right.

        Args:
            name: the canonical name of the account, or what was given for it.
            password: as the client sent it.
            stored: the account's hash; `None` if there is none.
            imitated: another account's hash, to be checked where `stored` cannot be.
            usable: whether the account may log in; if not, no password is right.

        Raises:
            DirectoryUnavailable: too many checks wait already, or no process can be started.
        """
        if len(password) > MAX_PASSWORD:
            password, stored = "", None
        if usable and stored is not None and self._is_remembered(name, password, stored):
            return RIGHT
        verdict = await self._try(name, password, stored)
        if verdict is None or verdict.objection:
            await self._imitate(name, password, imitated)
            return Verdict(right=False, objection="" if verdict is None else verdict.objection)
        if not usable:
            return WRONG
        if verdict and stored is not None and self._remember:
            self._store(name, password, stored)
        return verdict

    async def compute(self, work: Callable[[], _Result]) -> _Result:
        """Do something slow where passwords are checked.

        Raises:
            DirectoryUnavailable: too many checks wait already.
        """
        return await self._run(self._threads, work)

    def close(self) -> None:
        """End threads and processes; blocks until the running checks end, and drops the waiting."""
        self._successes.clear()
        for checker in self._checkers:
            checker.close()
        self._threads.shutdown(cancel_futures=True)
        self._askers.shutdown(cancel_futures=True)
        for checker in self._checkers:
            checker.reap()

    async def _try(self, name: str, password: str, stored: str | None) -> Verdict | None:
        """The verdict on a stored hash, `None` if there is none."""
        if stored is None:
            return None
        found = read_hash(stored, self._default)
        if isinstance(found, Verdict):
            return found
        return await self._compare(found, name, password)

    async def _imitate(self, name: str, password: str, imitated: str) -> None:
        """Spend the time that a check takes."""
        verdict = await self._try(name, password, imitated or None)
        if verdict is None or verdict.objection:
            await self._compare(self._dummy, name, password)

    async def _compare(self, stored: StoredHash, name: str, password: str) -> Verdict:
        lane = stored.lane
        if lane is Lane.INLINE:
            return self._check(stored, password, name)
        if lane is Lane.THREAD:
            return await self._run(self._threads, lambda: self._check(stored, password, name))
        return await self._run(self._askers, lambda: self._ask(stored, password, name))

    def _ask(self, stored: StoredHash, password: str, name: str) -> Verdict:
        checker = self._idle.get()
        try:
            return checker.check(stored, password, name)
        finally:
            self._idle.put(checker)

    async def _run(self, threads: ThreadPoolExecutor, work: Callable[[], _Result]) -> _Result:
        if self._waiting >= MAX_WAITING:
            raise DirectoryUnavailable("too many passwords wait to be checked")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(threads, work)
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


def _lower_priority() -> None:
    """On Linux a nice value is a thread's own (sched(7)); elsewhere it stays the process's."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.nice(LOW_PRIORITY)
