"""Lines of Dovecot 2.3's configuration files: what each says, before anybody knows what it means.

The rules are those of Dovecot's own parser, its oddities included: a `#` begins a comment wherever
it stands outside of quotes, a line that ends in a backslash goes on in the next one, and quotes
count only where they enclose the whole value. Knows no files and no settings.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

__all__ = ["Line", "LineKind", "lines"]

_WHITE = " \t\r"


class LineKind(Enum):
    """What a line is."""

    SETTING = "setting"
    FILE_SETTING = "file setting"
    """`key = <path`: the value is what the file contains."""
    VARIABLE_SETTING = "variable setting"
    """The value names other settings, `$name`."""
    OPENING = "opening"
    CLOSING = "closing"
    INCLUDE = "include"
    INCLUDE_IF_THERE = "include if there"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Line:
    """A line with something in it.

    Attributes:
        number: counted from 1; of a line that is continued, the first.
        kind: what it is.
        key: the setting's name; of a section that opens, its kind.
        value: the value; of a section, its name; of an error, the words.
    """

    number: int
    kind: LineKind
    key: str
    value: str


def lines(text: str) -> Iterator[Line]:
    """The lines of a file that say something, in order."""
    whole, first = "", 0
    for number, raw in enumerate(text.split("\n"), start=1):
        line = _without_comment(raw.lstrip(_WHITE)).rstrip(_WHITE)
        if not line:
            continue
        first = first or number
        if line.endswith("\\"):
            part = line[:-1].rstrip(_WHITE)
            whole += f"{part} " if part else ""
            continue
        yield _read(first, whole + line)
        whole, first = "", 0


def _without_comment(line: str) -> str:
    at = 0
    while at < len(line):
        mark = line[at]
        if mark == "#":
            return line[:at]
        if mark in "'\"":
            end = at + 1
            while end < len(line) and line[end] != mark:
                end += 2 if line[end] == "\\" else 1
            if end >= len(line):
                return line
            at = end
        at += 1
    return line


def _read(number: int, line: str) -> Line:
    end = next((at for at, mark in enumerate(line) if mark in _WHITE or mark == "="), len(line))
    key, rest = line[:end], line[end:].lstrip(_WHITE)
    if key in ("!include", "!include_try"):
        kind = LineKind.INCLUDE if key == "!include" else LineKind.INCLUDE_IF_THERE
        return Line(number, kind, key, rest)
    if rest.startswith("="):
        return _setting(number, key, rest[1:].lstrip(_WHITE))
    if key == "}" and not rest:
        return Line(number, LineKind.CLOSING, "", "")
    return _opening(number, key, rest)


def _setting(number: int, key: str, value: str) -> Line:
    if value.startswith("<"):
        return Line(number, LineKind.FILE_SETTING, key, value[1:].lstrip(_WHITE))
    quoted = value[:1] in ("'", '"')
    if not quoted and "$" in value:
        return Line(number, LineKind.VARIABLE_SETTING, key, value)
    if quoted and len(value) > 1 and value.endswith(value[0]):
        value = _unescaped(value[1:-1])
    return Line(number, LineKind.SETTING, key, value)


def _opening(number: int, kind: str, rest: str) -> Line:
    name = ""
    if rest.startswith('"'):
        quoted, closed, after = rest[1:].partition('"')
        if closed:
            name, rest = _unescaped(quoted), after.lstrip(_WHITE)
    elif not rest.startswith("{"):
        name, _, rest = rest.replace("\t", " ").partition(" ")
        rest = rest.lstrip(_WHITE)
    if not rest.startswith("{"):
        return Line(number, LineKind.ERROR, kind, "Expecting '{'" if rest or name else "no value")
    if rest != "{":
        return Line(number, LineKind.ERROR, kind, "Garbage after '{'")
    return Line(number, LineKind.OPENING, kind, name)


def _unescaped(text: str) -> str:
    """Without its backslashes; one before a mark stands for the mark."""
    if "\\" not in text:
        return text
    marks = iter(text)
    return "".join(next(marks, "") if mark == "\\" else mark for mark in marks)
