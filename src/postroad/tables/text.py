"""Tables of keys and values: `inline:`, `static:`, and the text files of `hash:` and its kin.

Postfix compiles such a file with `postmap` and names the compiled form by its kind; here the text
is read itself, whatever the kind, and there is nothing to compile or to forget to compile. Keys
are the same in upper and lower case. A key in double quotes may hold white space and keeps its
quotes, as in RFC 5321 addresses and as `postmap` has it (postmap(1), "INPUT FILE FORMAT").
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from postroad.tables.braces import content, pair, words
from postroad.tables.source import Line, file_lines
from postroad.tables.table import TableMistake, Warn

__all__ = ["EntryTable", "StaticTable", "inline_table", "static_table", "text_table"]

_KEY = re.compile(r'(?:\\.|"(?:\\.|[^"\\])*"|[^\s"\\])+', re.ASCII | re.DOTALL)
"""To the first white space outside of quotes; a backslash takes the next character with it."""


class EntryTable:
    """Keys with values, in memory."""

    __slots__ = ("_entries", "name")
    takes_parts = True

    def __init__(self, name: str, entries: Mapping[str, str]) -> None:
        """Args: `entries`, by keys in lower case."""
        self.name = name
        self._entries = entries

    async def find(self, key: str) -> str | None:
        """The value of a key, in whatever case."""
        return self._entries.get(key.lower())

    def keys(self) -> frozenset[str]:
        """Those of the entries, in lower case."""
        return frozenset(self._entries)

    def values(self) -> frozenset[str]:
        """Those of the entries."""
        return frozenset(self._entries.values())

    async def close(self) -> None:
        """Nothing is held."""


class StaticTable:
    """One value for every key (DATABASE_README, `static:`)."""

    __slots__ = ("_value", "name")
    takes_parts = False

    def __init__(self, name: str, value: str) -> None:
        self.name = name
        self._value = value

    async def find(self, key: str) -> str:  # noqa: ARG002 - whatever the key
        """The value."""
        return self._value

    def values(self) -> frozenset[str]:
        """The one."""
        return frozenset({self._value})

    async def close(self) -> None:
        """Nothing is held."""


def inline_table(name: str, rest: str, warn: Warn) -> EntryTable:
    """`inline:{key=value, {key = a value, with commas}}`; the last of equal keys holds.

    Raises:
        TableMistake: it is not of this form, or empty.
    """
    entries: dict[str, str] = {}
    for word in words(content(rest)):
        key, value = pair(word)
        if key.lower() in entries:
            warn(f'{name}: "{key}" is given twice; the last one counts')
        entries[key.lower()] = value
    if not entries:
        raise TableMistake('expected entries, "inline:{key=value, …}"')
    return EntryTable(name, entries)


def static_table(name: str, rest: str, _: Warn) -> StaticTable:
    """`static:value`, or `static:{a value}`.

    Raises:
        TableMistake: a brace is not closed.
    """
    return StaticTable(name, content(rest) if rest.startswith("{") else rest)


def text_table(name: str, text: str, path: Path, warn: Warn) -> EntryTable:
    """The table of a text file; the first of equal keys holds, as `postmap` has it.

    Raises:
        TableMistake: a line is no key with a value.
    """
    entries: dict[str, str] = {}
    for line in file_lines(text, path):
        key, value = _entry(line)
        if key.lower() in entries:
            warn(line.warning(f'"{key}" is given twice; the first one counts'))
            continue
        if key.endswith(":"):
            warn(line.warning(f'the key "{key}" ends with a colon; is this a file of aliases?'))
        entries[key.lower()] = value
    return EntryTable(name, entries)


def _entry(line: Line) -> tuple[str, str]:
    found = _KEY.match(line.text)
    key = found.group() if found else ""
    rest = line.text[len(key) :]
    if rest and not rest[0].isspace():
        raise line.mistake("a double quote is not closed")
    value = rest.strip()
    if not value:
        raise line.mistake(f'expected "key value", and "{key[:60]}" has no value')
    return key, value
