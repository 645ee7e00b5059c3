"""Dovecot's configuration as it holds: its files joined, sections merged, `$name` filled in.

A `Section` is a tree of what was set, each value with the place that set it last. What Dovecot
itself would refuse to start with becomes a `Fault`, and reading goes on: a half-broken old
installation is no reason not to read the rest. It knows no setting by its meaning.
"""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from postroad.adopt.dovecot.syntax import Line, LineKind, lines
from postroad.adopt.old_files import OldFiles

__all__ = ["Fault", "Section", "Value", "read_dovecot", "read_parameters"]

MOST_FILES = 500
"""Files that may be read for one configuration; Debian's own has 25."""

DEEPEST_INCLUDE = 20
"""Files within files; more is a circle."""

DEEPEST_SECTION = 50
"""Sections within sections; Dovecot's own settings need four."""

_UNNAMED = frozenset({"passdb", "userdb", "namespace"})
"""Kinds of which each section without a name is one of its own, and not one more part of the last.
Dovecot tells namespaces apart by their names, and lists without names by their order."""


@dataclass(frozen=True, slots=True)
class Value:
    """What a setting is set to.

    Attributes:
        text: the value; of a `<path` the path.
        file: where it is set.
        line: there, counted from 1.
        is_file: whether the value is what the file `text` contains.
        written: what the setting is called there, where it has another name here; empty: the same.
    """

    text: str = field(repr=False)
    file: Path
    line: int
    is_file: bool = False
    written: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """A line that Dovecot would not take, or a file that cannot be read."""

    file: Path
    line: int
    words: str


@dataclass(slots=True)
class Section:
    """A section, or the whole configuration.

    Attributes:
        kind: `service`, `passdb` …; empty for the whole.
        name: `auth` of `service auth`; empty for none.
        file: where it is opened first.
        line: there.
        values: settings by name.
        sections: those within, in their order.
    """

    kind: str
    name: str
    file: Path
    line: int
    values: dict[str, Value] = field(default_factory=dict)
    sections: list[Section] = field(default_factory=list)

    def text(self, key: str, default: str = "") -> str:
        """The value of a setting, or the default."""
        value = self.values.get(key)
        return default if value is None else value.text

    def all(self, kind: str) -> list[Section]:
        """The sections of a kind, in their order."""
        return [each for each in self.sections if each.kind == kind]

    def one(self, kind: str, name: str = "") -> Section | None:
        """The section of this kind and name."""
        return next(
            (each for each in self.sections if (each.kind, each.name) == (kind, name)), None
        )

    def walk(self) -> Iterator[Section]:
        """This section and all within."""
        yield self
        for section in self.sections:
            yield from section.walk()


def read_dovecot(files: OldFiles, file: Path) -> tuple[Section, list[Fault]]:
    """Read a configuration from its first file on.

    Args:
        files: the old file system.
        file: `dovecot.conf` there.

    Returns:
        Everything that is set, and what could not be understood.
    """
    reader = _Reader(files)
    whole = Section("", "", file, 0)
    reader.read(file, [whole], 0, required_at=None)
    return whole, reader.faults


def read_parameters(files: OldFiles, file: Path) -> tuple[Section, list[Fault]]:
    """Read a file of parameters, such as dovecot-sql.conf.ext; it has the same syntax."""
    return read_dovecot(files, file)


class _Reader:
    """Reads files into a tree."""

    def __init__(self, files: OldFiles) -> None:
        self._files = files
        self._count = 0
        self.faults: list[Fault] = []

    def read(
        self, file: Path, stack: list[Section], depth: int, *, required_at: tuple[Path, int] | None
    ) -> None:
        """Read a file within the section on top of the stack."""
        place = required_at or (file, 0)
        self._count += 1
        if depth > DEEPEST_INCLUDE or self._count > MOST_FILES:
            self._fault(*place, f"{file}: too many files include each other")
            return
        text = self._files.text(file)
        if text is None:
            self._fault(*place, f"{file}: there is no such file, or it cannot be read")
            return
        outermost = len(stack)
        for line in lines(text):
            self._take(line, file, stack, depth, outermost)
        if len(stack) > outermost:
            self._fault(file, stack[-1].line, f"the section {stack[-1].kind} is never closed")
            del stack[outermost:]

    def _take(
        self, line: Line, file: Path, stack: list[Section], depth: int, outermost: int
    ) -> None:
        match line.kind:
            case LineKind.SETTING | LineKind.FILE_SETTING | LineKind.VARIABLE_SETTING:
                self._set(line, file, stack)
            case LineKind.OPENING:
                if len(stack) == DEEPEST_SECTION:
                    self._fault(file, line.number, "too many sections within each other")
                beyond = len(stack) >= DEEPEST_SECTION  # read on, to find where it closes
                section = Section(line.key, line.value, file, line.number)
                stack.append(section if beyond else _opened(line, file, stack[-1]))
            case LineKind.CLOSING if len(stack) > outermost:
                stack.pop()
            case LineKind.CLOSING:
                self._fault(file, line.number, "a '}' without a section")
            case LineKind.INCLUDE | LineKind.INCLUDE_IF_THERE:
                self._include(line, file, stack, depth)
            case LineKind.ERROR:
                self._fault(file, line.number, f"{line.key}: {line.value}")

    def _set(self, line: Line, file: Path, stack: list[Section]) -> None:
        text = line.value
        if line.kind is LineKind.VARIABLE_SETTING:
            text = self._filled(line, file, stack)
        section, key = _place_of(line, file, stack[-1])
        is_file = line.kind is LineKind.FILE_SETTING
        section.values[key] = Value(text, file, line.number, is_file)

    def _filled(self, line: Line, file: Path, stack: list[Section]) -> str:
        """The value with each word `$name` replaced by what that is set to here."""
        words = []
        for word in line.value.split(" "):
            if not word.startswith("$"):
                words.append(word)
                continue
            if word.startswith("$ENV:"):
                self._fault(file, line.number, f"{word}: Dovecot's environment is not known here")
                continue
            name = word[1:].removeprefix("SET:")  # the latter since 2.4
            known = _known(name, stack)
            if known is None and name not in _EMPTY_AT_FIRST:
                words.append(word)  # a default, or a name that Dovecot fills in when it runs
            elif known:
                words.append(known)
        return " ".join(words)

    def _include(self, line: Line, file: Path, stack: list[Section], depth: int) -> None:
        found = self._matching(Path(os.path.normpath(file.parent / line.value)))
        if not found and line.kind is LineKind.INCLUDE:
            self._fault(file, line.number, f"{line.value}: no such file to include")
        for each in found:
            if line.kind is LineKind.INCLUDE_IF_THERE and self._files.text(each) is None:
                continue
            self.read(each, stack, depth + 1, required_at=(file, line.number))

    def _matching(self, pattern: Path) -> list[Path]:
        if not any(mark in pattern.name for mark in "*?["):
            return [pattern] if self._files.exists(pattern) else []
        names = (
            each.name
            for each in self._files.listing(pattern.parent)
            if fnmatch.fnmatchcase(each.name, pattern.name)
            and not (each.name.startswith(".") and not pattern.name.startswith("."))
        )
        return [pattern.parent / name for name in names]

    def _fault(self, file: Path, line: int, words: str) -> None:
        self.faults.append(Fault(file, line, words))


_EMPTY_AT_FIRST = frozenset({"mail_plugins", "protocols", "mail_access_groups", "login_greeting"})
"""Settings whose value is empty, or ours to leave out, until somebody sets them."""


def _known(name: str, stack: list[Section]) -> str | None:
    for section in reversed(stack):
        if name in section.values:
            return section.values[name].text
    return None


def _opened(line: Line, file: Path, parent: Section) -> Section:
    """The section that a line opens: a new one, or one that is there and goes on."""
    anew = line.key in _UNNAMED and not line.value
    found = None if anew else parent.one(line.key, line.value)
    if found is None:
        found = Section(line.key, line.value, file, line.number)
        parent.sections.append(found)
    return found


def _place_of(line: Line, file: Path, section: Section) -> tuple[Section, str]:
    """Where a setting belongs: `plugin/quota` is `quota` of the section `plugin`."""
    *ways, key = line.key.split("/")
    if len(ways) == 1 and ways[0] == "plugin":
        found = section.one("plugin")
        if found is None:
            found = Section("plugin", "", file, line.number)
            section.sections.append(found)
        return found, key
    return section, line.key
