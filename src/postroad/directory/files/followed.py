"""Something that was made of files, made anew when they change.

As tables do (`postroad.tables.watched`): a change is looked for when somebody asks, at most once a
second; a file that was written within the last second may still be being written and is left for
the next look; and what cannot be used changes nothing. The last good state stays, and the mistake
is told of once. Where there is no good state yet, nobody gets an answer, and the next look tries
again. What looks as if it was cut is held for a while (`postroad.tables.shrinking`): the last good
state stays, and what is held can be asked for beside it. A file that names others, as a file of
aliases includes lists, is followed with all of them.

Files are read and understood in a thread: a disk may be slow, a file long, and the users that it
names at a server. Whoever asks while it is made anew gets the state before.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence, Sized
from pathlib import Path
from typing import Generic, TypeVar

from postroad.directory.interface import DirectoryUnavailable
from postroad.tables.extents import Extents
from postroad.tables.shrinking import Extent, Shrinking, unended
from postroad.tables.source import ABSENT, Signature, looks
from postroad.tables.table import TableMistake

__all__ = ["LOOK_EVERY", "Followed", "Made"]

LOOK_EVERY = 1.0
"""Seconds between two looks at the files."""

SETTLED = 1.0
"""Seconds that a file must have been left alone; an editor's write takes less."""

AWAITED = 0.1
"""Seconds that who notices a change waits for it: a usual file is read in less."""

_Value = TypeVar("_Value", bound=Sized)

Made = tuple[_Value, Mapping[Path, Signature]]
"""What was made, and what the files that it was made of looked like."""


class Followed(Generic[_Value]):
    """A value made of files.

    Args:
        name: for the log.
        make: reads the files; raises `TableMistake`.
        report: takes a line for the log that an operator should act on.
        inform: takes one that is only worth knowing.
        now: seconds of a clock that only goes on.
        wall: seconds since the epoch, as files have them.
        paths: the files that are named in the configuration.
        extents: what is known of files; `None`: what this object sees.
    """

    def __init__(
        self,
        name: str,
        make: Callable[[], Made[_Value]],
        *,
        report: Callable[[str], None],
        inform: Callable[[str], None],
        now: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        paths: Sequence[Path] = (),
        extents: Extents | None = None,
    ) -> None:
        self._name = name
        self._make = make
        self._report = report
        self._inform = inform
        self._shrinking = Shrinking(name, extents or Extents(wall))
        self._paths = tuple(paths)
        self._now = now
        self._wall = wall
        self._made: Made[_Value] | None = None
        self._held: _Value | None = None
        self._mistake = ""
        self._first = asyncio.Lock()
        self._refused: Mapping[Path, Signature] = {}
        self._due = now()
        self._renewal: asyncio.Task[None] | None = None
        self._said = ""

    async def get(self) -> _Value:
        """The value, by the files as they were a second ago at most.

        Raises:
            DirectoryUnavailable: they could never be used so far.
        """
        made = self._made or await self._begin()
        if self._now() >= self._due and (self._renewal is None or self._renewal.done()):
            await self._look(made[1])
            made = self._made or made
        return made[0]

    @property
    def held(self) -> _Value | None:
        """What the files say now, where that seems to be cut and is not taken for that."""
        return self._held

    def take_as_it_is(self) -> None:
        """Take the files as they are now, whatever they look like."""
        self._shrinking.trust([looks(path) for path in self._paths])
        self._refused, self._due = {}, self._now()

    async def _begin(self) -> Made[_Value]:
        """Make the first value; who comes meanwhile waits for it."""
        async with self._first:
            if self._made is None and self._now() >= self._due:
                self._due = self._now() + LOOK_EVERY
                await self._make_first()
            if self._made is None:
                raise DirectoryUnavailable(f"{self._name}: {self._mistake}")
            return self._made

    async def _make_first(self) -> None:
        if self._refused and self._is_refused({path: looks(path) for path in self._refused}):
            return
        try:
            made, objection = await asyncio.to_thread(self._anew)
        except TableMistake as mistake:
            self._refused, self._mistake = {}, str(mistake)
            self._say(f"{mistake}; {self._name} cannot answer")
            return
        if objection:
            self._refused = made[1]
            self._mistake = f"{objection}; a worker that saw more goes by that"
            self._say(f"{self._name}: {objection}; it cannot answer")
            return
        self._made, self._refused, self._said = made, {}, ""

    def _is_refused(self, found: Mapping[Path, Signature]) -> bool:
        return found == self._refused and not self._shrinking.is_due

    async def _look(self, files: Mapping[Path, Signature]) -> None:
        self._due = self._now() + LOOK_EVERY
        found = self._change(files)
        if found is not None:
            self._renewal = asyncio.create_task(self._renew(found))
            await asyncio.wait({self._renewal}, timeout=AWAITED)

    def _change(self, files: Mapping[Path, Signature]) -> Mapping[Path, Signature] | None:
        """What the files look like, if they have changed and are left alone by now."""
        found = {path: looks(path) for path in files}
        if found == files and self._held is not None:
            self._shrinking.is_back()
            self._held, self._refused, self._said = None, {}, ""
        if found == files or self._is_refused(found):
            return None
        wall = self._wall()
        unsettled = any(wall - SETTLED < each[0] / 1e9 <= wall for each in found.values())
        return None if unsettled else found

    async def _renew(self, found: Mapping[Path, Signature]) -> None:
        try:
            made, objection = await asyncio.to_thread(self._anew)
        except TableMistake as mistake:
            if not isinstance(mistake.__cause__, OSError) or ABSENT in found.values():
                self._refused = found  # this very content is not read again
            self._say(f"{mistake}; {self._name} stays as it was")
            return
        except Exception as error:  # noqa: BLE001 - of a bug, in a task that nobody waits for
            self._refused = found
            self._say(f"{type(error).__name__}: {error}; {self._name} stays as it was")
            return
        if objection:
            self._refused, self._held = found, made[0]
            self._say(f"{self._name}: {objection}; it stays as it was")
            return
        self._made, self._held = made, None
        self._refused, self._said = {}, ""
        self._inform(f"{self._name}: taken anew, its files have changed")

    def _anew(self) -> tuple[Made[_Value], str]:
        """A new value, and what speaks against it; blocks."""
        made = self._make()
        extent = Extent(len(made[0]), unended(made[1]))
        return made, self._shrinking.objection(
            extent, [made[1].get(path, ABSENT) for path in self._paths]
        )

    def _say(self, words: str) -> None:
        """Once: the same words again are no news."""
        if words != self._said:
            self._said = words
            self._report(words)
