"""A backend whose answers are remembered for a short while.

A session asks the same question several times within a second: at RCPT, when the message comes in,
when it is delivered. What is there is remembered for some seconds, what is not there for fewer; so
a new account is found, and a changed password is good, at the latest after that time. Errors are
never remembered, and passwords never pass through here: `check` goes straight on.

Sessions that ask the same at the same time wait for one answer. A directory that is away is
told of, once a minute at most.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from postroad.directory.backend import Account, Backend
from postroad.directory.interface import Alias, DirectoryUnavailable

__all__ = ["RecalledBackend"]

REMIND = 60.0
"""Seconds between two lines about a directory that stays away."""

MOST_ANSWERS = 10_000
"""Answers of each kind; about 5 MB. Beyond them the oldest is forgotten."""

_Answer = TypeVar("_Answer")


class RecalledBackend:
    """Implements `Backend` over another.

    Args:
        backend: who is asked; stays the caller's to close.
        seconds: how long an answer is remembered.
        negative: the same for "there is none".
        clock: seconds, never going back.
        report: takes a line for the log.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        seconds: float,
        negative: float,
        clock: Callable[[], float],
        report: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._backend = backend
        self._clock = clock
        self._report = report
        self._told_at: float | None = None
        self._domains: _Recollection[bool] = _Recollection(seconds, negative, clock)
        self._accounts: _Recollection[Account | None] = _Recollection(seconds, negative, clock)
        self._aliases: _Recollection[Alias | None] = _Recollection(seconds, negative, clock)

    async def has_domain(self, domain: str) -> bool:
        """See `Backend.has_domain`."""
        return await self._told(self._domains.answer(domain, self._backend.has_domain))

    async def account(self, name: str) -> Account | None:
        """See `Backend.account`."""
        return await self._told(self._accounts.answer(name, self._backend.account))

    async def alias(self, source: str) -> Alias | None:
        """See `Backend.alias`."""
        return await self._told(self._aliases.answer(source, self._backend.alias))

    async def check(self, name: str, password: str, address: str = "") -> str | bool | None:
        """See `Backend.check`."""
        return await self._told(self._backend.check(name, password, address))

    def key(self, login: str) -> str:
        """See `Backend.key`."""
        return self._backend.key(login)

    async def close(self) -> None:
        """Forget everything; the backend stays open."""
        for kept in (self._domains, self._accounts, self._aliases):
            await kept.close()

    async def _told(self, answering: Awaitable[_Answer]) -> _Answer:
        """The answer; that there is none is told of."""
        try:
            answer = await answering
        except DirectoryUnavailable as error:
            now = self._clock()
            if self._told_at is None or now - self._told_at >= REMIND:
                self._told_at = now
                self._report(f"{error}; mail that asks for it waits")
            raise
        return answer


class _Recollection(Generic[_Answer]):
    """Answers of one kind, by key."""

    def __init__(self, seconds: float, negative: float, clock: Callable[[], float]) -> None:
        self._seconds = seconds
        self._negative = negative
        self._clock = clock
        self._known: dict[str, tuple[float, _Answer]] = {}
        self._asking: dict[str, asyncio.Task[_Answer]] = {}

    async def answer(self, key: str, ask: Callable[[str], Awaitable[_Answer]]) -> _Answer:
        known = self._known.get(key)
        if known is not None and self._clock() < known[0]:
            return known[1]
        task = self._asking.get(key)
        if task is None:
            task = asyncio.ensure_future(self._ask(key, ask))
            self._asking[key] = task
            task.add_done_callback(lambda done: self._end(key, done))
        return await asyncio.shield(task)  # who stops waiting must not stop it for the others

    async def close(self) -> None:
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._known.clear()

    async def _ask(self, key: str, ask: Callable[[str], Awaitable[_Answer]]) -> _Answer:
        asked = self._clock()
        found = await ask(key)
        self._known.pop(key, None)  # a new entry goes to the end: the oldest is first
        lasts = self._seconds if found else self._negative
        if lasts > 0:
            if len(self._known) >= MOST_ANSWERS:
                del self._known[next(iter(self._known))]
            self._known[key] = (asked + lasts, found)
        return found

    def _end(self, key: str, done: asyncio.Task[_Answer]) -> None:
        self._asking.pop(key, None)
        if not done.cancelled():
            done.exception()  # whoever asked has it; nobody may have waited so long
