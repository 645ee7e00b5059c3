"""Freezes in memory, for tests of those who make them and those who ask."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from postroad.directory import DirectoryUnavailable, Freeze, FreezeAuthor


class FakeFreezes:
    """Stands in for `Freezes`; `unavailable = True` makes every writing fail."""

    def __init__(self) -> None:
        self.frozen: dict[str, Freeze] = {}
        self.thawed: dict[str, int] = {}
        self.warned: dict[str, float] = {}
        self.unavailable = False

    def of(self, user: str) -> Freeze | None:
        return self.frozen.get(user)

    def thaws(self, user: str) -> int:
        return self.thawed.get(user, 0)

    async def look(self, user: str) -> Freeze | None:
        return self.frozen.get(user)

    async def unfinished(self) -> tuple[Freeze, ...]:
        return tuple(each for each in self.frozen.values() if not each.finished)

    async def begin(self, user: str, reason: str, worker: int, now: float) -> bool:
        await self._write()
        if user in self.frozen:
            return False
        thaws = self.thaws(user)
        self.frozen[user] = Freeze(
            user, reason, now, FreezeAuthor.AUTOMATIC, worker=worker, thaws=thaws
        )
        return True

    async def warn(self, user: str, interval: float, now: float) -> bool:
        await self._write()
        if user in self.warned and self.warned[user] > now - interval:
            return False
        self.warned[user] = now
        return True

    async def mark_told(self, freeze: Freeze) -> None:
        await self._write()
        if freeze.user in self.frozen:
            self.frozen[freeze.user] = replace(self.frozen[freeze.user], told=True)

    async def mark_finished(self, freeze: Freeze) -> None:
        await self._write()
        if freeze.user in self.frozen:
            self.frozen[freeze.user] = replace(self.frozen[freeze.user], finished=True)

    def thaw(self, user: str) -> None:
        """What an operator does."""
        del self.frozen[user]
        self.thawed[user] = self.thaws(user) + 1

    async def _write(self) -> None:
        await asyncio.sleep(0)
        if self.unavailable:
            raise DirectoryUnavailable("the fake was told to fail")
