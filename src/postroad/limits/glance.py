"""A look at a file of `state_file` that leaves it as it is.

Implements `Keeping` for those who only want to know: what they ask runs on a copy in memory, so
that a question which would write in a worker (that somebody came, that a probe is due) changes
nothing here, and no worker waits for it. A file that is not there is an empty one and stays absent:
that it is there would mean that it is in use.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from postroad.limits.state_file import PATIENCE, Shape

__all__ = ["Glance"]

_Answer = TypeVar("_Answer")


class Glance:
    """Implements `Keeping` over a copy, made at the first question."""

    def __init__(self, path: Path, shape: Shape) -> None:
        """Nothing is read yet.

        Args:
            path: the file.
            shape: what is in it.
        """
        self._path = path
        self._shape = shape
        self._copy: sqlite3.Connection | None = None

    async def ask(self, question: Callable[[sqlite3.Connection], _Answer]) -> _Answer:
        """See `Keeping.ask`; what the question writes is forgotten with the copy."""
        return self.look(question)

    def look(self, question: Callable[[sqlite3.Connection], _Answer]) -> _Answer:
        """The same for who does not wait.

        Raises:
            StateUnavailable: as the shape's error; the file cannot be read.
        """
        try:
            if self._copy is None:
                self._copy = self._copied()
            with self._copy:
                self._copy.execute("BEGIN")
                return question(self._copy)
        except sqlite3.Error as error:
            raise self._shape.error(f"{self._path}: {error}") from error

    def close(self) -> None:
        """Forget the copy."""
        if self._copy is not None:
            self._copy.close()
            self._copy = None

    def _copied(self) -> sqlite3.Connection:
        copy = sqlite3.connect(":memory:", isolation_level=None)
        try:
            if self._path.exists():
                self._fill(copy)
            else:
                copy.executescript(self._shape.tables)
        except BaseException:
            copy.close()
            raise
        return copy

    def _fill(self, copy: sqlite3.Connection) -> None:
        uri = f"{self._path.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=PATIENCE)) as file:
            owner = int(file.execute("PRAGMA application_id").fetchone()[0])
            version = int(file.execute("PRAGMA user_version").fetchone()[0])
            if not owner and not version:  # a worker is just making it
                copy.executescript(self._shape.tables)
                return
            if (owner, version) != (self._shape.application_id, self._shape.version):
                words = f"this file is no database of {self._shape.noun} of this release"
                raise self._shape.error(f"{self._path}: {words}")
            file.backup(copy)
