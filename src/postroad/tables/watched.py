"""A table that follows its file.

A change is looked for when the table is asked, and then at most once a second: a table that nobody
asks costs nothing, no timer runs, and an answer is never older than the file was a second ago. A
file that changed within the last second may still be being written, and is left for the next look.

The new text is read and understood before the old one is given up. One that has mistakes, and one
that is objected to, changes nothing, is told of once and not read again before the file changes or
`look_again` is called. One that cannot be read at all is tried again at every look: rights and a
shortage of descriptors pass without a change of the file.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from postroad.tables.shrinking import Extent, Shrinking
from postroad.tables.source import Signature, looks, read, signature
from postroad.tables.table import Table, TableMistake

__all__ = ["LOOK_EVERY", "Watched"]

LOOK_EVERY = 1.0
"""Seconds between two looks at a file."""

SETTLED = 1.0
"""Seconds that a file must have been left alone; an editor's write takes less."""

SHORT = 65_536
"""Octets of a file that are read at once, in less than a millisecond; longer ones in a thread."""


class Watched:
    """A table of a file.

    Args:
        name: as the operator wrote it.
        path: its file.
        make: makes the table of the file's text; raises `TableMistake`.
        take: is shown the table that is to take the old one's place, puts it there by calling what
            it is given, and says why not if it does not; empty if it does.
        report: takes a line for the log that an operator should act on.
        inform: takes one that is only worth knowing.
        now: seconds of a clock that only goes on.
        wall: seconds since the epoch, as files have them.
        shrinking: objects to a file that seems to be cut; `None`: nobody does.

    Raises:
        TableMistake: the file cannot be used.
    """

    def __init__(
        self,
        name: str,
        path: Path,
        make: Callable[[str], Table],
        *,
        take: Callable[[Table, Table, Callable[[Table], None]], str],
        report: Callable[[str], None],
        inform: Callable[[str], None],
        now: Callable[[], float],
        wall: Callable[[], float],
        shrinking: Shrinking | None = None,
    ) -> None:
        self.name = name
        self._path = path
        self._make = make
        self._take = take
        self._report = report
        self._inform = inform
        self._now = now
        self._wall = wall
        self._shrinking = shrinking
        self._held: Table | None = None
        text, self._seen = read(path)
        self._table = make(text)
        if cut := self._cut(text, self._seen):
            raise TableMistake(cut, path=path)
        self._taken = self._seen
        self._due = now() + LOOK_EVERY
        self._looking = False
        self._said = ""

    @property
    def takes_parts(self) -> bool:
        """As the table that the file makes."""
        return self._table.takes_parts

    async def find(self, key: str) -> str | None:
        """The value of a key, by the file as it was a second ago at most.

        Raises:
            TableUnavailable: it cannot be known now.
        """
        if self._now() >= self._due and not self._looking:
            await self._look()
        return await self._table.find(key)

    def values(self) -> frozenset[str] | None:
        """Those of the table as it is now."""
        return self._table.values()

    @property
    def held(self) -> Table | None:
        """What the file says now, where that seems to be cut and is not taken for that."""
        return self._held

    def take_as_it_is(self) -> None:
        """Take the file as it is now, though it may seem to be cut."""
        if self._shrinking is not None:
            self._shrinking.trust([looks(self._path)])
        self.look_again()

    def look_again(self) -> None:
        """Look at the file as soon as anybody asks, also at content that was not taken.

        What spoke against it may have been another table, or the policy.
        """
        self._due = self._now()
        self._seen = self._taken
        self._said = ""

    async def close(self) -> None:
        """Close the table."""
        await self._hold(None)
        await self._table.close()

    async def _look(self) -> None:
        self._due = self._now() + LOOK_EVERY
        self._looking = True
        try:
            found = await self._change()
            if found is not None:
                await self._renew(found)
        except TableMistake as mistake:
            self._say(f"{mistake}; the table stays as it was")
        finally:
            self._looking = False

    async def _change(self) -> Signature | None:
        """What the file looks like, if it has changed and is left alone by now."""
        try:
            found = signature(self._path)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            self._say(f"{self._path}: {reason}; the table stays as it was")
            return None
        written = found[0] / 1e9
        settled = not self._wall() - SETTLED < written <= self._wall()
        if self._shrinking is not None and self._held is not None and found == self._taken:
            self._shrinking.is_back()
            self._seen, self._said = found, ""
            await self._hold(None)
        is_due = self._shrinking is not None and self._shrinking.is_due
        return found if (found != self._seen or is_due) and settled else None

    async def _renew(self, found: Signature) -> None:
        try:
            if found[1] <= SHORT:
                fresh, seen, cut = self._read()
            else:
                fresh, seen, cut = await asyncio.to_thread(self._read)
        except TableMistake as mistake:
            if not isinstance(mistake.__cause__, OSError):
                self._seen = found  # this very content is not read again
            raise
        self._seen = seen
        old = self._table
        objection = cut or self._take(old, fresh, self._put)
        await self._hold(fresh if cut else None)
        if objection:
            self._say(f"{self.name}: not taken anew: {objection}; the table stays as it was")
            if not cut:
                await fresh.close()
            return
        self._taken, self._said = seen, ""
        self._inform(f"{self.name}: taken anew, {self._path} has changed")
        await old.close()

    def _read(self) -> tuple[Table, Signature, str]:
        text, seen = read(self._path)
        return self._make(text), seen, self._cut(text, seen)

    def _cut(self, text: str, seen: Signature) -> str:
        """Why a text seems to be cut; empty where it does not, or nobody asks."""
        if self._shrinking is None:
            return ""
        lines = text.split("\n")
        entries = sum(not line.startswith(("#", " ", "\t")) and bool(line) for line in lines)
        return self._shrinking.objection(
            Extent(entries, frozenset({self._path} if lines[-1] else ())), [seen]
        )

    async def _hold(self, table: Table | None) -> None:
        """Keep this one beside the table that stays, instead of what was kept before."""
        before, self._held = self._held, table
        if before is not None:
            await before.close()

    def _put(self, table: Table) -> None:
        self._table = table

    def _say(self, words: str) -> None:
        """Once: the same words again are no news."""
        if words != self._said:
            self._said = words
            self._report(words)
