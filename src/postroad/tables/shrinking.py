"""Whether a file that somebody rewrites was cut: by a disk that was full, or a copy that broke off.

Who reads such a file takes everybody behind the cut for unknown, and their mail is returned for
good. No content tells what it was meant to be, but three things are seldom meant: that nothing is
left, that the last line has no end where it had one and there is no more than before, and that half
of it goes at once. They are held: not taken before they have stayed so for a while, or an operator
says that he means them. What counts as before is the same for all processes of a server, and does
not end with them (`extents`): the one that starts after a full disk must not be the first to
believe the file. A file that is cut just at the end of a line, and not by half, passes: it looks
like any other that lost its last entries.

This module judges numbers; it reads nothing but the last octet of a file where it is asked to.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from postroad.tables.extents import Extent, Extents, Known
from postroad.tables.source import Signature

__all__ = ["HELD_FOR", "Extent", "Shrinking", "unended"]

HELD_FOR = 600.0
"""Seconds that a content which seems to be cut has to stay as it is: time to read a log and act.
Whoever means it does not wait: a reload takes it, and who is not in it cannot log in meanwhile."""

FEW = 20
"""Entries of which fewer may go at any time: that is how small files are edited, and one of less
than a disk's block is written whole or not at all."""

_WAY_OUT = f"a reload takes it as it is, and so do {HELD_FOR / 60:.0f} minutes without a change"


class Shrinking:
    """Compares what follows each other in one place.

    Args:
        name: of the place.
        extents: what is known of it.
    """

    def __init__(self, name: str, extents: Extents) -> None:
        self._name = name
        self._extents = extents
        self._until: float | None = None

    def objection(self, new: Extent, looks: Sequence[Signature] = ()) -> str:
        """Why a new content is not to be taken; empty: it is, and is compared with from now on.

        Args:
            new: how much it is.
            looks: what its files look like, in the order of `trust`.
        """
        known = self._extents.known(self._name)
        words = "" if known is None else _against(known.taken, new)
        if known is not None and words and not self._is_meant(known, new, tuple(looks)):
            return f"{words}; {_WAY_OUT}"
        self._until = None
        if known != Known(new):
            self._extents.keep(self._name, Known(new))
        return ""

    def trust(self, looks: Sequence[Signature]) -> None:
        """Take the files that look like this as they are, whatever speaks against it."""
        known = self._extents.known(self._name)
        if known is not None:
            self._extents.keep(self._name, replace(known, trusted=tuple(looks)))

    def is_back(self) -> None:
        """Files that were objected to are again what was taken."""
        known = self._extents.known(self._name)
        if known is not None and known.held is not None:
            self._extents.keep(self._name, Known(known.taken))
        self._until = None

    @property
    def is_due(self) -> bool:
        """Whether what was objected to is to be shown again, though its file has not changed."""
        return self._until is not None and self._extents.wall() >= self._until

    def _is_meant(self, known: Known, new: Extent, looks: tuple[Signature, ...]) -> bool:
        if looks and looks == known.trusted:
            return True
        now = self._extents.wall()
        # A clock that was set back must not hold it for longer.
        since = min(known.since, now) if known.held == new else now
        if known.held != new or known.since != since:
            self._extents.keep(self._name, replace(known, held=new, since=since))
        self._until = since + HELD_FOR
        return now >= self._until


def _against(old: Extent, new: Extent) -> str:
    if old.entries and not new.entries:
        return "nothing is in it any more, as when a disk is full"
    if new.entries <= old.entries and new.unended - old.unended:
        return "its last line has no end, as when a disk is full: end that line"
    if old.entries < FEW or new.entries * 2 > old.entries:
        return ""
    gone = old.entries - new.entries
    return f"{gone} of its {old.entries} entries are gone at once, as when a disk is full"


def _has_no_end(path: Path) -> bool:
    """Whether the last line of a file has no end; not, if it is empty or cannot be read. Blocks."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            return bool(size) and os.pread(file.fileno(), 1, size - 1) != b"\n"
    except OSError:
        return False


def unended(paths: Iterable[Path]) -> frozenset[Path]:
    """Those of some files whose last line has no end. Blocks."""
    return frozenset(path for path in paths if _has_no_end(path))
