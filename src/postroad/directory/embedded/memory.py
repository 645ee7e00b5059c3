"""Answers that are remembered while the database file stands still.

A look-up by SQL costs some twenty system calls for locks alone, and each message asks the same
three questions. SQLite counts every commit in the file's header (file format, §1.3.7: the file
change counter, kept in rollback journal mode), so one `pread` tells whether anything was changed
since the answer was found; it is made once in a turn of the event loop, as nothing can be said to
have happened before or after it within one. An answer is kept only if the counter was the same
before and after the look-up: a commit that was under way, or was rolled back, in between leaves no
trace here.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable
from pathlib import Path

__all__ = ["Memory"]

MOST_ANSWERS = 20_000
"""Some megabytes; then everything is forgotten and found anew."""

_COUNTER_OFFSET = 24
_COUNTER_LENGTH = 4


class Memory:
    """Remembers answers by question.

    The descriptor lives as long as SQLite's own: closing any descriptor of a file gives up all
    POSIX locks that the process holds on it, SQLite's too.
    """

    __slots__ = ("_answers", "_descriptor", "_held", "_now", "_read_at", "_turn")

    def __init__(self, path: Path, turn: Callable[[], float] | None = None) -> None:
        """Nothing is remembered yet.

        Args:
            path: the database file.
            turn: something that is the same for as long as one look at the file will do, such as
                the time of an event loop that is taken once in a turn; `None`: each look is anew.

        Raises:
            OSError: it cannot be opened.
        """
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._answers: dict[Hashable, object] = {}
        self._held = b""
        self._now = b""
        self._turn = turn
        self._read_at = -1.0  # the turn

    def counter(self) -> bytes:
        """The file's change counter in this turn."""
        if self._turn is None:
            return self.read()
        turn = self._turn()
        if turn != self._read_at:
            self._now, self._read_at = self.read(), turn
        return self._now

    def read(self) -> bytes:
        """The file's change counter now."""
        return os.pread(self._descriptor, _COUNTER_LENGTH, _COUNTER_OFFSET)

    def recall(self, question: Hashable, counter: bytes) -> object | None:
        """The answer found at this count, `None` if there is none."""
        if counter != self._held:
            self._answers.clear()
            self._held = counter
            return None
        return self._answers.get(question)

    def keep(self, question: Hashable, answer: object, counter: bytes) -> None:
        """Remember an answer that was found while the counter was this.

        Args:
            question: what was asked.
            answer: never `None`.
            counter: what `counter` gave before the look-up.
        """
        if counter == self._held == self.read():
            if len(self._answers) >= MOST_ANSWERS:
                self._answers.clear()
            self._answers[question] = answer

    def close(self) -> None:
        """Close the descriptor; after the last connection to the file."""
        os.close(self._descriptor)
