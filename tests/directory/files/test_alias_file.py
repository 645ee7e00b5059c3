"""Files of aliases, aliases(5)."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.directory.files.alias_file import (
    MAX_LIST,
    PROGRAM_DOMAIN,
    AliasFile,
    addresses_of,
    read_alias_files,
)
from postroad.model import Address, AddressError
from postroad.tables import TableMistake


@pytest.fixture
def read(tmp_path):
    warnings: list[str] = []

    def reading(text: str, *, commands: bool = False, files: bool = False) -> AliasFile:
        path = tmp_path / "aliases"
        path.write_text(text)
        found, seen = read_alias_files(
            (path,), domain="example.org", commands=commands, files=files, warn=warnings.append
        )
        assert path in seen
        reading.seen = set(seen)
        return found

    reading.warnings = warnings
    return reading


def targets(found: AliasFile, name: str) -> list[str]:
    return [str(target) for target in found.aliases[name].targets]


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("root: john\n", "root", ["john@example.org"]),
        ("ROOT:John\n", "root", ["John@example.org"]),
        (
            "all: john, mary@example.net,ann\n",
            "all",
            ["john@example.org", "mary@example.net", "ann@example.org"],
        ),
        (
            "all: john,\n  mary,\n# between\n\tann\n",
            "all",
            ["john@example.org", "mary@example.org", "ann@example.org"],
        ),
        ("all: john mary\n", "all", ["john@example.org", "mary@example.org"]),
        ("all: john, john\n", "all", ["john@example.org"]),
        ('"odd name": john\n', "odd name", ["john@example.org"]),
        ('x: "john doe"@example.net\n', "x", ['"john doe"@example.net']),
        ("x: John Doe <john@example.net>\n", "x", ["john@example.net"]),
        (
            "x: john@example.net (John, at home), mary\n",
            "x",
            ["john@example.net", "mary@example.org"],
        ),
        ("john: \\john, mary\n", "john", ["john@example.org", "mary@example.org"]),
    ],
)
def test_an_alias(read, text: str, name: str, expected: list[str]) -> None:
    assert targets(read(text), name) == expected


def test_the_first_of_two_lines_counts(read) -> None:
    assert targets(read("a: john\nA: mary\n"), "a") == ["john@example.org"]
    assert read.warnings[0].endswith('aliases:2: "a" is there more than once; the first one counts')


def test_the_owner_of_a_list(read) -> None:
    found = read("list: john\nowner-list: mary\n")
    assert found.aliases["list"].owner == Address("owner-list", "example.org")
    assert found.aliases["owner-list"].owner is None


def test_a_list_in_a_file_of_its_own(read, tmp_path) -> None:
    members = tmp_path / "members"
    members.write_text("# members\njohn, mary@example.net\n\nann\n")
    found = read(f"list: lisa, :include:{members}\n")
    assert targets(found, "list") == [
        "lisa@example.org",
        "john@example.org",
        "mary@example.net",
        "ann@example.org",
    ]
    assert members in read.seen


@pytest.mark.parametrize(
    ("target", "text", "is_command"),
    [
        ("|/usr/bin/vacation john", "/usr/bin/vacation john", True),
        ('"|/bin/sh -c \\"exit 0, really\\""', '/bin/sh -c "exit 0, really"', True),
        ("/var/mail/archive", "/var/mail/archive", False),
    ],
)
@pytest.mark.parametrize("allowed", [True, False])
def test_commands_and_files(read, target: str, text: str, is_command: bool, allowed: bool) -> None:
    found = read(f"x: john, {target}\n", commands=allowed, files=allowed)
    (program,) = found.programs.values()
    assert (program.text, program.is_command, program.alias) == (text, is_command, "x")
    assert program.allowed is allowed
    assert found.aliases["x"].targets == (Address("john", "example.org"), program.address)
    assert found.programs[program.address.local] is program
    assert program.address.domain == PROGRAM_DOMAIN
    assert bool(read.warnings) is not allowed


def test_the_address_of_a_command_does_not_tell_it(read) -> None:
    one, other = read("a: |/bin/x\nb: |/bin/x\n", commands=True).programs.values()
    assert one.address != other.address
    assert "bin" not in str(one.address)


def test_a_list_names_no_command(read, tmp_path) -> None:
    (tmp_path / "members").write_text("|/bin/evil\n")
    found = read(f"list: :include:{tmp_path}/members\n", commands=True)
    assert [program.allowed for program in found.programs.values()] == [False]
    assert "a list names no command and no file" in read.warnings[0]


def test_nothing_is_written_to_dev_null_so_it_is_allowed(read) -> None:
    found = read("nobody: /dev/null\n")
    assert [program.allowed for program in found.programs.values()] == [True]
    assert read.warnings == []


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("john\n", 1, 'expected "name: target'),
        ("# x\njohn: mary\n\nann:\n", 4, '"ann" has no target'),
        ("john@example.org: mary\n", 1, "belong in a file for `virtual`"),
        ("x: a@b@c..d\n", 1, "is no address"),
        ("x: :include:members\n", 1, "the whole path"),
        ("a: b\nx: |\n", 2, "names no command"),
        (" x: y\n", 1, "begins with white space"),
    ],
)
def test_a_mistake_has_its_line(read, tmp_path, text: str, line: int, words: str) -> None:
    with pytest.raises(TableMistake, match=words) as caught:
        read(text)
    assert str(caught.value).startswith(f"{tmp_path}/aliases:{line}: ")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("john\n\n@@\n", "members:3: "),
        (":include:/members\n", "includes no other list"),
        (" john\n", "begins with white space"),
        (None, "no such file"),
        ("x" * (MAX_LIST + 1), "longer than 4 MiB"),
    ],
)
def test_a_mistake_in_a_list_is_one_of_its_own_alias(
    read, tmp_path, content: str | None, words: str
) -> None:
    if content is not None:
        (tmp_path / "members").write_text(content)
    found = read(f"list: :include:{tmp_path}/members\nowner-list: ann\nboss: john\n")
    assert list(found.aliases) == ["owner-list", "boss"]
    assert words in found.broken["list"]
    assert tmp_path / "members" in read.seen
    assert read.warnings == [
        f'{found.broken["list"]}; mail to "list" waits until the list is right'
    ]


def test_a_list_that_is_a_pipe_is_not_waited_for(read, tmp_path) -> None:
    os.mkfifo(tmp_path / "members")
    found = read(f"list: :include:{tmp_path}/members\nboss: john\n")
    assert "is not a plain file" in found.broken["list"]
    assert list(found.aliases) == ["boss"]


def test_a_file_without_any_alias_is_warned_of(read) -> None:
    assert len(read("# nothing\n")) == 0
    assert "there is no alias" in read.warnings[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("john", ["john@example.org"]),
        (
            "john@example.net, mary  ann",
            ["john@example.net", "mary@example.org", "ann@example.org"],
        ),
        ('"a b"@example.net', ['"a b"@example.net']),
        ("", []),
    ],
)
def test_the_value_of_a_virtual_table(text: str, expected: list[str]) -> None:
    assert [str(each) for each in addresses_of(text, "example.org")] == expected


@given(st.text(max_size=100))
def test_any_value_is_addresses_or_refused(text: str) -> None:
    try:
        found = addresses_of(text, "example.org")
    except AddressError:
        return
    assert all(Address.parse(str(each)) == each for each in found)
