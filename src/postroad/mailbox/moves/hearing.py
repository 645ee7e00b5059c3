"""The moves that a look has found, while they are heard one after the other.

Whoever learns may fail or be killed in between. So what is to be remembered of the look grows with
each move that was heard, and a move that was not is found again by the next look.
"""

from __future__ import annotations

from postroad.mailbox.looking import Beginning
from postroad.mailbox.moves.snapshot import Seen, Snapshot
from postroad.mailbox.moves.survey import Move, Survey, digest_of

__all__ = ["Hearing"]


class Hearing:
    """What is to be remembered of a look.

    Attributes:
        found: what it came to.
    """

    def __init__(self, found: Survey) -> None:
        """No move was heard yet.

        Args:
            found: what the look came to.
        """
        self.found = found
        self._left = len(found.moves)
        self._seen = {each.key: each for each in found.base.seen}

    def done(self, move: Move, beginning: Beginning | None) -> None:
        """A move was heard; what cannot be read is not tried again.

        Args:
            move: which.
            beginning: what was read of it; `None`: it could not be.
        """
        self._left -= 1
        seen = move.seen
        if not move.into_junk:
            self._seen.pop(seen.key, None)
            return
        if beginning is not None:
            seen = Seen(seen.key, seen.inode, digest_of(beginning.octets), beginning.size)
        self._seen[seen.key] = seen

    @property
    def snapshot(self) -> Snapshot:
        """What lay in the folder for junk."""
        base = self.found.base
        return Snapshot(base.identity, base.floor, tuple(self._seen.values()))

    @property
    def stamp(self) -> str:
        """What that is known by; empty, with moves that were not heard: to be looked at again."""
        return self.found.stamp if self.found.is_complete and not self._left else ""
