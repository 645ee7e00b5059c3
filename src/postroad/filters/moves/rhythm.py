"""When mail of other owners is looked at next: each look may take a process of its own.

Where something was found, with the next turn; where nothing was, each time half as often, down to
one turn in sixty. Where nobody could look, not before sixty turns are over.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["SLOWEST", "Rhythm"]

SLOWEST = 60
"""Turns between two looks at mail in which nothing moves: an hour, as a rule."""

FIRST = 15
"""Turns likewise after the first look, if nothing has moved since the process before this one: so
a restart does not have all of them looked at again and again."""

MOST_KNOWN = 100_000
"""Accounts whose rhythm is known; some 20 MB. Beyond that all begin anew."""


class _Beat(NamedTuple):
    due: float
    pause: float
    failed: bool = False


class Rhythm:
    """Of all accounts. Starts anew with the process: then all are due.

    Attributes:
        every: seconds between two turns.
    """

    def __init__(self, every: float) -> None:
        """Nobody was looked at.

        Args:
            every: seconds between two turns.
        """
        self.every = every
        self._beats: dict[int, _Beat] = {}

    def is_due(self, number: int, now: float, *, is_changed: bool) -> bool:
        """Whether an account is to be looked at.

        Args:
            number: of the account.
            now: seconds since any moment.
            is_changed: whether it is known that something has changed there.
        """
        beat = self._beats.get(number)
        if beat is None or now >= beat.due or beat.due > now + self._slowest:
            return True  # also where a clock was set back
        return is_changed and not beat.failed

    def looked(self, number: int, now: float, *, is_quiet: bool) -> None:
        """An account was looked at; quietly, where nothing was found there."""
        beat = self._beats.get(number)
        pause = self.every
        if is_quiet and beat is None:
            pause = FIRST * self.every
        elif is_quiet and beat is not None and not beat.failed:
            pause = min(2 * beat.pause, self._slowest)
        self._keep(number, _Beat(now + pause, pause))

    def failed(self, number: int, now: float) -> None:
        """Nobody could look at an account."""
        self._keep(number, _Beat(now + self._slowest, self.every, failed=True))

    @property
    def _slowest(self) -> float:
        return SLOWEST * self.every

    def _keep(self, number: int, beat: _Beat) -> None:
        if len(self._beats) >= MOST_KNOWN and number not in self._beats:
            self._beats.clear()
        self._beats[number] = beat
