"""The text of a table's file: logical lines with the numbers they begin at.

Postfix's rules, the same for every kind of file: blank lines and lines whose first character is
`#` say nothing, a line that begins with white space goes on with the one before. What Postfix
warns of and skips (text that is not UTF-8, a first line that goes on with nothing) is a mistake
here: a rule that is left out in silence lets somebody in.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from postroad.tables.braces import BLANKS, content, words
from postroad.tables.table import TableMistake

__all__ = [
    "ABSENT",
    "Line",
    "Signature",
    "file_lines",
    "inline_lines",
    "looks",
    "read",
    "signature",
]

MAX_FILE = 64 * 1024 * 1024
"""Octets of a file; a million addresses with an answer each have some 40 million."""

Signature = tuple[int, int, int]
"""What changes when a file is changed or replaced: its time (ns), its size, its inode."""

ABSENT: Signature = (0, 0, 0)
"""Of a file that cannot be read."""


@dataclass(frozen=True, slots=True)
class Line:
    """A logical line.

    Attributes:
        text: without white space at its end.
        path: the file; `None` for a rule that stands in the table's name.
        number: the line of the file that it begins on, or its place in the name, from 1.
    """

    text: str
    path: Path | None
    number: int

    def mistake(self, message: str) -> TableMistake:
        """A mistake on this line."""
        if self.path is None:
            return TableMistake(f"rule {self.number}: {message}")
        return TableMistake(message, path=self.path, line=self.number)

    def warning(self, message: str) -> str:
        """A warning about this line."""
        return str(self.mistake(message))


def signature(path: Path) -> Signature:
    """What a file looks like now.

    Raises:
        OSError: there is none, or it cannot be looked at.
    """
    return _signature_of(path.stat())


def looks(path: Path) -> Signature:
    """What a file looks like now; of one that is not there or may not be read: `ABSENT`."""
    try:
        return signature(path) if os.access(path, os.R_OK) else ABSENT
    except OSError:
        return ABSENT


def read(path: Path) -> tuple[str, Signature]:
    """The text of a file, and what the file looked like after it was read.

    Raises:
        TableMistake: it cannot be read, is no plain file, is too long or is not UTF-8.
    """
    try:
        # Without O_NONBLOCK, a named pipe that nobody writes to would be waited for.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            about = os.fstat(file.fileno())
            if not stat.S_ISREG(about.st_mode):
                raise TableMistake("is not a plain file", path=path)
            if about.st_size > MAX_FILE:
                raise TableMistake(f"is longer than {MAX_FILE >> 20} MiB", path=path)
            octets = file.read(MAX_FILE + 1)
            looks = _signature_of(os.fstat(file.fileno()))
    except OSError as error:
        raise TableMistake(_reason(error, path), path=path) from error
    if octets is None:  # one of /proc that has nothing to say yet
        raise TableMistake("cannot be read without waiting for it", path=path)
    return _decoded(octets, path), looks


def file_lines(text: str, path: Path) -> Iterator[Line]:
    """The logical lines of a file's text.

    Raises:
        TableMistake: one goes on with a line that is not there.
    """
    begin, parts = 0, list[str]()
    for number, line in enumerate(text.split("\n"), 1):
        bare = line.strip(BLANKS)
        if not bare or bare[0] == "#":
            continue
        if line[0] not in BLANKS:
            if parts:
                yield Line("".join(parts).rstrip(BLANKS), path, begin)
            begin, parts = number, [line]
        elif parts:
            parts.append(line)
        else:
            message = "begins with white space, so it would go on with a line before it; none is"
            raise TableMistake(message, path=path, line=number)
    if parts:
        yield Line("".join(parts).rstrip(BLANKS), path, begin)


def inline_lines(text: str) -> Iterator[Line]:
    """The rules of `{{rule}, {rule}}`.

    Raises:
        TableMistake: the braces are not like this, or there is no rule.
    """
    rules = words(content(text))
    if not rules:
        raise TableMistake('expected rules, "{{rule}, {rule}}"')
    for number, rule in enumerate(rules, 1):
        yield Line(content(rule), None, number)


def _signature_of(about: os.stat_result) -> Signature:
    return about.st_mtime_ns, about.st_size, about.st_ino


def _reason(error: OSError, path: Path) -> str:
    words_of_it = (error.strerror or str(error)).lower()
    if isinstance(error, FileNotFoundError) and Path(f"{path}.db").exists():
        return f"{words_of_it}; the text is read, not {path}.db that was made of it"
    return words_of_it


def _decoded(octets: bytes, path: Path) -> str:
    try:
        text = octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = octets.count(b"\n", 0, error.start) + 1
        raise TableMistake("is not UTF-8", path=path, line=line) from error
    at = text.find("\0")
    if at >= 0:
        message = "holds a NUL character; is this a text?"
        raise TableMistake(message, path=path, line=text.count("\n", 0, at) + 1)
    return text
