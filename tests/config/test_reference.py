"""`docs/reference/configuration.md` has every key, with its real type and default."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import get_args, get_origin

import pytest

from postroad.config import Configuration
from postroad.config.schema import Setting, choices, expected, settings
from postroad.model.units import Duration, parse_duration
from postroad.server.settings import PRESETS
from setting_text import plain

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "configuration.md"
HEADER = "| key | type | default | meaning |"
SETTINGS = {".".join(setting.path): setting for setting in settings(Configuration)}

TYPES = {
    "a list in brackets, each text in quotes": "lists of text",
    "text in quotes": "text",
    "a number": "number",
    "a whole number": "whole number",
    "true or false": "true or false",
    "a path in quotes": "path",
    'a duration such as 300, "30s" or "1h30m"': "duration",
    'a network such as "192.0.2.0/24" or "2001:db8::/32"': "network",
}


@dataclass(frozen=True)
class Row:
    type: str
    default: str
    meaning: str


def documented() -> dict[str, Row]:
    rows, table, inside = {}, "", False
    for line in PAGE.read_text().splitlines():
        if line.startswith("## "):
            found = re.fullmatch(r"## `\[\[?(.+?)\]\]?`", line)
            table = f"{found[1]}." if found else ""
        inside = line == HEADER or (inside and line.startswith("|"))
        if inside and line.startswith("| `"):
            key, kind, default, meaning = (cell.strip() for cell in line.strip("|").split(" | "))
            rows[table + key.strip("`")] = Row(kind, default, meaning)
    return rows


ROWS = documented()


def test_every_key_is_documented_and_no_other() -> None:
    assert sorted(ROWS) == sorted(SETTINGS)


@pytest.mark.parametrize("name", SETTINGS)
def test_its_type_is_the_real_one(name: str) -> None:
    assert ROWS[name].type == _type_of(SETTINGS[name])


@pytest.mark.parametrize("name", SETTINGS)
def test_its_default_is_the_real_one(name: str) -> None:
    setting, shown = SETTINGS[name], ROWS[name].default
    if setting.required:
        assert shown == "required"
    elif setting.default is None:
        assert shown == "unset"
        assert re.search(r"unset", ROWS[name].meaning, re.IGNORECASE) or name in EXPLAINED_ABOVE
    else:
        value = tomllib.loads(f"key = {shown.strip('`')}")["key"]
        if setting.annotation == Duration:
            value = parse_duration(value)
        assert value == plain(setting.default)


EXPLAINED_ABOVE = {
    *(name for name in SETTINGS if name.startswith("listeners.NAME.policy.")),
    "relay.password_file",  # needed with a username, which says so
    "delivery.capture",  # without it mail is sent, as its meaning implies
}


def _type_of(setting: Setting) -> str:
    words = choices(setting.annotation)
    if words:
        return f"one of {', '.join(f'`{word}`' for word in words)}"
    if get_origin(setting.annotation) is tuple:
        words = choices(get_args(setting.annotation)[0])
        if words:
            return f"list of {', '.join(f'`{word}`' for word in words)}"
    said = expected(setting.annotation)
    tabled = said.removeprefix("a table, each ")
    if tabled != said:
        return f"table of {TYPES[tabled]}s"
    listed = said.removeprefix("a list in brackets, each ")
    return f"list of {TYPES[listed]}s" if listed != said else TYPES[said]


def test_the_presets_are_as_documented() -> None:
    text = PAGE.read_text()
    for name, preset in PRESETS.items():
        row = next(line for line in text.splitlines() if line.startswith(f"| `{name}` |"))
        _, _, port, tls, login, _, _ = (cell.strip() for cell in row.split("|"))
        assert int(port) == preset.port
        assert tls.startswith(f"`{preset.tls}`")
        assert ("required" in tls or preset.tls == "implicit") is preset.require_tls
        assert (login == "yes") is preset.auth


def test_every_section_explains_its_fields_where_it_is_defined() -> None:
    """The docstring of each settings class lists its fields."""
    missing = []
    for setting in SETTINGS.values():
        section: object = Configuration
        for name in setting.path[:-1]:
            section = _section_below(section, name)
        words = "".join(each.__doc__ or "" for each in getattr(section, "__mro__", ()))
        if f"    {setting.path[-1]}: " not in words:
            missing.append(".".join(setting.path))
    assert missing == []


def _section_below(section: object, name: str) -> object:
    if name == "NAME":
        return section
    from typing import get_type_hints

    hint = get_type_hints(section, include_extras=True)[name]
    if get_origin(hint) is tuple:  # an array of tables
        return get_args(hint)[0]
    return get_args(hint)[1] if get_origin(hint) is dict else hint
