"""Files of parameters: `name = value`, as Postfix's clients of databases have them.

`mysql:/etc/postfix/users.cf` names such a file (mysql_table(5) and its kin). It is read as Postfix
reads main.cf, without `$name` in values. What Postfix passes over, a parameter that the client
does not know, is a mistake here, with the nearest one that it knows: a misspelt `domain` asks the
database for everybody's addresses. `sql:` also takes the same parameters as TOML.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from pathlib import Path

from postroad.tables.source import file_lines
from postroad.tables.table import TableMistake, Warn

__all__ = ["Parameters"]

_PAIR = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)", re.DOTALL)
_DURATION = re.compile(r"([0-9]{1,9})([smhdw]?)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


class Parameters:
    """The parameters of one table.

    Attributes:
        path: their file.
    """

    def __init__(
        self, path: Path, values: Mapping[str, str], lines: Mapping[str, int | None]
    ) -> None:
        """Args: `values` and `lines` by name."""
        self.path = path
        self._values = values
        self._lines = lines

    @classmethod
    def read(cls, text: str, path: Path, known: Collection[str], warn: Warn) -> Parameters:
        """Those of a file's text.

        Args:
            text: what the file holds.
            path: the file; TOML if its name ends so.
            known: what the table's type has a use for.
            warn: takes a line about a parameter that is given twice.

        Raises:
            TableMistake: a line is no parameter, or nobody knows it.
        """
        values: dict[str, str] = {}
        lines: dict[str, int | None] = {}
        pairs = _toml(text, path) if path.suffix == ".toml" else _pairs(text, path)
        for name, value, line in pairs:
            if name not in known:
                near = get_close_matches(name, known, n=1)
                raise TableMistake(
                    f'"{name[:60]}" is not known here',
                    path=path,
                    line=line,
                    suggestion=near[0] if near else "",
                )
            if name in values:
                warn(f"{path}:{line}: {name} is given twice; the last one counts")
            values[name], lines[name] = value, line
        return cls(path, values, lines)

    def __contains__(self, name: str) -> bool:
        """Whether it is given."""
        return name in self._values

    def text(self, name: str, default: str = "") -> str:
        """A text."""
        return self._values.get(name, default)

    def required(self, name: str) -> str:
        """A text that must be there.

        Raises:
            TableMistake: it is not.
        """
        value = self._values.get(name, "")
        if not value:
            raise TableMistake(f"{name} is required", path=self.path, line=self._lines.get(name))
        return value

    def number(self, name: str, default: int, least: int = 0) -> int:
        """A number.

        Raises:
            TableMistake: it is none, or too small.
        """
        value = self._values.get(name)
        if value is None:
            return default
        if not re.fullmatch(r"[0-9]{1,9}", value) or int(value) < least:
            raise self.mistake(name, f'expected a number from {least}, not "{value[:60]}"')
        return int(value)

    def seconds(self, name: str, default: float) -> float:
        """A time in seconds, or with `s`, `m`, `h`, `d`, `w` behind it.

        Raises:
            TableMistake: it is none.
        """
        value = self._values.get(name)
        if value is None:
            return default
        found = _DURATION.fullmatch(value)
        if found is None:
            raise self.mistake(name, f'expected a time such as "10s", not "{value[:60]}"')
        return int(found.group(1)) * _SECONDS[found.group(2)]

    def flag(self, name: str, default: bool) -> bool:
        """`yes` or `no`.

        Raises:
            TableMistake: it is neither.
        """
        value = self._values.get(name)
        if value is None:
            return default
        if value.lower() not in {"yes", "no", "true", "false"}:
            raise self.mistake(name, f'expected yes or no, not "{value[:60]}"')
        return value.lower() in {"yes", "true"}

    def words(self, name: str, default: str = "") -> tuple[str, ...]:
        """Words between commas and white space."""
        return tuple(self.text(name, default).replace(",", " ").split())

    def mistake(self, name: str, message: str) -> TableMistake:
        """A mistake in a parameter."""
        return TableMistake(f"{name}: {message}", path=self.path, line=self._lines.get(name))


def _pairs(text: str, path: Path) -> list[tuple[str, str, int | None]]:
    pairs: list[tuple[str, str, int | None]] = []
    for line in file_lines(text, path):
        found = _PAIR.fullmatch(line.text)
        if found is None:
            raise line.mistake(f'expected "name = value", not "{line.text[:60]}"')
        pairs.append((found.group(1), found.group(2).strip(), line.number))
    return pairs


def _toml(text: str, path: Path) -> list[tuple[str, str, int | None]]:
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise TableMistake(f"is not TOML: {error}", path=path) from error
    pairs: list[tuple[str, str, int | None]] = []
    for name, value in document.items():
        if isinstance(value, list) and all(isinstance(each, str) for each in value):
            pairs.append((name, " ".join(value), None))
        elif isinstance(value, bool):
            pairs.append((name, "yes" if value else "no", None))
        elif isinstance(value, str | int):
            pairs.append((name, str(value), None))
        else:
            raise TableMistake(f"{name}: expected a text or a number", path=path)
    return pairs
