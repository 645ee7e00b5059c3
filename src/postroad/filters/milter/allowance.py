"""How much memory a milter may have a worker keep, for all messages together.

For one message there are bounds of their own. They leave room for what a message may need in the
end, and a thousand messages at once that each take all of it would be the memory of the machine.
Bodies do not count: they are put aside in the spool.
"""

from __future__ import annotations

__all__ = ["MOST", "Allowance"]

MOST = 67_108_864
"""Octets of fields, addresses and unfinished large packets, as many as of unfinished header
sections: a milter adds some kilobytes to a message, so ten thousand messages have room."""


class Allowance:
    """What is left of it."""

    __slots__ = ("_left",)

    def __init__(self, octets: int = MOST) -> None:
        """All of it is left."""
        self._left = octets

    def take(self, octets: int) -> bool:
        """Take some; `False`: there are not so many left, and none was taken."""
        if octets > self._left:
            return False
        self._left -= octets
        return True

    def give(self, octets: int) -> None:
        """Give some back."""
        self._left += octets
