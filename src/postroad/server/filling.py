"""What a message takes of the disks while it comes, asked for step by step.

Its SIZE was asked for at MAIL, but it need not have said one, and many that are let in at once may
come to more than the reserve is meant for. So a large one asks again as it grows, and others hear
of it by what it was promised. A small one that was let in is taken: the reserve is for that.
"""

from __future__ import annotations

from postroad.server.service import Room

__all__ = ["Filling"]

STEP = 1_048_576
"""Octets between two questions. A thousand sessions have as much on their way at once, on a disk
that has just become scarce."""


class Filling:
    """That of one message."""

    __slots__ = ("_room", "_size", "_unpromised")

    def __init__(self, room: Room | None) -> None:
        """Nothing came yet.

        Args:
            room: who knows how full the disks are; `None`: nobody.
        """
        self._room = room
        self._size = 0
        self._unpromised = 0

    def grow(self, octets: int) -> bool:
        """So many more came; whether they may be stored."""
        self._size += octets
        self._unpromised += octets
        if self._room is None or self._unpromised < STEP:
            return True
        has_room = self._room.has(self._unpromised)
        self._promise()
        return has_room

    def may_double(self) -> bool:
        """Whether it may be written once more beside what there is, as one that is changed is."""
        return self._room is None or self._size < STEP or self._room.has(self._size)

    def end(self) -> None:
        """All of it was taken."""
        if self._room is not None:
            self._promise()

    def _promise(self) -> None:
        assert self._room is not None, "asked for only where somebody knows"
        self._room.promise(self._unpromised)
        self._unpromised = 0
