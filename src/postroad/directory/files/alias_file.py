"""Files of aliases: `/etc/aliases` and its kin (aliases(5)), with the lists they include.

`name: target, target`, where a name is a local part. A target is an address, a name, a command
behind a bar, a file with its whole path, or `:include:` with the path of a list. Keys are the same
in upper and lower case. `owner-NAME` beside `NAME` says who gets the bounces of what goes there.

Commands and files are no addresses. Each becomes one all the same, in a domain that cannot be
(RFC 2606 §2), with a digest of its text as the local part, so that it goes through queue and routes
as any recipient does. The address does not tell what is run, and finds only what stands in a file
of aliases: whoever sends to it runs nothing that mail to the alias would not run.

Where Postfix skips a line in silence, this is a mistake with file and line. A list that is included
may belong to one of the users, so what is wrong with it is wrong with its own alias alone: that one
cannot be answered for now (Postfix defers such mail too), and everything else holds.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from postroad.directory.interface import Alias
from postroad.model import Address, AddressError
from postroad.tables.source import Line, Signature, file_lines, looks, read
from postroad.tables.table import TableMistake, Warn

__all__ = [
    "PROGRAM_DIGITS",
    "PROGRAM_DOMAIN",
    "AliasFile",
    "Program",
    "addresses_of",
    "read_alias_files",
]

PROGRAM_DOMAIN = "alias-programs.invalid"
"""Where commands and files of aliases live; `.invalid` is in no DNS (RFC 2606 §2)."""

MAX_INCLUDES = 1000
"""Lists that a file of aliases may include; each is looked at once a second."""

MAX_LIST = 4 * 1024 * 1024
"""Octets of an included list; it has room for more members than a message may have, and whoever
may write one cannot keep the server reading."""

_INCLUDE = ":include:"
PROGRAM_DIGITS = 32
"""Hexadecimal digits of a program's address, 128 bits: nobody writes two commands that meet."""


class _BadList(Exception):
    """What is wrong with an included list; the text has file and line."""


@dataclass(frozen=True, slots=True)
class Program:
    """A command or a file that mail goes to.

    Attributes:
        text: what stands behind the bar, or the path.
        is_command: whether it is run; otherwise it is written to.
        alias: the name it stands under.
        where: file and line, for the log.
        allowed: whether the operator allows it.
    """

    text: str
    is_command: bool
    alias: str
    where: str
    allowed: bool

    @property
    def address(self) -> Address:
        """What it is called in the queue."""
        mark = "|" if self.is_command else ""
        named = f"{self.alias}\0{mark}{self.text}".encode("utf-8", "surrogatepass")
        return Address(hashlib.sha256(named).hexdigest()[:PROGRAM_DIGITS], PROGRAM_DOMAIN)


@dataclass(frozen=True, slots=True)
class AliasFile:
    """What the files of aliases say.

    Attributes:
        aliases: by name, in lower case.
        programs: commands and files, by the local part of their address.
        broken: what is wrong with an included list, by the names of its aliases, which are not
            among `aliases`.
    """

    aliases: Mapping[str, Alias] = field(default_factory=dict)
    programs: Mapping[str, Program] = field(default_factory=dict)
    broken: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        """How many names there are."""
        return len(self.aliases) + len(self.broken)


@dataclass(slots=True)
class _Reading:
    """What is known while files are read."""

    domain: str
    commands: bool
    files: bool
    warn: Warn
    entries: dict[str, tuple[Address, ...]] = field(default_factory=dict)
    programs: dict[str, Program] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    seen: dict[Path, Signature] = field(default_factory=dict)


def read_alias_files(
    paths: tuple[Path, ...], *, domain: str, commands: bool, files: bool, warn: Warn
) -> tuple[AliasFile, Mapping[Path, Signature]]:
    """Read files of aliases, of which the first that has a name answers for it.

    Args:
        paths: the files.
        domain: where a name without a domain lives.
        commands: whether mail may go to commands.
        files: whether mail may go to files.
        warn: takes lines about what is odd.

    Returns:
        What they say, and what they and the lists they include looked like.

    Raises:
        TableMistake: a line cannot be used, or a file cannot be read; it names file and line. Not
            of a list that is included, which only makes its alias `broken`.
    """
    reading = _Reading(domain, commands, files, warn)
    for path in paths:
        text, reading.seen[path] = read(path)
        own: dict[str, Line] = {}
        for line in file_lines(text, path):
            name, value = _entry(line)
            if name in own:
                warn(line.warning(f'"{name}" is there more than once; the first one counts'))
                continue
            own[name] = line
            targets, fault = _value_of(reading, line, name, value)
            if name in reading.entries:
                continue
            reading.entries[name] = targets
            if fault:
                reading.broken[name] = fault
    if not reading.entries:
        warn(f"{', '.join(map(str, paths))}: there is no alias in it")
    aliases = {
        name: Alias(found, _owner(reading, name))
        for name, found in reading.entries.items()
        if name not in reading.broken
    }
    return AliasFile(aliases, reading.programs, reading.broken), reading.seen


def addresses_of(text: str, domain: str) -> tuple[Address, ...]:
    """The addresses of a list, separated by commas or blanks; names get a domain.

    Args:
        text: as in the value of a virtual(5) table.
        domain: where a name without a domain lives.

    Raises:
        AddressError: one is none.
    """
    return tuple(
        _address(bare, domain)
        for item in _split(text)
        for bare in (_bare_words(item) if '"' not in item else [_bare(item)])
    )


def _owner(reading: _Reading, name: str) -> Address | None:
    """Who gets the bounces of an alias (aliases(5)); an owner's own go to who sent them."""
    if name.startswith("owner-") or f"owner-{name}" not in reading.entries:
        return None
    return Address(f"owner-{name}", reading.domain)


def _entry(line: Line) -> tuple[str, str]:
    """Name and value of `name: value`, where the name may be in double quotes."""
    quoted = re.match(r'"((?:\\.|[^"\\])*)"\s*:', line.text)
    if quoted is not None:
        name, value = re.sub(r"\\(.)", r"\1", quoted[1]), line.text[quoted.end() :]
    else:
        name, colon, value = line.text.partition(":")
        if not colon:
            raise line.mistake('expected "name: target, …"')
    name = name.strip()
    if not name or "@" in name or any(c.isspace() for c in name if quoted is None):
        hint = "; addresses with a domain belong in a file for `virtual`" if "@" in name else ""
        raise line.mistake(f'"{name[:60]}" is no local part{hint}')
    return name.lower(), value.strip()


def _value_of(
    reading: _Reading, line: Line, name: str, value: str
) -> tuple[tuple[Address, ...], str]:
    """The targets of an alias, and what is wrong with a list that it includes."""
    try:
        targets = tuple(dict.fromkeys(_targets(reading, line, name, value)))
    except _BadList as bad:
        reading.warn(f'{bad}; mail to "{name}" waits until the list is right')
        return (), str(bad)
    if not targets:
        raise line.mistake(f'"{name}" has no target')
    return targets, ""


def _targets(reading: _Reading, line: Line, name: str, value: str) -> Iterator[Address]:
    for item in _split(value):
        target = _bare(item)
        if target.startswith(_INCLUDE):
            yield from _included(reading, line, name, target.removeprefix(_INCLUDE).strip())
        elif target.startswith(("|", "/")):
            yield _program(reading, line, name, target, listed=False)
        else:
            yield from _addresses(reading, line, item)


def _included(reading: _Reading, line: Line, name: str, text: str) -> Iterator[Address]:
    """The members of a list in a file of its own, one or more on a line."""
    path = Path(text)
    if not path.is_absolute():
        raise line.mistake(f'expected ":include:/path", the whole path, not "{text[:60]}"')
    if len(reading.seen) >= MAX_INCLUDES:
        raise line.mistake(f"more than {MAX_INCLUDES} files are included")
    reading.seen[path] = looks(path)
    if reading.seen[path][1] > MAX_LIST:
        raise _BadList(f"{path}: is longer than {MAX_LIST >> 20} MiB")
    try:
        content, reading.seen[path] = read(path)
        members = list(_members(reading, path, content, name))
    except TableMistake as mistake:
        raise _BadList(str(mistake)) from mistake.__cause__
    yield from members
    if not members:
        reading.warn(line.warning(f"{path} has no member"))


def _members(reading: _Reading, path: Path, content: str, name: str) -> Iterator[Address]:
    for inner in file_lines(content, path):
        for item in _split(inner.text):
            target = _bare(item)
            if target.startswith(_INCLUDE):
                raise inner.mistake("a list that is included includes no other list here")
            if target.startswith(("|", "/")):
                yield _program(reading, inner, name, target, listed=True)
            else:
                yield from _addresses(reading, inner, item)


def _program(reading: _Reading, line: Line, name: str, target: str, *, listed: bool) -> Address:
    """A command or a file. Lists may be written by many hands, so they name none (local(8))."""
    is_command = target.startswith("|")
    text = target[1:].strip() if is_command else target
    if not text or "\0" in text:
        raise line.mistake(f'"{target[:60]}" names no command')
    where = line.mistake("").where.rstrip(": ")
    allowed = (reading.commands if is_command else reading.files) and not listed
    if target == "/dev/null":  # what mail to nobody goes to; nothing is written
        allowed = True
    program = Program(text, is_command, name, where, allowed)
    if not allowed:
        key = "allow_commands" if is_command else "allow_files"
        words = "a list names no command and no file" if listed else f"{key} is not set"
        reading.warn(line.warning(f'mail to "{name}" will return from "{target[:60]}": {words}'))
    reading.programs[program.address.local] = program
    return program.address


def _addresses(reading: _Reading, line: Line, item: str) -> Iterator[Address]:
    bare = _bare(item)
    words = [bare] if '"' in item else _bare_words(item)
    for word in words:
        try:
            # `\name` is the mailbox of that name, whatever its alias says.
            yield _address(word.removeprefix("\\"), reading.domain)
        except AddressError as error:
            raise line.mistake(f'"{word[:60]}" is no address: {error}') from None


def _address(word: str, domain: str) -> Address:
    return Address.parse(word if "@" in word else f"{word}@{domain}")


def _bare(item: str) -> str:
    """An item without the quotes around all of it, and without a name before `<address>`."""
    whole = re.fullmatch(r'"((?:\\.|[^"\\])*)"', item)
    if whole is not None:
        return re.sub(r"\\(.)", r"\1", whole[1])
    angle = re.search(r"<([^<>]*)>\s*\Z", item)
    return item if angle is None or item.startswith(("|", "/")) else angle[1]


def _bare_words(item: str) -> list[str]:
    bare = _bare(item)
    return [bare] if bare != item else item.split()


def _split(text: str) -> Iterator[str]:
    """The items of a list: commas separate them, except in quotes; `(comments)` go."""
    item, depth, quoted, escaped = "", 0, False, False
    for character in text:
        if escaped:
            item, escaped = item + character, False
            continue
        escaped = character == "\\"
        if character == '"' and not depth:
            quoted = not quoted
        elif not quoted and character in "()" and not item.lstrip().startswith(("|", "/", ":")):
            depth = max(0, depth + (1 if character == "(" else -1))
            continue
        if character == "," and not quoted and not depth:
            if item.strip():
                yield item.strip()
            item = ""
        elif not depth:
            item += character
    if item.strip():
        yield item.strip()
