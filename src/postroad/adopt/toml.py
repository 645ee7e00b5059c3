"""The text of `postroad.toml`: the planned settings, each with the line of old that it comes from.

Pure: a plan's settings in, text out. The text is for people, so it has the order in which an
operator thinks of a mail server, and a comment beside whatever was somebody's decision.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

from postroad.adopt.plan import KeyPath, Setting, TomlValue

__all__ = ["configuration_text", "value_text"]

_ORDER = (
    *("listeners", "tls", "domain", "directories", "directory", "mailbox", "relay", "routing"),
    *("transports", "policy", "login", "limits", "rates", "queue", "destinations", "delivery"),
    *("outbound_tls",),
)
_BARE = re.compile(r"[A-Za-z0-9_-]+\Z")
_WIDTH = 98
"""Columns of a line before a list is broken up."""

MAX_COMMENT = 160
"""Characters of an old value that a comment repeats."""


def configuration_text(settings: Mapping[KeyPath, Setting], heading: str) -> str:
    """The whole file.

    Args:
        settings: its keys.
        heading: what is said at its top, lines without `#`.
    """
    lines = [f"# {line}".rstrip() for line in heading.splitlines()]
    lines.append("")
    for path, setting in settings.items():
        if len(path) == 1:
            lines += _key(path[0], setting)
    for table in _tables(settings):
        lines += ["", _header(table)]
        for path, setting in settings.items():
            if path[:-1] == table and path[-1]:
                lines += _key(path[-1], setting)
            elif path[:-1] == table:
                lines[-1:] = [*_comments(setting), lines[-1]]
    return "\n".join(lines) + "\n"


def value_text(value: TomlValue) -> str:
    """A value as TOML writes it (TOML 1.0)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, str):
        # JSON's escapes are TOML's; TOML wants DEL escaped as well.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list):
        line = f"[{', '.join(map(value_text, value))}]"
        if len(line) <= _WIDTH - 20:
            return line
        return "[\n" + "".join(f"  {value_text(item)},\n" for item in value) + "]"
    pairs = (f"{_name(key)} = {value_text(item)}" for key, item in value.items())
    return "{ " + ", ".join(pairs) + " }" if value else "{}"


def _tables(settings: Mapping[KeyPath, Setting]) -> list[KeyPath]:
    """The tables in which there is a key, in the order of the file."""
    found = dict.fromkeys(path[:-1] for path in settings if len(path) > 1)

    def rank(table: KeyPath) -> tuple[int, int]:
        known = table[0] in _ORDER
        return (_ORDER.index(table[0]) if known else len(_ORDER), 0)

    grouped: dict[KeyPath, None] = {}
    for table in sorted(found, key=rank):  # stable: otherwise as they were planned
        family = [each for each in found if each[:2] == table[:2] and each[0] == table[0]]
        grouped.update(dict.fromkeys(sorted(family, key=len)))
    return list(grouped)


def _header(table: KeyPath) -> str:
    if table[-1].isdigit():
        return f"[[{'.'.join(map(_name, table[:-1]))}]]"
    return f"[{'.'.join(map(_name, table))}]"


def _name(name: str) -> str:
    return name if _BARE.match(name) else value_text(name)


def _key(name: str, setting: Setting) -> Iterator[str]:
    yield from _comments(setting)
    yield from f"{_name(name)} = {value_text(setting.value)}".split("\n")


def _comments(setting: Setting) -> Iterator[str]:
    if setting.finding is not None:
        finding = setting.finding
        line = f":{finding.line}" if finding.line else ""
        origin = f"{finding.file.name}{line}: {finding.setting}"
        if finding.value:
            origin += f" = {_shortened(finding.value)}"
        yield f"# {_printable(origin)}"
    if setting.remark:
        yield f"# {_printable(setting.remark)}"


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_COMMENT else f"{text[: MAX_COMMENT - 1]}…"


def _printable(text: str) -> str:
    """A comment holds no control characters (TOML 1.0), and is one line."""
    return "".join(c if c.isprintable() else " " for c in text)
