"""Where in a TOML file each key stands.

The standard library's parser gives values without positions, and a mistake reported without its
line is half a report. This scanner walks a document that `tomllib` has already accepted, so it
only has to know where things begin and end; it decides nothing about validity and never reads a
value. Its one promise, which the tests hold it to: it finds exactly the keys that `tomllib` finds.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping

__all__ = ["KeyPath", "line_of", "locate"]

KeyPath = tuple[str | int, ...]
"""Keys from the top down; a number is a position in an array, counted from 0."""

_BLANK = re.compile(r"[ \t]*")
_BLANK_LINES = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_KEY_PART = re.compile(r"""[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*'""")
_STRING = re.compile(
    r'''"""(?:[^\\]|\\.)*?"{3,5}'''
    r"""|'''[\s\S]*?'{3,5}"""
    r'''|"(?:[^"\\\n]|\\.)*"'''
    r"""|'[^'\n]*'""",
    re.DOTALL,
)
_SCALAR = re.compile(r"[^,\]}#\n]*")


def locate(text: str) -> dict[KeyPath, int]:
    """The line, counted from 1, of every table, key and array element.

    Args:
        text: a document that `tomllib.loads` accepts.
    """
    scanner = _Scanner(text)
    scanner.document()
    return scanner.lines


def line_of(lines: Mapping[KeyPath, int], path: KeyPath) -> int | None:
    """The line of a key or, where it is absent, of the nearest table that should hold it.

    `None` where not even that is written.
    """
    while path:
        if path in lines:
            return lines[path]
        path = path[:-1]
    return None


class _Scanner:
    """A position in the text that only moves forward, and what was found on the way."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.lines: dict[KeyPath, int] = {}
        self._at = 0
        self._line = 1
        self._line_at = 0
        self._elements: dict[KeyPath, int] = {}

    def document(self) -> None:
        table: KeyPath = ()
        self._pass(_BLANK_LINES)
        while self._at < len(self.text):
            table = self._header() if self._peek("[") else self._pair(table)
            self._pass(_BLANK_LINES)

    def _header(self) -> KeyPath:
        """`[table]` or `[[array of tables]]`; returns the table that now begins."""
        line = self._here()
        array = self._peek("[[")
        self._at += 2 if array else 1
        names = self._names()
        self._at += 2 if array else 1
        path: KeyPath = ()
        for name in names[:-1]:
            path = self._enter((*path, name))
            self.lines.setdefault(path, line)
        path = (*path, names[-1])
        self.lines.setdefault(path, line)
        if array:
            index = self._elements.get(path, -1) + 1
            self._elements[path] = index
            path = (*path, index)
        # A table opened by a dotted child first gets the line of its own header.
        self.lines[path] = line
        return path

    def _enter(self, path: KeyPath) -> KeyPath:
        """The last element, where the path names an array of tables (TOML 1.0)."""
        return (*path, self._elements[path]) if path in self._elements else path

    def _pair(self, table: KeyPath) -> KeyPath:
        """`key = value` in a table; returns the table, which goes on."""
        line = self._here()
        path = table
        for name in self._names():
            path = (*path, name)
            self.lines.setdefault(path, line)
        self._at += 1  # the equals sign
        self._pass(_BLANK)
        self._value(path)
        return table

    def _names(self) -> list[str]:
        """The parts of a dotted key."""
        names = []
        while True:
            self._pass(_BLANK)
            names.append(_unquote(self._pass(_KEY_PART)))
            self._pass(_BLANK)
            if not self._peek("."):
                return names
            self._at += 1

    def _value(self, path: KeyPath) -> None:
        if self._peek("["):
            self._array(path)
        elif self._peek("{"):
            self._inline_table(path)
        elif self.text[self._at] in "\"'":
            self._pass(_STRING)
        else:
            self._pass(_SCALAR)

    def _array(self, path: KeyPath) -> None:
        self._at += 1
        self._pass(_BLANK_LINES)
        index = 0
        while not self._peek("]"):
            self.lines[(*path, index)] = self._here()
            self._value((*path, index))
            index += 1
            self._separator()
        self._at += 1

    def _inline_table(self, path: KeyPath) -> None:
        self._at += 1
        self._pass(_BLANK_LINES)
        while not self._peek("}"):
            self._pair(path)
            self._separator()
        self._at += 1

    def _separator(self) -> None:
        self._pass(_BLANK_LINES)
        if self._peek(","):
            self._at += 1
            self._pass(_BLANK_LINES)

    def _peek(self, text: str) -> bool:
        return self.text.startswith(text, self._at)

    def _pass(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.text, self._at)
        if found is None:
            raise ValueError(f"not TOML, near offset {self._at}")
        self._at = found.end()
        return found.group()

    def _here(self) -> int:
        """The line of the position; counted piecewise so that the whole stays linear."""
        self._line += self.text.count("\n", self._line_at, self._at)
        self._line_at = self._at
        return self._line


def _unquote(part: str) -> str:
    """A key as `tomllib` spells it, with its escapes resolved."""
    if part[0] not in "\"'":
        return part
    value = tomllib.loads(f"key = {part}")["key"]
    assert isinstance(value, str)
    return value
