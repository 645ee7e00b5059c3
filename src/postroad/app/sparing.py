"""Lines of the log that anybody on this machine can cause: a few are said, the others counted.

Six thousand files that are no message are one fact, not six thousand lines. So the first lines of a
minute are said as they are, and how many more there were in one line when the minute is over.
"""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["AT_ONCE", "Sparing"]

AT_ONCE = 10
"""Lines of a minute that are said: enough to see what kind of thing comes."""

_MINUTE = 60.0


class Sparing:
    """Says lines, and not too many."""

    def __init__(
        self,
        say: Callable[[str], None],
        elapsed: Callable[[], float],
        rest: str = "files that cannot be queued, put aside or removed",
    ) -> None:
        """Nothing is said yet.

        Args:
            say: takes a line.
            elapsed: seconds, never going back.
            rest: what the lines that are only counted tell of, in the plural.
        """
        self._rest = rest
        self._say = say
        self._elapsed = elapsed
        self._since = 0.0
        self._said = 0
        self._unsaid = 0

    def say(self, words: str) -> None:
        """Say a line, or count it."""
        self.settle()
        if not self._said:
            self._since = self._elapsed()
        if self._said < AT_ONCE:
            self._said += 1
            self._say(words)
        else:
            self._unsaid += 1

    def settle(self, *, at_once: bool = False) -> None:
        """Say how many were not said, if the minute is over.

        Args:
            at_once: say it in any case.
        """
        if not at_once and self._elapsed() < self._since + _MINUTE:
            return
        if self._unsaid:
            self._say(f"{self._unsaid} more {self._rest}")
        self._said = self._unsaid = 0

    @property
    def pause(self) -> float | None:
        """Seconds until `settle` has something to say; `None`: it has not."""
        if not self._unsaid:
            return None
        return max(0.0, self._since + _MINUTE - self._elapsed())
