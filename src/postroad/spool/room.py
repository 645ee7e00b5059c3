"""Whether the disks have room for more mail: asked before a message is taken, and cheaply.

A disk that is full takes nothing, neither new mail nor the marks that old mail is delivered. So new
mail stops while there is still some room, and what shrinks the queue goes on. What the system says
of a disk is believed for a second, and not for longer than it takes to promise some megabytes; a
message thus costs a comparison.

What is looked at are the file systems of the spool and of the state directory, where they are two:
accounts, bans and history must not find theirs full either.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from postroad.spool.settings import SpoolSettings

__all__ = ["Room", "Space", "file_systems", "look"]

AGE = 1.0  # seconds for which a look is believed
PROMISED = 16_777_216  # octets that may be promised meanwhile
OVERHEAD = 65_536
"""Octets that a message may take besides its own: whole pages in the log for a message that comes
alone, and for the result of its first attempt."""

SLACK = 1.1  # of a limit has to be free before mail is taken again: no flapping at the edge
MEBIBYTE = 1_048_576
UNLIMITED = 1 << 62
ROOM_AGAIN = "there is room for mail again"


@dataclass(frozen=True, slots=True)
class Space:
    """What is free on a file system for a process that is not root's.

    Attributes:
        octets: of room.
        inodes: of files and directories; `None` where nobody counts them.
    """

    octets: int
    inodes: int | None


def look(path: Path) -> Space:
    """What is free where `path` is.

    Raises:
        OSError: it cannot be told.
    """
    status = os.statvfs(path)
    inodes = status.f_favail if status.f_files else None
    return Space(status.f_bavail * status.f_frsize, inodes)


def file_systems(*paths: Path) -> list[Path]:
    """Those of the paths that are on different file systems; the first of each."""
    found: dict[int, Path] = {}
    for path in paths:
        found.setdefault(path.stat().st_dev, path)
    return list(found.values())


class Room:
    """Watches the room on some file systems. Lives on one loop.

    Args:
        settings: how much is to stay free.
        places: a path on each of the file systems.
        clock: seconds, of a clock that nobody sets.
        report: takes a line for the operator when mail stops, and one when it goes on.
        look: what is free at a path; may raise `OSError`.
        wanted: octets that are to be free in any case, now; see `Ballast`.
        again: called when there is room after there was none.
    """

    __slots__ = (
        "_again",
        "_clock",
        "_is_scarce",
        "_least",
        "_look",
        "_places",
        "_promised",
        "_report",
        "_settings",
        "_until",
        "_wanted",
    )

    def __init__(
        self,
        settings: SpoolSettings,
        places: Sequence[Path],
        clock: Callable[[], float],
        report: Callable[[str], None],
        look: Callable[[Path], Space] = look,
        *,
        wanted: Callable[[], int] = lambda: 0,
        again: Callable[[], None] = lambda: None,
    ) -> None:
        self._settings = settings
        self._places = places
        self._clock = clock
        self._report = report
        self._look = look
        self._wanted = wanted
        self._again = again
        self._until = float("-inf")
        self._promised = 0
        self._least = UNLIMITED  # octets that may be filled, on the fullest of the disks
        self._is_scarce = False

    def has(self, size: int = 0) -> bool:
        """Whether a message may be taken.

        Args:
            size: its octets, as far as they are known.
        """
        if not self._places:
            return True
        if self._promised >= PROMISED or self._clock() >= self._until:
            self._look_around()
        elif self._promised and size + self._promised > self._least:
            self._look_around()  # nobody is refused for a promise that may have been kept
        return not self._is_scarce and size <= self._least - self._promised

    def promise(self, size: int) -> None:
        """A message of so many octets was taken, of which the disks may not yet know."""
        self._promised += size + OVERHEAD

    def doubt(self) -> None:
        """What is known is no longer true: look again before the next message."""
        self._until = float("-inf")

    def _look_around(self) -> None:
        self._until = self._clock() + AGE
        self._promised = 0
        self._least = UNLIMITED
        factor = SLACK if self._is_scarce else 1.0
        wrong, min_free = "", max(self._settings.min_free, self._wanted())
        for place in self._places:
            try:
                space = self._look(place)
            except OSError:
                continue  # it may take mail all the same; if not, that is the answer
            wrong = wrong or self._scarcity(place, space, int(min_free * factor), factor)
            if min_free:
                self._least = min(self._least, space.octets - min_free)
        if bool(wrong) is not self._is_scarce:
            self._is_scarce = bool(wrong)
            words = f"no more mail is taken: {wrong}; deliveries go on" if wrong else ROOM_AGAIN
            self._report(words)
            if not wrong:
                self._again()

    def _scarcity(self, place: Path, space: Space, min_free: int, factor: float) -> str:
        min_inodes = self._settings.min_free_inodes
        if space.octets < min_free:
            free, least = space.octets // MEBIBYTE, min_free // MEBIBYTE
            return f"{place} has {free} MiB free, and {least} MiB are to be free ([spool] min_free)"
        if space.inodes is not None and space.inodes < min_inodes * factor:
            free = space.inodes
            return f"{place} has {free} inodes free, [spool] min_free_inodes asks for {min_inodes}"
        return ""
