"""How many recipients may be in memory, and whose. Pure.

It knows counts and senders, not destinations or turns. Room is shared so that nobody can close the
door. Mail that comes in has one half of it and mail that is read back from the spool the other:
each would fill all there is, and neither could tell how much the other is about to need. Of either
half a sender may hold `SHARE` times what is left, so there is always something left for the next
one; and so much may wait for one destination. Of ten that would fill memory each holds a little
less than a tenth, and some is left.
"""

from __future__ import annotations

from postroad.queue.allowance import UNLIMITED

__all__ = ["SHARE", "Room"]

SHARE = 4
"""A sender, or a destination, may hold so many times the room that is left."""


class Room:
    """The active window.

    Attributes:
        active: recipients in memory.
    """

    __slots__ = ("_free", "_half", "_held", "active")

    def __init__(self, limit: int) -> None:
        """An empty room.

        Args:
            limit: recipients that fit; 0: any number.
        """
        # For mail read back from the spool, and for mail that came in: what is in, by sender.
        self._held: tuple[dict[str, int], dict[str, int]] = ({}, {})
        self._free = [0, 0]
        self._half = [0, 0]
        self.active = 0
        self.resize(limit)

    def resize(self, limit: int) -> None:
        """Be as large as this; who is in stays in."""
        limit = limit or UNLIMITED
        for fresh, half in enumerate((max(limit // 2, 1), max(limit - limit // 2, 1))):
            self._free[fresh] += half - self._half[fresh]
            self._half[fresh] = half

    @property
    def left(self) -> int:
        """How many recipients may be read back from the spool now."""
        return self._free[False]

    def fits(self, sender: str, *, fresh: bool) -> int:
        """How many recipients of a sender may come in; 0 or less: none."""
        free = self._free[fresh]
        held = self._held[fresh].get(sender, 0)
        share = (SHARE * free - held) // (SHARE + 1)
        return min(free, max(share, 0 if held else 1))

    def held(self, sender: str) -> int:
        """How many recipients of a sender are in."""
        return self._held[False].get(sender, 0) + self._held[True].get(sender, 0)

    def share(self, *, fresh: bool) -> int:
        """How many recipients may wait for one destination now, of one origin."""
        return SHARE * self._free[fresh]

    def enter(self, sender: str, count: int, *, fresh: bool) -> None:
        """So many recipients come in."""
        held = self._held[fresh]
        held[sender] = held.get(sender, 0) + count
        self._free[fresh] -= count
        self.active += count

    def leave(self, sender: str, count: int, *, fresh: bool) -> None:
        """So many recipients are out of memory."""
        self.active -= count
        self._free[fresh] += count
        held = self._held[fresh]
        left = held[sender] - count
        if left:
            held[sender] = left
        else:
            del held[sender]
