"""A visit: somebody who is the owner of some mail looks for moves in it, and hands over what moved.

What is handed over is what lies in the folder for junk, and what was there at an earlier look and
lies in another folder now: nothing else of the mail. An agent is such a visitor (`mailbox.agent`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from postroad.mailbox.location import Whereabouts
from postroad.mailbox.looking import Beginning
from postroad.mailbox.moves.hearing import Hearing
from postroad.mailbox.moves.notebook import BLANK, Notebook, read_notebook, write_notebook
from postroad.mailbox.moves.stamp import NO_FOLDER, stamp_of
from postroad.mailbox.moves.survey import (
    MOST_DIGESTED,
    Folders,
    Past,
    read,
    survey,
)

__all__ = ["MOST_READ", "Found", "NotLooked", "Visit", "Visiting", "Wanted"]

MOST_READ = 2**20
"""Octets of a message that are handed over at most."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be looked at.

    Attributes:
        where: the account's mail.
        folders: which folders mean something.
        since: when we first delivered to the account, seconds since the epoch.
    """

    where: Whereabouts
    folders: Folders
    since: float


class Found(NamedTuple):
    """What a look came to.

    Attributes:
        moves: of each message whether it arrived in the folder for junk; else it has left it.
        stamp: what the folder is known by, if nothing has moved; empty: it has to be looked at
            again.
    """

    moves: tuple[bool, ...]
    stamp: str


class NotLooked(Exception):
    """There is no such move: nobody has looked before that question."""


class Visiting(Protocol):
    """Who looks, at one account after the other. Every method blocks."""

    def look(self, wanted: Wanted) -> Found:
        """Look at an account.

        Raises:
            OwnerAway: nobody can, or could in time.
            UnsafeName, OSError: it cannot be looked at.
        """
        ...

    def read(self, at: int, most: int) -> bytes | None:
        """The beginning of a message that was moved; `None`: it is gone, or cannot be read.

        Args:
            at: which of the last look's moves: 0, 1 …
            most: octets, up to `MOST_READ`.

        Raises:
            OwnerAway, OSError: as `look`.
        """
        ...

    def heard(self, count: int) -> str:
        """So many of the last look's moves are not to be told again; the folder's stamp.

        Raises:
            OwnerAway, OSError: as `look`.
        """
        ...

    def close(self) -> None:
        """There is no more to be looked at."""
        ...


class Visit:
    """Implements `Visiting` by who runs it."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        """Nothing is looked at yet.

        Args:
            now: seconds since the epoch.
        """
        self._now = now
        self._where: Whereabouts | None = None
        self._hearing: Hearing | None = None
        self._looked = 0.0
        self._read: dict[int, Beginning] = {}

    def look(self, wanted: Wanted) -> Found:
        """See `Visiting.look`."""
        where, now = wanted.where, self._now()
        self.close()
        where.confine()
        before = read_notebook(where)
        stamp = stamp_of(where, wanted.folders.junk, now)
        if stamp and stamp == before.stamp:
            return Found((), stamp)
        past = Past(before.snapshot, wanted.since, before.looked)
        found = survey(where, wanted.folders, past, now)
        self._where, self._hearing, self._looked = where, Hearing(found), now
        if found.moves:
            return Found(tuple(each.into_junk for each in found.moves), "")
        if found.stamp == NO_FOLDER and before == BLANK:
            return Found((), NO_FOLDER)  # most accounts have none; nothing is left in their mail
        return Found((), self.heard(0))

    def read(self, at: int, most: int) -> bytes | None:
        """See `Visiting.read`."""
        if self._where is None or self._hearing is None:
            raise NotLooked
        moves = self._hearing.found.moves
        if not 0 <= at < len(moves):
            raise NotLooked
        beginning = read(self._where, moves[at], min(most, MOST_READ))
        if beginning is None:
            return None
        self._read[at] = beginning._replace(octets=beginning.octets[:MOST_DIGESTED])
        return beginning.octets

    def heard(self, count: int) -> str:
        """See `Visiting.heard`."""
        if self._where is None or self._hearing is None:
            raise NotLooked
        hearing, where = self._hearing, self._where
        for at, move in enumerate(hearing.found.moves[:count]):
            hearing.done(move, self._read.get(at))
        write_notebook(where, Notebook(hearing.snapshot, self._looked, hearing.stamp))
        self.close()
        return hearing.stamp

    def close(self) -> None:
        """See `Visiting.close`."""
        self._where = self._hearing = None
        self._read.clear()
