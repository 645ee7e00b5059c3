"""Something that was made of files, made anew when they change.

As tables do (`postroad.tables.watched`): a change is looked for when somebody asks, at most once a
second; a file that was written within the last second may still be being written and is left for
the next look; and what cannot be used changes nothing. The last good state stays, and the mistake
is told of once. Where there is no good state yet, nobody gets an answer, and the next look tries
again. A file that names others, as a file of aliases includes lists, is followed with all of them.

What is read for the first time or is large is read and understood in a thread; whoever asks while
it is made anew gets the state before.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Generic, TypeVar

from postroad.directory.interface import DirectoryUnavailable
from postroad.tables.source import ABSENT, Signature, looks
from postroad.tables.table import TableMistake

__all__ = ["LOOK_EVERY", "Followed", "Made"]

LOOK_EVERY = 1.0
"""Seconds between two looks at the files."""

SETTLED = 1.0
"""Seconds that a file must have been left alone; an editor's write takes less."""

SHORT = 65_536
"""Octets of all files together that are read at once, in some milliseconds."""

_Value = TypeVar("_Value")

Made = tuple[_Value, Mapping[Path, Signature]]
"""What was made, and what the files that it was made of looked like."""


def _none(old: object, new: object) -> str:  # noqa: ARG001 - nothing speaks against anything
    return ""


class Followed(Generic[_Value]):
    """A value made of files.

    Args:
        name: for the log.
        make: reads the files; raises `TableMistake`.
        report: takes a line for the log that an operator should act on.
        inform: takes one that is only worth knowing.
        objection: says what speaks against a new value in the place of the old one; empty: nothing.
        now: seconds of a clock that only goes on.
        wall: seconds since the epoch, as files have them.
    """

    def __init__(
        self,
        name: str,
        make: Callable[[], Made[_Value]],
        *,
        report: Callable[[str], None],
        inform: Callable[[str], None],
        objection: Callable[[_Value, _Value], str] = _none,
        now: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._name = name
        self._make = make
        self._report = report
        self._inform = inform
        self._objection = objection
        self._now = now
        self._wall = wall
        self._made: Made[_Value] | None = None
        self._mistake = ""
        self._first = asyncio.Lock()
        self._refused: Mapping[Path, Signature] = {}
        self._due = now()
        self._looking = False
        self._said = ""

    async def get(self) -> _Value:
        """The value, by the files as they were a second ago at most.

        Raises:
            DirectoryUnavailable: they could never be used so far.
        """
        made = self._made or await self._begin()
        if self._now() >= self._due and not self._looking:
            await self._look(made[1])
            made = self._made or made
        return made[0]

    async def _begin(self) -> Made[_Value]:
        """Make the first value; who comes meanwhile waits for it."""
        async with self._first:
            if self._made is None and self._now() >= self._due:
                self._due = self._now() + LOOK_EVERY
                try:
                    self._made = await asyncio.to_thread(self._make)
                except TableMistake as mistake:
                    self._mistake = str(mistake)
                    self._say(f"{mistake}; {self._name} cannot answer")
            if self._made is None:
                raise DirectoryUnavailable(f"{self._name}: {self._mistake}")
            return self._made

    async def _look(self, files: Mapping[Path, Signature]) -> None:
        self._due = self._now() + LOOK_EVERY
        self._looking = True
        try:
            found = self._change(files)
            if found is not None:
                await self._renew(found)
        finally:
            self._looking = False

    def _change(self, files: Mapping[Path, Signature]) -> Mapping[Path, Signature] | None:
        """What the files look like, if they have changed and are left alone by now."""
        found = {path: looks(path) for path in files}
        if found in (files, self._refused):
            return None
        wall = self._wall()
        unsettled = any(wall - SETTLED < each[0] / 1e9 <= wall for each in found.values())
        return None if unsettled else found

    async def _renew(self, found: Mapping[Path, Signature]) -> None:
        size = sum(each[1] for each in found.values())
        try:
            made = self._make() if size <= SHORT else await asyncio.to_thread(self._make)
            objection = self._objection(self._made[0], made[0]) if self._made else ""
        except TableMistake as mistake:
            if not isinstance(mistake.__cause__, OSError) or ABSENT in found.values():
                self._refused = found  # this very content is not read again
            self._say(f"{mistake}; {self._name} stays as it was")
            return
        if objection:
            self._refused = found
            self._say(f"{self._name}: {objection}; it stays as it was")
            return
        self._made = made
        self._refused, self._said = {}, ""
        self._inform(f"{self._name}: taken anew, its files have changed")

    def _say(self, words: str) -> None:
        """Once: the same words again are no news."""
        if words != self._said:
            self._said = words
            self._report(words)
