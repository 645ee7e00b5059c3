"""The numbers of users and groups that a directory names, looked up beside the event loop.

Whoever lists the users of this system may be a server behind NSS, and the C library waits for it.
So it is asked in a thread, one question at a time, and what it found is remembered. That there is
no such user is not: the next question asks again. Numbers need no list at all.
"""

from __future__ import annotations

import asyncio
import grp
import pwd
import time
from collections.abc import Callable, Mapping

from postroad.directory.interface import Place
from postroad.directory.userdb import place_of

__all__ = ["Identities"]

REMEMBERED = 3600.0
"""Seconds. Numbers of users change with a system's life, not with a day."""

MOST_NAMES = 10_000
"""Names of each kind, some MB; beyond them all are asked for anew."""


def _user(name: str) -> int:
    return pwd.getpwnam(name).pw_uid


def _group(name: str) -> int:
    return grp.getgrnam(name).gr_gid


class Identities:
    """Reads places that name users and groups.

    Args:
        user: the number of a user's name; raises `KeyError`, and may block.
        group: the same of a group's.
        clock: seconds, never going back.
    """

    def __init__(
        self,
        user: Callable[[str], int] = _user,
        group: Callable[[str], int] = _group,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._users = _Numbers(user, clock)
        self._groups = _Numbers(group, clock)

    async def place(self, fields: Mapping[str, str]) -> Place:
        """The place that Dovecot's userdb fields say.

        Args:
            fields: see `userdb.place_of`.

        Raises:
            UserdbMistake: one cannot be read, or nobody has the name.
        """
        users = await self._users.of(fields.get("uid", ""))
        groups = await self._groups.of(fields.get("gid", ""))
        return place_of(fields, user=users.__getitem__, group=groups.__getitem__)


class _Numbers:
    """The numbers of names of one kind."""

    def __init__(self, ask: Callable[[str], int], clock: Callable[[], float]) -> None:
        self._ask = ask
        self._clock = clock
        self._asking = asyncio.Lock()
        self._known: dict[str, tuple[float, int]] = {}

    async def of(self, name: str) -> Mapping[str, int]:
        """The number of a name, by that name; nothing where there is none, or none is needed."""
        if not name or name.isdigit():
            return {}
        number = self._recalled(name)
        if number is None:
            async with self._asking:  # who waited finds what the one before has learnt
                number = self._recalled(name)
                if number is None:
                    number = await self._learn(name)
        return {} if number is None else {name: number}

    def _recalled(self, name: str) -> int | None:
        known = self._known.get(name)
        return known[1] if known is not None and self._clock() < known[0] else None

    async def _learn(self, name: str) -> int | None:
        until = self._clock() + REMEMBERED
        try:
            number = await asyncio.to_thread(self._ask, name)
        except KeyError:
            return None
        if len(self._known) >= MOST_NAMES:
            self._known.clear()
        self._known[name] = (until, number)
        return number
