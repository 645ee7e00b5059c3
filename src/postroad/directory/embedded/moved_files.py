"""An export as a file: JSON, or CSV for tables and spreadsheets.

JSON is one object of lists, `{"domains": [...], "users": [...], ...}`, one entry on a line. CSV is
one table: the column `kind` says what a line is, the others are the fields of all kinds, those
that are not needed empty; a list is its texts with blanks between. Both can say the same.

Bad lines are collected and named together, up to a bound; a file that is not of its form at all
ends the reading.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from postroad.directory.embedded.contents import Contents, Mark
from postroad.directory.embedded.mistake import DirectoryMistake, Unimportable
from postroad.directory.embedded.moved_rows import FIELDS, KINDS, Kind, Row, Value, add_row, rows_of
from postroad.directory.embedded.nearest import hint, near_word

__all__ = ["MAX_FILE", "Faults", "from_csv", "from_json", "to_csv", "to_json"]

MAX_FILE = 256 * 1024 * 1024
"""Octets of a file to import; a million accounts with hashes have about 200 million."""

MOST_SAID = 500
"""Characters of what is said about a bad line; a cell of it may have millions."""

MOST_SHOWN = 50
"""Bad lines that are named; the others are counted."""

_LISTS: Mapping[str, Kind] = {
    "domains": "domain",
    "users": "user",
    "aliases": "alias",
    "groups": "group",
    "patterns": "pattern",
}
_COLUMNS = list(dict.fromkeys(["kind", *(name for kind in KINDS for name in FIELDS[kind])]))
_BLANK = re.compile(r"[ \t\r\n]*")
# One of a list in a cell: a quoted local part may hold blanks (RFC 5321 §4.1.2).
_ITEM = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^\s"])+')
_BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(slots=True)
class Faults:
    """The bad lines of a file, and those that are brought in though something is odd about them.

    Attributes:
        file: its name, to stand before them.
    """

    file: str
    _lines: list[tuple[Mark, str]] = field(default_factory=list)
    _count: int = 0
    _odd: list[tuple[Mark, str]] = field(default_factory=list)
    _odd_count: int = 0

    def add(self, mark: Mark, reason: str) -> None:
        """A line is bad."""
        self._count += 1
        if len(self._lines) < MOST_SHOWN:
            self._lines.append((mark, _cut(reason)))

    def warn(self, mark: Mark, reason: str) -> None:
        """A line is odd, but may be meant, or have become so."""
        self._odd_count += 1
        if len(self._odd) < MOST_SHOWN:
            self._odd.append((mark, _cut(reason)))

    @property
    def warnings(self) -> tuple[str, ...]:
        """Each odd line, or the first ones, and how many more there are."""
        texts = [f"{self.file}:{mark}: {reason}" for mark, reason in sorted(self._odd)]
        if self._odd_count > len(self._odd):
            texts.append(f"{self.file}: {self._odd_count - len(self._odd)} more such lines")
        return tuple(texts)

    def end(self) -> None:
        """Refuse the file if there are any.

        Raises:
            Unimportable: its text names each bad line, or the first ones.
        """
        if not self._count:
            return
        texts = [f"{self.file}:{mark}: {reason}" for mark, reason in sorted(self._lines)]
        if self._count > len(self._lines):
            texts.append(f"{self.file}: {self._count - len(self._lines)} more bad lines")
        raise Unimportable("\n".join([*texts, "nothing was imported"]))


def _cut(reason: str) -> str:
    return reason if len(reason) <= MOST_SAID else f"{reason[:MOST_SAID]}…"


def to_json(contents: Contents) -> Iterator[str]:
    """The lines of a JSON file."""
    encode = json.JSONEncoder(ensure_ascii=False).encode
    yield "{\n"
    for at, (name, kind) in enumerate(_LISTS.items()):
        rows = rows_of(contents, kind)
        yield f'{"," if at else ""}"{name}": ['
        for number, row in enumerate(rows):
            yield f"{',' if number else ''}\n{encode(row)}"
        yield "\n]\n" if rows else "]\n"
    yield "}\n"


def to_csv(contents: Contents) -> Iterator[str]:
    """The lines of a CSV file (RFC 4180)."""
    held = io.StringIO()
    writer = csv.DictWriter(held, _COLUMNS, restval="")
    writer.writeheader()
    for kind in KINDS:
        for row in rows_of(contents, kind):
            writer.writerow({"kind": kind} | {name: _cell(value) for name, value in row.items()})
            yield held.getvalue()
            held.seek(0)
            held.truncate()
    yield held.getvalue()


def from_json(text: str, faults: Faults) -> Contents:
    """Read a JSON file; entries that are none are among the faults.

    Raises:
        Unimportable: it is not of this form.
    """
    return _JsonFile(text, faults).read()


def from_csv(text: str, faults: Faults) -> Contents:
    """Read a CSV file; lines that are no entries are among the faults.

    Raises:
        Unimportable: it is not of this form.
    """
    contents = Contents()
    csv.field_size_limit(MAX_FILE)  # of the process, which reads this one file; groups are long
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    columns = _header(reader, faults)
    if wrong := _wrong_columns(columns):
        faults.add(1, f"the first line names the columns: {wrong}")
        faults.end()
    mark = 2
    while True:
        try:
            row = next(reader, None)
            if row is None:
                return contents
            _add_line(contents, mark, row)
        except csv.Error as error:
            faults.add(mark, str(error))
            faults.end()
        except DirectoryMistake as error:
            faults.add(mark, str(error))
        mark = reader.line_num + 1


def _header(reader: csv.DictReader[str], faults: Faults) -> list[str]:
    try:
        return list(reader.fieldnames or [])
    except csv.Error as error:
        faults.add(1, str(error))
    faults.end()
    return []


def _wrong_columns(columns: list[str]) -> str:
    """What is wrong with the first line of a CSV file; empty for nothing."""
    for at, name in enumerate(columns):
        if name not in _COLUMNS:
            right = hint(near_word(name[:40], _COLUMNS)) or f"; there are {', '.join(_COLUMNS)}"
            return f"there is none named {name[:40]!r}{right}"
        if name in columns[:at]:
            return f"{name} stands there twice"
    return "" if "kind" in columns else "kind, which says what a line is, is not among them"


def _add_line(contents: Contents, mark: Mark, row: Mapping[str | None, object]) -> None:
    if None in row:
        raise DirectoryMistake("there are more cells than columns")
    kind = next((each for each in KINDS if each == row.get("kind")), None)
    if kind is None:
        raise DirectoryMistake(
            f"kind is one of {', '.join(KINDS)}, not {str(row.get('kind'))[:40]!r}"
        )
    cells = {
        str(name): str(cell)
        for name, cell in row.items()
        if name != "kind" and cell not in ("", None)
    }
    add_row(contents, kind, mark, {name: _value(kind, name, cell) for name, cell in cells.items()})


def _cell(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return " ".join(value) if isinstance(value, list) else str(value)


def _value(kind: Kind, name: str, cell: str) -> Value:
    wanted = FIELDS[kind].get(name, str)
    if wanted is bool:
        if cell.lower() not in _BOOLEANS:
            raise DirectoryMistake(f"{name} is true or false, not {cell[:40]!r}")
        return _BOOLEANS[cell.lower()]
    if wanted is int:
        if not re.fullmatch("[0-9]{1,19}", cell):
            raise DirectoryMistake(f"{name} is a number, not {cell[:40]!r}")
        return int(cell)
    if wanted is list:
        return _ITEM.findall(cell)
    return cell


class _JsonFile:
    """A JSON file, read entry by entry, so that each can be named by its line."""

    def __init__(self, text: str, faults: Faults) -> None:
        self._text = text
        self._faults = faults
        self._decoder = json.JSONDecoder(object_pairs_hook=_object_of)
        self._at = 0
        self._line = 1
        self._counted = 0  # where the lines were counted up to

    def read(self) -> Contents:
        contents = Contents()
        try:
            self._expect("{")
            if not self._takes("}"):
                self._lists(contents)
            self._end()
        except (ValueError, RecursionError) as error:
            # The decoder's own words quote nothing of the file.
            words = getattr(error, "msg", "a number in it is too long")  # Python's limit of digits
            if isinstance(error, RecursionError):
                words = "this is nested too deep"
            self._faults.add(self._mark(), f"not JSON as it is exported: {words}")
            self._faults.end()
        return contents

    def _lists(self, contents: Contents) -> None:
        found: set[str] = set()
        while True:
            name = self._decode()
            if isinstance(name, str) and name in found:
                raise _unlike(f"{name} is there twice")
            kind = _LISTS.get(name) if isinstance(name, str) else None
            if kind is None:
                raise _unlike(f"expected one of {', '.join(_LISTS)}")
            found.add(str(name))
            self._expect(":")
            self._expect("[")
            if not self._takes("]"):
                self._entries(contents, kind)
            if self._takes("}"):
                return
            self._expect(",")

    def _entries(self, contents: Contents, kind: Kind) -> None:
        while True:
            self._skip()
            mark, row = self._mark(), self._decode()
            try:
                add_row(contents, kind, mark, _object(kind, row))
            except DirectoryMistake as error:
                self._faults.add(mark, str(error))
            if self._takes("]"):
                return
            self._expect(",")

    def _decode(self) -> object:
        self._skip()
        value: object
        value, self._at = self._decoder.raw_decode(self._text, self._at)
        return value

    def _takes(self, mark: str) -> bool:
        self._skip()
        found = self._text.startswith(mark, self._at)
        self._at += found
        return found

    def _expect(self, mark: str) -> None:
        if not self._takes(mark):
            raise _unlike(f"expected {mark}")

    def _end(self) -> None:
        self._skip()
        if self._at < len(self._text):
            raise _unlike("something follows the end")

    def _skip(self) -> None:
        found = _BLANK.match(self._text, self._at)
        self._at = self._at if found is None else found.end()

    def _mark(self) -> Mark:
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = max(self._counted, self._at)
        return self._line


def _unlike(words: str) -> json.JSONDecodeError:
    return json.JSONDecodeError(words, "", 0)


@dataclass(frozen=True, slots=True)
class _Twice:
    """An object that says one thing twice; which of both was meant is not to be guessed."""

    name: str


def _object_of(pairs: list[tuple[str, object]]) -> object:
    fields = dict(pairs)
    if len(fields) == len(pairs):
        return fields
    names = [name for name, _ in pairs]
    return _Twice(next(name for name in names if names.count(name) > 1))


def _object(kind: Kind, row: object) -> Row:
    if isinstance(row, _Twice):
        raise DirectoryMistake(f"{row.name[:40]!r} is there twice")
    if not isinstance(row, dict):
        raise DirectoryMistake(f"a {kind} is an object of fields")
    return row
