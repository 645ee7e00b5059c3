"""A queue that is changed in windows: so many recipients in one job, by their identities.

A recipient has its identity since its message was committed, and none is lower than that of one
that was committed before. So whoever goes through all identities, from the lowest on, meets every
message that was committed before the last window, also those that come in meanwhile; what is
committed behind the last one came after it all. Each window is looked at in one job, which keeps
the loop for some milliseconds, and mail goes on between two of them.

Messages that are named are one window: whoever names them does so in portions.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Protocol, Self, TypeVar

from postroad.spool.choosing import condition
from postroad.spool.claim import Choice

__all__ = ["Altered", "Part", "Place", "Window", "all_windows", "as_list"]

S = TypeVar("S", bound="Part")

END = "SELECT id FROM recipient WHERE id > ? ORDER BY id LIMIT 1 OFFSET ?"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a window begins.

    Attributes:
        after: behind this recipient.
        message: the last message that was met before, so that it is counted once; `None` for none.
    """

    after: int
    message: int | None = None


BEGINNING = Place(0)


@dataclass(frozen=True, slots=True)
class Altered:
    """What a change brought, in one window or in all of them.

    Attributes:
        messages: how many were changed, or lost some of their recipients.
        recipients: how many were changed.
        busy: recipients that the queue has: they are being tried, or about to be.
        postponed: recipients left as they are, because their sender asked for a later release.
        rest: where the next window begins; `None` at the end.
    """

    messages: int = 0
    recipients: int = 0
    busy: int = 0
    postponed: int = 0
    rest: Place | None = None

    def __add__(self, later: Altered) -> Altered:
        return Altered(
            self.messages + later.messages,
            self.recipients + later.recipients,
            self.busy + later.busy,
            self.postponed + later.postponed,
            later.rest,
        )


@dataclass(slots=True)
class Window:
    """The part of a choice that one job looks at.

    Attributes:
        choice: which messages.
        now: seconds since the epoch.
        place: where it begins.
    """

    SIZE: ClassVar[int] = 2000
    choice: Choice
    now: float
    place: Place
    _last: int | None = field(default=None, init=False)
    _met: int | None = field(default=None, init=False)

    def look(self, connection: sqlite3.Connection, columns: str) -> Sequence[tuple[int, ...]]:
        """The rows of those recipients `r`, and their messages `m`, that are meant.

        Args:
            connection: to read from.
            columns: of `r` and `m`, in SQL. The first is the message's number.
        """
        meant = condition(self.choice, self.now)
        self._last = None
        if not meant.is_named:
            row = connection.execute(END, (self.place.after, self.SIZE - 1)).fetchone()
            self._last = None if row is None else row[0]
        text, values = meant.of_recipients(self.place.after, self._last)
        rows = connection.execute(f"SELECT {columns} {text}", values).fetchall()
        self._met = rows[-1][0] if rows else self.place.message
        return rows

    def count(self, messages: Collection[int]) -> int:
        """How many of these messages, all different, were not met before."""
        return len(messages) - (self.place.message in messages)

    @property
    def rest(self) -> Place | None:
        """Where the next window begins; `None` when this was the last one."""
        return None if self._last is None else Place(self._last, self._met)


class Part(Protocol):
    """What one window of a change brought."""

    @property
    def rest(self) -> Place | None:
        """Where the next one begins; `None` at the end."""
        ...

    def __add__(self, later: Self, /) -> Self: ...


async def all_windows(ask: Callable[[Place], Awaitable[S]]) -> S:
    """What all windows of a change brought, asked for one after the other.

    Args:
        ask: has the window looked at that begins at a place.
    """
    total = window = await ask(BEGINNING)
    while window.rest is not None:
        window = await ask(window.rest)
        total = total + window
    return total


def as_list(numbers: Collection[int]) -> str:
    """Numbers as one value of a statement."""
    return json.dumps(list(numbers))
