"""Postfix's tables (`hash:/etc/postfix/virtual`) as Postroad names them.

Postroad reads the same files, so most are named where they are. What is compiled (`hash:`) is read
from its text; what holds a password is copied, because the new server is another user. A table
that cannot be had as it is, is `None` with a reason. Each is opened once, to find what is wrong in
it now rather than at the first message.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from postroad.adopt.finding import Verdict
from postroad.adopt.postfix.compiled import COMPILED, compiled_pairs, say_copied, text_of
from postroad.adopt.postfix.installation import OldPostfix
from postroad.tables import TYPES, TableMistake, open_table

__all__ = ["TableName", "is_table", "table_name"]

_NAME = re.compile(r"(?P<proxy>(?:proxy:)*)(?P<kind>[A-Za-z][A-Za-z0-9_]*):(?P<rest>.*)", re.DOTALL)
_CLIENTS = ("mysql", "pgsql", "ldap", "sqlite")
_PASSWORD = re.compile(rb"pass|bind_pw", re.IGNORECASE)  # of SQL, and ldap_table(5)'s
_UNION = {"unionmap", "union", "pipemap"}
_RENAMED = {"texthash": "texthash", "sdbm": "hash", "union": "unionmap"}


@dataclass(frozen=True, slots=True)
class TableName:
    """A table, or why there is none.

    Attributes:
        name: as Postroad names it; empty: it cannot be had.
        reason: why not.
    """

    name: str
    reason: str = ""


def is_table(word: str) -> bool:
    """Whether a word is a table rather than a name, a domain or an address."""
    found = _NAME.match(word)
    return bool(found) and not word.startswith(("[", "/"))


def table_name(old: OldPostfix, text: str) -> TableName:
    """A table of Postfix as Postroad names it.

    Args:
        old: whose it is.
        text: `TYPE:REST`, expanded.
    """
    found = _NAME.match(text)
    if found is None:
        return TableName("", f'"{text}" names no table')
    kind, rest = found["kind"], found["rest"]
    kind = _RENAMED.get(kind, kind)
    if kind not in TYPES:
        return TableName("", f"tables of the type {kind} are not there")
    if kind in _UNION:
        return _opened(_parts(old, kind, rest))
    if kind in ("inline", "static") or rest.startswith("{") or kind == "tcp":
        return _opened(TableName(f"{kind}:{rest}"))
    if kind == "socketmap":
        return TableName(f"{kind}:{_socket(old, rest)}")
    if kind in _CLIENTS and not rest.startswith("/"):
        return _written_out(old, kind, rest)
    return _file(old, kind, rest)


def _opened(table: TableName) -> TableName:
    if not table.name:
        return table
    try:
        # A file that is only planned is opened when everything is written.
        open_table(table.name)
    except TableMistake as mistake:
        if mistake.line is None:
            return TableName("", str(mistake))
        # What stands there is not repeated: the file may be none that a report should show.
        return TableName("", f"{mistake.where}no such line belongs in a table of this type")
    return table


def _parts(old: OldPostfix, kind: str, rest: str) -> TableName:
    inner = rest.strip()
    if not (inner.startswith("{") and inner.endswith("}")):
        return TableName("", f"expected {kind}:{{table, table}}")
    names = []
    for part in re.split(r"[,\s]+", inner[1:-1].strip()):
        table = table_name(old, part)
        if not table.name:
            return table
        names.append(table.name)
    return TableName(f"{kind}:{{{', '.join(names)}}}")


def _socket(old: OldPostfix, rest: str) -> str:
    """`unix:private/x:name` with its whole path."""
    if not rest.startswith("unix:"):
        return rest
    path, _, name = rest.removeprefix("unix:").rpartition(":")
    return f"unix:{old.in_queue(path)}:{name}"


def _file(old: OldPostfix, kind: str, rest: str) -> TableName:
    content = old.files.octets(rest)
    if content is None:
        return _compiled(old, kind, rest)
    if kind == "sqlite":
        content = _moved_paths(old, content, "dbpath")
    secret = kind in _CLIENTS and _PASSWORD.search(content) is not None
    if not secret and old.plan.copies:
        secret = old.files.is_private(rest)  # what only some may read stays so
    if secret or old.plan.copies or content != old.files.octets(rest):
        kept = old.plan.keep(f"tables/{PurePosixPath(rest).name}", content, secret=secret)
        # Not written yet, so it is opened where it was; what stands in it is the same.
        problem = _opened(TableName(f"{kind}:{old.files.place(rest)}"))
        return TableName(f"{kind}:{kept}") if problem.name else problem
    return _opened(TableName(f"{kind}:{old.files.place(rest)}"))


def _moved_paths(old: OldPostfix, content: bytes, parameter: str) -> bytes:
    """A client's file with the path of its database where that really is."""

    def moved(found: re.Match[bytes]) -> bytes:
        place = str(old.files.place(found[2].decode("utf-8", "surrogateescape")))
        return found[1] + place.encode("utf-8", "surrogateescape")

    return re.sub(rb"(?m)^(" + parameter.encode() + rb"\s*=\s*)(/\S+)", moved, content)


def _compiled(old: OldPostfix, kind: str, rest: str) -> TableName:
    """A table whose text is gone: a text of our own, from what is compiled."""
    found = compiled_pairs(old, kind, rest)
    if found is None:
        return TableName("", f"{rest} is not there or cannot be read")
    if found.reason:
        return TableName("", found.reason)
    text, lost = text_of(found.pairs)
    if lost:
        return TableName("", f"{rest}.{COMPILED[kind]} has keys that no text holds: {lost[0]!r}")
    kept = old.plan.keep(f"tables/{PurePosixPath(rest).name}", text.encode())
    say_copied(old, kind, rest, kept)
    return TableName(f"{kind}:{kept}")


def _written_out(old: OldPostfix, kind: str, name: str) -> TableName:
    """A client whose parameters stand in main.cf, `NAME_query = …`, as a file of its own."""
    prefix = f"{name}_"
    lines = [
        f"{each.name.removeprefix(prefix)} = {old.main.value(each.name)}\n"
        for each in old.main.written
        if each.name.startswith(prefix)
    ]
    if not name or not lines:
        return TableName("", f"{name} is no file, and main.cf has no {name}_… parameters")
    for each in list(old.main.written):
        if each.name.startswith(prefix) and not old.is_noted(each):
            old.note(each, Verdict.TRANSLATED, f"in a file of its own, tables/{name}.cf")
    content = "".join(lines).encode()
    kept = old.plan.keep(f"tables/{PurePosixPath(name).name}.cf", content, secret=True)
    return TableName(f"{kind}:{kept}")
