"""Values of the right kind, and a fault in an operator's words for each that is not.

pydantic does the work over the components' own classes; this module translates. A value that was
refused is taken out and the rest validated again, so that one slip hides no other and the checks
that follow have a whole configuration to look at.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Container, Iterable, Iterator, Mapping
from functools import cache
from ipaddress import ip_network

from pydantic import TypeAdapter, ValidationError

from postroad.config.configuration import Configuration
from postroad.config.lines import KeyPath
from postroad.config.mistake import Fault, nearest, shown
from postroad.config.schema import annotation_at, choices, expected, is_network

__all__ = ["REQUIRED", "validated", "value_at"]

REQUIRED = "is required"

_STAND_IN: dict[str, object] = {"hostname": "stand-in.invalid", "domains": []}


def validated(table: dict[str, object]) -> tuple[Configuration, list[Fault]]:
    """The configuration without its values of the wrong kind, and a fault for each of those.

    Args:
        table: the parsed document; it is not changed.
    """
    adapter = _adapter()
    remaining = copy.deepcopy(table)
    faults = [Fault(path, "expected a whole number of 64 bits") for path in _overlong(table, ())]
    faults += [Fault(path, "expected text without null characters") for path in _cut(table, ())]
    for fault in faults:
        _take_out(remaining, fault.path)
    while True:
        try:
            # As JSON, because that is where strict means what an operator expects: a path or a
            # network is written as text, but a number is not, and 1 is not true.
            octets = json.dumps(remaining, default=lambda value: {"date": str(value)})
            return adapter.validate_json(octets, strict=True), faults
        except ValidationError as error:
            found = dict(_wrong_values(error, remaining))
        assert found, "a validation that fails names a value"
        refused = {fault.path for fault in faults}
        for path, fault in found.items():
            lacking = fault.message is REQUIRED
            if not lacking or path not in refused:  # what was taken out is missing for that
                faults.append(fault)
            # A table that lacks what it must have is none, and nothing is put in its place.
            _take_out(remaining, path[:-1] if lacking and len(path) > 1 else path)


@cache  # to make it takes five times as long as to validate with it
def _adapter() -> TypeAdapter[Configuration]:
    return TypeAdapter(Configuration)


def _overlong(value: object, path: KeyPath) -> Iterator[KeyPath]:
    """Where there are whole numbers that TOML has no room for, and its parser takes all the same.

    With enough digits no message could even show them.
    """
    if isinstance(value, dict | list):
        for part, below in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _overlong(below, (*path, part))
    elif isinstance(value, int) and value.bit_length() > 63:
        yield path


def _cut(value: object, path: KeyPath) -> Iterator[KeyPath]:
    """Where there is text that the system's functions would end in its midst, as files' names."""
    if isinstance(value, dict | list):
        for part, below in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _cut(below, (*path, part))
    elif isinstance(value, str) and "\0" in value:
        yield path


def _wrong_values(
    error: ValidationError, table: Mapping[str, object]
) -> Iterator[tuple[KeyPath, Fault]]:
    """For each value that was refused, its path and the first reason."""
    seen = set()
    for detail in error.errors(include_url=False):
        path, missing = _path_in(table, detail["loc"]), detail["type"] == "missing"
        if missing:
            path = (*path, detail["loc"][len(path)])
        if path in seen:
            continue
        seen.add(path)
        if missing:
            yield path, Fault(path, REQUIRED)
        elif detail["type"] == "value_error":
            yield _objection(table, path, str(detail["ctx"]["error"]))
        else:
            yield path, _wrong_kind(table, path)


def _path_in(table: object, location: Iterable[str | int]) -> KeyPath:
    """As much of a validator's location as the document has; the rest names its own parts."""
    path: KeyPath = ()
    for part in location:
        if not isinstance(table, dict | list) or part not in _parts(table):
            break
        path = (*path, part)
        table = value_at(table, (part,))
    return path


def _objection(table: object, path: KeyPath, message: str) -> tuple[KeyPath, Fault]:
    """The fault for a value that a component's own settings class refuses.

    A class that judges its fields together names them in its words; the first that is written in
    the file is the key to point at.
    """
    if is_network(annotation_at(Configuration, path)):
        return path, _wrong_kind(table, path)
    section = value_at(table, path)
    if isinstance(section, dict):
        named = next((word for word in re.findall(r"\w+", message) if word in section), None)
        if named is not None:
            path = (*path, named)
            message = message.removeprefix(f"{named} ")
    return path, Fault(path, f"expected {message}" if message.startswith("one of ") else message)


def _wrong_kind(table: object, path: KeyPath) -> Fault:
    """The fault for a value of a type that its setting cannot hold."""
    value, annotation = value_at(table, path), annotation_at(Configuration, path)
    suggestion = ""
    if isinstance(value, str):
        suggestion = nearest(value, choices(annotation))
        if is_network(annotation):
            suggestion = _network_around(value)
    return Fault(path, f"expected {expected(annotation)}, not {shown(value)}", suggestion)


def value_at(table: object, path: KeyPath) -> object:
    """The value a path leads to, `None` where it leads nowhere."""
    for part in path:
        if isinstance(table, dict):
            table = table.get(part)
        elif isinstance(table, list) and isinstance(part, int) and part < len(table):
            table = table[part]
        else:
            return None
    return table


def _parts(table: dict[str, object] | list[object]) -> Container[object]:
    return table.keys() if isinstance(table, dict) else range(len(table))


def _network_around(text: str) -> str:
    """The network that was meant, where its host part is wrong or it is in Postfix's brackets."""
    try:
        return str(ip_network(re.sub(r"^\[(.+)\]", r"\1", text), strict=False))
    except ValueError:
        return ""


def _take_out(table: dict[str, object], path: KeyPath) -> None:
    """Remove a value, or put something in the place of one that is required.

    An element goes with its whole list: without it, positions would name the wrong lines.
    """
    at = next((at for at, part in enumerate(path) if isinstance(part, int)), len(path))
    names = [part for part in path[:at] if isinstance(part, str)]
    inner = table
    for name in names[:-1]:
        below = inner.get(name)
        if not isinstance(below, dict):
            return  # taken out already
        inner = below
    inner.pop(names[-1], None)
    if len(names) == 1 and names[0] in _STAND_IN:
        inner[names[0]] = _STAND_IN[names[0]]
