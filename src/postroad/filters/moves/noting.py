"""Accounts that mail is delivered to, on their way into the file of those that are watched.

A delivery says whose it is and where. Nearly always that is known, and nothing is done but to look
it up in memory. What is new is written down by and by.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from postroad.filters.moves.file import Place, note, note_filed
from postroad.limits.state_file import Keeping
from postroad.mailbox import Whereabouts
from postroad.mailbox.looking import unique_key
from postroad.mailbox.owners import Owner

__all__ = ["Noting"]

MOST_KNOWN = 100_000
"""Accounts that are remembered as written; some 30 MB. Those beyond are written once more."""

MOST_NEW = 10_000
"""Accounts, and messages filed as junk, that wait to be written. Accounts come again with their
next mail; of a message nobody knows then that it lay there, if it is rescued at once."""

_DAY = 86_400.0


class Noting:
    """Belongs to a worker's event loop."""

    def __init__(self, file: Keeping, now: Callable[[], float]) -> None:
        """Nothing is known yet.

        Args:
            file: of those that are watched.
            now: seconds since the epoch.
        """
        self._file = file
        self._now = now
        self._known: dict[str, Place] = {}
        self._new: dict[str, Place] = {}
        self._filed: list[tuple[str, int]] = []
        self._day = 0

    def delivered(
        self, user: str, where: Whereabouts, filed: str | None = None, owner: Owner | None = None
    ) -> None:
        """Mail was delivered to an account.

        Args:
            user: its canonical name.
            where: its mail.
            filed: the unique name of a message that went to the folder for junk; `None`: another.
            owner: as whom the mail is written; `None`: as the server.
        """
        place = Place(where, owner)
        if self._known.get(user) != place and len(self._new) < MOST_NEW:
            self._new[user] = place
        if filed is not None and len(self._filed) < MOST_NEW:
            self._filed.append((user, unique_key(filed)))

    async def write(self) -> None:
        """Write down what is new.

        Raises:
            StateUnavailable: it is tried again with the next one.
        """
        now = self._now()
        if int(now // _DAY) != self._day:  # so that the file has a recent time for all
            self._day = int(now // _DAY)
            self._known.clear()
        new, self._new = self._new, {}
        filed, self._filed = self._filed, []
        if not new and not filed:
            return

        def write(found: sqlite3.Connection) -> None:
            note(found, new.items(), now)
            note_filed(found, filed, now)

        try:
            await self._file.ask(write)
        except BaseException:
            self._new = {**new, **self._new}
            self._filed = [*filed, *self._filed][:MOST_NEW]
            raise
        self._known.update(new)
        while len(self._known) > MOST_KNOWN:
            del self._known[next(iter(self._known))]
