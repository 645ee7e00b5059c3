"""master.cf: the services of a Postfix, with their `-o` options (master(5)).

Reads the file as Postfix does: eight columns, options as `-o name=value`, `-oname=value` and
`-o { name = value }`. It knows nothing of what a service or an option means.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from postroad.adopt.postfix.logical_lines import LogicalLine, logical_lines
from postroad.adopt.postfix.main_cf import Parameter

__all__ = ["MasterCf", "Service", "argv_of"]

COLUMNS = 8


@dataclass(frozen=True, slots=True)
class Service:
    """One service.

    Attributes:
        name: the first column: `smtp`, `127.0.0.1:10025`, `submission`.
        kind: the second: `inet`, `unix`, `fifo`, `pass`, `unix-dgram`.
        chroot: whether its root is the queue's directory; `None`: as is usual.
        maxproc: how many may run; `None`: as is usual.
        command: the program's name.
        arguments: what comes behind it, without its options.
        options: its parameters, by name.
        flags: its options other than `-o`: `-v`.
        file: master.cf.
        line: where it begins.
    """

    name: str
    kind: str
    chroot: bool | None
    maxproc: int | None
    command: str
    arguments: tuple[str, ...]
    options: dict[str, Parameter] = field(hash=False)
    flags: tuple[str, ...]
    file: Path
    line: int


@dataclass(frozen=True, slots=True)
class MasterCf:
    """The services of a Postfix, in the order of the file.

    Attributes:
        services: them.
        mistakes: lines that Postfix could not read, with what is wrong.
    """

    services: tuple[Service, ...]
    mistakes: tuple[tuple[int, str], ...] = ()

    @classmethod
    def read(cls, file: Path, text: str) -> MasterCf:
        """What is in the file."""
        services: dict[tuple[str, str], Service] = {}
        mistakes: list[tuple[int, str]] = []
        for line in logical_lines(text):
            columns = split_braces(line.text)
            if len(columns) < COLUMNS:
                words = f'expected eight columns, not "{" ".join(columns)[:40]}"'
                mistakes.append((line.number, words))
                continue
            service = _service(file, line, columns)
            services[service.name, service.kind] = service
        return cls(tuple(services.values()), tuple(mistakes))

    def named(self, name: str, kind: str = "unix") -> Service | None:
        """A service, if there is one."""
        for service in self.services:
            if service.name == name and service.kind == kind:
                return service
        return None

    def inet(self) -> Iterator[Service]:
        """Those that listen on the network."""
        return (service for service in self.services if service.kind in ("inet", "pass"))


def _service(file: Path, line: LogicalLine, columns: list[str]) -> Service:
    name, kind, _private, _unprivileged, chroot, _wakeup, maxproc, command = columns[:COLUMNS]
    options: dict[str, Parameter] = {}
    flags: list[str] = []
    rest = [_unbraced(each) for each in columns[COLUMNS:]]
    # Programs' arguments may look like options; Postfix's own stop at the first other word.
    while rest and rest[0].startswith("-") and rest[0] not in ("-", "--"):
        word = rest.pop(0)
        before, minus_o, value = word[1:].partition("o")
        if before or not minus_o:
            flags.append("-" + (before if minus_o else word[1:]))
        if not minus_o:
            continue
        value = value or (rest.pop(0) if rest else "")
        key, equals, text = _unbraced(value).partition("=")
        if equals:
            key = key.strip()
            options[key] = Parameter(key, text.strip(), file, line.number, name)
    if rest[:1] == ["--"]:
        rest.pop(0)
    return Service(
        name=name,
        kind=kind,
        chroot={"y": True, "n": False}.get(chroot),
        maxproc=int(maxproc) if maxproc.isdigit() else None,
        command=command,
        arguments=tuple(rest),
        options=options,
        flags=tuple(flags),
        file=file,
        line=line.number,
    )


def argv_of(service: Service) -> str:
    """The command that a service of spawn(8) runs."""
    program = " ".join(service.arguments)
    found = re.search(r"argv=(.*)", program)
    return found[1] if found else program


def split_braces(text: str) -> list[str]:
    """Words with white space between; what is in braces stays together."""
    words: list[str] = []
    word, level = "", 0
    for character in text:
        if level <= 0 and character.isspace():
            if word:
                words.append(word)
            word = ""
            continue
        level += (character == "{") - (character == "}")
        word += character
    return [*words, word] if word else words


def _unbraced(word: str) -> str:
    if word.startswith("{") and word.endswith("}"):
        return word[1:-1].strip()
    return word
