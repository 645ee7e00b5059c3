"""From a file to a `Configuration`, or to every mistake in it at once.

Theory of operation. Four readings of one document, none of which stops the next: keys that do not
exist, values of the wrong kind, values that do not fit each other, and files that cannot be used.
A value of the wrong kind is taken out before the third reading, so that what is left can still be
judged; complaints about a key that has one already are dropped, for they would be consequences.
Only a document that is not TOML at all ends the reading early.
"""

from __future__ import annotations

import ast
import dataclasses
import json
import re
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from postroad.config.checks import contradictions
from postroad.config.configuration import Configuration
from postroad.config.files import unusable_files
from postroad.config.lines import KeyPath, line_of, locate
from postroad.config.mistake import ConfigurationError, Fault, Mistake, key_name
from postroad.config.schema import unknown_keys
from postroad.config.validation import REQUIRED, validated, value_at

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["SEARCH_PATH", "find", "load"]

SEARCH_PATH = (Path("postroad.toml"), Path("/etc/postroad/postroad.toml"))
"""Where a configuration is looked for when none is named, in this order."""

_POSITION = re.compile(r" \(at (?:line (?P<line>\d+), column \d+|end of document)\)\Z")
_TWICE = re.compile(r"cannot declare (?P<names>\(.+\)) twice", re.DOTALL)
"""The parser shows the names as Python writes them."""

_Section = TypeVar("_Section", bound="DataclassInstance")


def find(named: Path | None = None) -> Path:
    """The configuration file to use: the named one, or the first of `SEARCH_PATH` there is.

    Raises:
        ConfigurationError: none was named and none was found.
    """
    if named is not None:
        return named
    for path in SEARCH_PATH:
        if path.exists():
            return path
    first, second = SEARCH_PATH
    words = f"is not there, nor is {second}; name a file with --config"
    raise ConfigurationError([Mistake(first, None, "", words)])


def load(file: Path, *, examine_files: bool = True) -> Configuration:
    """Read a configuration file.

    Relative paths in it are relative to the directory it stands in.

    Args:
        file: the TOML file.
        examine_files: whether passwords, certificates and keys must be there and usable. The
            server needs them; the commands that only look at state do not.

    Raises:
        ConfigurationError: with every mistake, in the order of the lines.
    """
    text = _read(file)
    table = _parse(file, text)
    faults = list(unknown_keys(Configuration, table))
    configuration, wrong = validated(table)
    faults += _unexplained(faults, wrong)
    configuration = _anchored(configuration, file.absolute().parent)
    faults += _further(faults, contradictions(configuration))
    if examine_files:
        faults += _further(faults, unusable_files(configuration))
    if faults:
        raise ConfigurationError(_located(file, text, table, faults))
    return configuration


def _read(file: Path) -> str:
    try:
        octets = file.read_bytes()
    except OSError as error:
        words = (error.strerror or str(error)).lower()
        raise ConfigurationError([Mistake(file, None, "", f"cannot be read: {words}")]) from None
    try:
        return octets.decode()
    except UnicodeDecodeError as error:
        line = octets.count(b"\n", 0, error.start) + 1
        raise ConfigurationError([Mistake(file, line, "", "this is not UTF-8 text")]) from None


def _parse(file: Path, text: str) -> dict[str, object]:
    line: int | None
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        words = str(error)
        position = _POSITION.search(words)
        line = int(position["line"]) if position and position["line"] else text.count("\n") + 1
        message = _syntax_words(_POSITION.sub("", words))
    except RecursionError:
        line, message = 1, "this is nested too deeply"
    except ValueError:  # CPython's limit on the digits of an integer, which is said without a line
        line, message = None, "a number has too many digits"
    raise ConfigurationError([Mistake(file, line, "", message)])


def _syntax_words(words: str) -> str:
    """What the parser says, with the likely reason where there is one."""
    words = words[:1].lower() + words[1:]
    if words == "invalid value":
        return "expected a value after the equals sign; text needs quotes"
    if words == "cannot overwrite a value":
        return "this key was given before"
    if table := _TWICE.fullmatch(words):
        return f"{_header(ast.literal_eval(table['names']))} was given before"
    return f"not TOML: {words}"


def _header(names: Iterable[str]) -> str:
    """A table's header as the file has it; names that are not bare in quotes."""
    parts = (n if re.fullmatch(r"[\w-]+", n, re.ASCII) else json.dumps(n) for n in names)
    return f"[{'.'.join(parts)}]"


def _is_table(table: object, path: KeyPath) -> bool:
    return bool(path) and isinstance(value_at(table, path), dict)


def _anchored(section: _Section, directory: Path) -> _Section:
    """The same section with every relative path made absolute from a directory."""
    changes: dict[str, Any] = {}
    for field in dataclasses.fields(section):
        value = getattr(section, field.name)
        if isinstance(value, Path):
            changes[field.name] = directory / value
        elif isinstance(value, dict):
            changes[field.name] = {
                name: item if isinstance(item, str | tuple | float) else _anchored(item, directory)
                for name, item in value.items()
            }
        elif isinstance(value, tuple):
            changes[field.name] = tuple(
                _anchored(cast("DataclassInstance", item), directory)
                if dataclasses.is_dataclass(item)
                else item
                for item in value
            )
        elif dataclasses.is_dataclass(value) and not isinstance(value, type):
            changes[field.name] = _anchored(value, directory)
    return dataclasses.replace(section, **changes)


def _unexplained(unknown: Sequence[Fault], wrong: Iterable[Fault]) -> list[Fault]:
    """The faults but for keys that are only missing because they are misspelt."""
    meant = {fault.suggestion for fault in unknown}
    return [
        fault
        for fault in wrong
        if not (fault.message == REQUIRED and key_name(fault.path) in meant)
    ]


def _further(known: Sequence[Fault], found: Iterable[Fault]) -> list[Fault]:
    """The faults that are not about a key which already has one."""
    taken = {fault.path for fault in known}
    return [
        fault
        for fault in found
        if not any(fault.path[:n] in taken for n in range(1, len(fault.path) + 1))
    ]


def _located(file: Path, text: str, table: object, faults: Iterable[Fault]) -> list[Mistake]:
    lines = locate(text)
    mistakes = [
        Mistake(
            file,
            line_of(lines, fault.path),
            key_name(fault.path, table=_is_table(table, fault.path)),
            fault.message,
            fault.suggestion,
        )
        for fault in faults
    ]
    return sorted(mistakes, key=lambda mistake: (mistake.line or 0, mistake.key))
