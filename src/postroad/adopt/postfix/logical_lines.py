"""The lines of main.cf, master.cf and Postfix's tables, as postconf(5) puts them together.

A line that begins with white space goes on with the one before; empty lines and comments say
nothing, and do not end a line that goes on below them. Pure: text in, lines out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["LogicalLine", "logical_lines"]

_SPACE = " \t\r\n\v\f"


@dataclass(frozen=True, slots=True)
class LogicalLine:
    """A line with what goes on below it.

    Attributes:
        number: of its first line in the file, counted from 1.
        text: all of it; where lines were joined, the white space of the second one is between.
    """

    number: int
    text: str


def logical_lines(text: str) -> Iterator[LogicalLine]:
    """The lines that say something. One that goes on with nothing is left out, as Postfix does."""
    begun: list[str] = []
    first = 0
    for number, line in enumerate(text.split("\n"), 1):
        said = line.strip(_SPACE)
        if not said or said.startswith("#"):
            continue
        if line[0] in _SPACE:
            if begun:
                begun.append(line)
            continue
        if begun:
            yield LogicalLine(first, "".join(begun))
        begun, first = [line], number
    if begun:
        yield LogicalLine(first, "".join(begun))
