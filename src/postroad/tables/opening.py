"""From a table's name, `TYPE:REST`, to the table.

The types are those of Postfix (DATABASE_README) and stand in three tables here: what is told by the
name alone, what is read from a file, what is made of other tables. `proxy:` before a name means in
Postfix that another process asks; here it means the same table without it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path

from postroad.tables.braces import depth
from postroad.tables.cidr import cidr_inline, cidr_table
from postroad.tables.combined import PipeTable, UnionTable, part_names
from postroad.tables.databases import mysql_table, pgsql_table, sql_table, sqlite_table
from postroad.tables.directories import ldap_table
from postroad.tables.patterns import pattern_inline, pattern_table
from postroad.tables.socketmap import socketmap_table, tcp_table
from postroad.tables.source import read
from postroad.tables.sql import SqlTable
from postroad.tables.table import Table, TableMistake, Warn, ignore
from postroad.tables.text import inline_table, static_table, text_table

__all__ = [
    "TYPES",
    "Part",
    "databases_of",
    "file_of",
    "files_of",
    "keys_of",
    "open_table",
    "parts_of",
    "read_table",
]

MAX_NAME = 100_000
"""Characters of a name; a table that is longer belongs into a file."""

MAX_DEPTH = 20
"""Braces within braces: tables within tables, with rules in them."""

Part = Callable[[str], Table]
"""Opens a table that another one is made of."""

_SIMPLE: dict[str, Callable[[str, str, Warn], Table]] = {
    "inline": inline_table,
    "static": static_table,
    "socketmap": socketmap_table,
    "tcp": tcp_table,
}
_INLINE: dict[str, Callable[[str, str, Warn], Table]] = {
    "cidr": cidr_inline,
    "regexp": pattern_inline,
    "pcre": pattern_inline,
}
"""Types whose rules may stand in the name, in braces."""

_MEMORY: dict[str, Callable[[str, str, Path, Warn], Table]] = {
    "hash": text_table,
    "texthash": text_table,
    "btree": text_table,
    "lmdb": text_table,
    "dbm": text_table,
    "cdb": text_table,
    "cidr": cidr_table,
    "regexp": pattern_table,
    "pcre": pattern_table,
}
"""Types of which the whole file is kept in memory."""

_ASKED: dict[str, Callable[[str, str, Path, Warn, Part], Table]] = {
    "sqlite": sqlite_table,
    "mysql": mysql_table,
    "pgsql": pgsql_table,
    "sql": sql_table,
    "ldap": ldap_table,
}
"""Types whose file says who is asked."""

_SECRET = frozenset({"mysql", "pgsql", "sql", "ldap"})
"""Types of those whose files say how to log in."""

_COMBINED: dict[str, Callable[[str, Sequence[Table]], Table]] = {
    "unionmap": UnionTable,
    "union": UnionTable,
    "pipemap": PipeTable,
}

TYPES = (*_SIMPLE, *_MEMORY, *_ASKED, *_COMBINED)
"""Every type, without `proxy`, which may stand before any of them."""

_OTHERWISE = {
    "mariadb": "mysql",
    "postgres": "pgsql",
    "postgresql": "pgsql",
    "regex": "regexp",
    "text": "texthash",
    "randmap": "unionmap",
    "nis": "ldap",
}
"""Names that people expect, and types of Postfix that are not here, by what comes nearest."""

_NAME = re.compile(r"((?:proxy:)*)([A-Za-z][A-Za-z0-9_]*):(.*)", re.DOTALL)


def open_table(name: str, warn: Warn = ignore, part: Part | None = None) -> Table:
    """The table of a name, with its file read; nobody is asked anything yet.

    Args:
        name: `TYPE:REST`.
        warn: takes lines about what is odd.
        part: opens the tables that it is made of; the same function if there is none.

    Raises:
        TableMistake: the name or the file cannot be used.
    """
    kind, rest = _split(name)
    path = file_of(name)
    opens: Part = part or (lambda inner: open_table(inner, warn))
    if path is not None:
        return read_table(name, path, read(path)[0], warn, opens)
    if kind in _COMBINED:
        return _COMBINED[kind](name, [opens(inner) for inner in part_names(rest)])
    return (_SIMPLE.get(kind) or _INLINE[kind])(name, rest, warn)


def read_table(name: str, path: Path, text: str, warn: Warn, part: Part) -> Table:
    """The table that the text of a file makes.

    Args:
        name: `TYPE:REST`, where the type has a file.
        path: the file.
        text: what it holds.
        warn: takes lines about what is odd.
        part: opens other tables.

    Raises:
        TableMistake: the text cannot be used.
    """
    kind, _ = _split(name)
    if kind in _MEMORY:
        return _MEMORY[kind](name, text, path, warn)
    return _ASKED[kind](name, text, path, warn, part)


def file_of(name: str) -> Path | None:
    """The file that a table is read from; `None` where there is none.

    Raises:
        TableMistake: the type is unknown, or the path is not absolute.
    """
    kind, rest = _split(name)
    if kind not in _MEMORY and kind not in _ASKED:
        return None
    if kind in _INLINE and rest.startswith("{"):
        return None
    if not rest.startswith("/"):
        raise TableMistake(f'{kind}: expected an absolute path, not "{rest[:60]}"')
    return Path(rest)


def keys_of(name: str) -> frozenset[str] | None:
    """The keys of a table in a text file; `None` for one whose keys nobody can list.

    Raises:
        TableMistake: the name or the file cannot be used.
    """
    kind, _ = _split(name)
    path = file_of(name)
    if path is None or _MEMORY.get(kind) is not text_table:
        return None
    return text_table(name, read(path)[0], path, ignore).keys()


def parts_of(name: str) -> list[str]:
    """The names of the tables that a table is made of.

    Raises:
        TableMistake: the name cannot be used.
    """
    kind, rest = _split(name)
    return part_names(rest) if kind in _COMBINED else []


def files_of(name: str, *, secret: bool = False) -> Iterator[Path]:
    """Every file that must be readable for a table, also those of its parts.

    Args:
        name: `TYPE:REST`.
        secret: only those that may hold passwords.

    Raises:
        TableMistake: the name cannot be used.
    """
    path = file_of(name)
    if path is not None and not (secret and _split(name)[0] not in _SECRET):
        yield path
    for inner in parts_of(name):
        yield from files_of(inner, secret=secret)


def databases_of(name: str) -> list[Path]:
    """The files of SQLite that are asked for a table, also for its parts.

    Raises:
        TableMistake: it cannot be opened.
    """
    found: list[Path] = []

    def part(inner: str) -> Table:
        kind, _ = _split(inner)
        if kind in _MEMORY:  # a long file need not be read to know that it asks nobody
            return static_table("static:x", "x", ignore)
        table = open_table(inner, part=part)
        if isinstance(table, SqlTable) and table.file is not None:
            found.append(table.file)
        return table

    part(name)
    return found


def _split(name: str) -> tuple[str, str]:
    """Type and rest.

    Raises:
        TableMistake: there is no such type.
    """
    if len(name) > MAX_NAME:
        raise TableMistake(f"the name has more than {MAX_NAME} characters; use a file")
    found = _NAME.fullmatch(name)
    if found is None:
        hint = f"hash:{name}" if name.startswith("/") else ""
        raise TableMistake(f'expected "TYPE:REST", not "{name[:60]}"', suggestion=hint)
    kind = found.group(2)
    if kind not in TYPES:
        raise _unknown(kind)
    if depth(found.group(3)) > MAX_DEPTH:
        raise TableMistake(f"more than {MAX_DEPTH} braces within each other")
    if not found.group(3):
        raise TableMistake(f'"{name[:60]}" says nothing after the type')
    return kind, found.group(3)


def _unknown(kind: str) -> TableMistake:
    folded = kind.lower()
    near = _OTHERWISE.get(folded) or next(iter(get_close_matches(folded, TYPES, n=1)), "")
    hint = f"{near}:" if near else ""
    return TableMistake(f'there are no tables of type "{kind[:60]}"', suggestion=hint)
