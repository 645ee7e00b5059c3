"""A look-up table: a key goes in, a text or nothing comes out.

Whoever asks sees only this interface and does not learn whether the answer was in memory, in a
database or at the other end of a socket. «There is none» and «I cannot say now» are two different
answers: the second is an exception, so that nobody can take it for the first.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

__all__ = ["Table", "TableMistake", "TableUnavailable", "Warn", "ignore"]

Warn = Callable[[str], None]
"""Takes a line about something in a table that is odd and yet no reason not to use it."""


class TableUnavailable(Exception):
    """A table cannot answer now; the text is for the log, never for a peer."""


class TableMistake(Exception):
    """A table cannot be used as it is written.

    Attributes:
        message: what was expected.
        path: the file that it stands in; `None` for the table's name itself.
        line: counted from 1; `None` where the file as a whole is meant.
        suggestion: the nearest right spelling, or empty.
    """

    def __init__(
        self,
        message: str,
        *,
        path: Path | None = None,
        line: int | None = None,
        suggestion: str = "",
    ) -> None:
        self.message = message
        self.path = path
        self.line = line
        self.suggestion = suggestion
        super().__init__(message)

    @property
    def where(self) -> str:
        """File and line, as they stand before a message; empty without a file."""
        if self.path is None:
            return ""
        return f"{self.path}: " if self.line is None else f"{self.path}:{self.line}: "

    def __str__(self) -> str:
        hint = f"; did you mean {self.suggestion}?" if self.suggestion else ""
        return f"{self.where}{self.message}{hint}"


class Table(Protocol):
    """A table that is open.

    Attributes:
        name: as the operator wrote it: `TYPE:REST`.
        takes_parts: whether parts of an address (the domain, a parent domain, a network) may be
            looked up too; `False` where only a whole key makes sense, as in a list of patterns.
    """

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def takes_parts(self) -> bool: ...  # noqa: D102

    async def find(self, key: str) -> str | None:
        """The value of a key; `None` where there is none. What is in memory answers at once.

        Raises:
            TableUnavailable: it cannot be known now.
        """
        ...

    def values(self) -> frozenset[str] | None:
        """Every value that it can ever answer with; `None` where that cannot be known."""
        ...

    async def close(self) -> None:
        """Give up what is held, such as connections. Tables that it is made of stay open."""
        ...


def ignore(line: str) -> None:
    """The `Warn` of those who only want to know whether a table can be opened."""
