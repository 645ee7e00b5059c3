"""`postroad spam threshold` and `thresholds`, without a server."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from command_line import CommandLine

JOHN = "john@example.org"


@pytest.mark.usefixtures("server")
def test_thresholds_are_set_shown_and_forgotten(command_line: CommandLine) -> None:
    said = command_line("spam", "threshold", JOHN, "--junk", "8", "--reject", "never")
    assert said.out == f"{JOHN}: junk 8, reject never\n"
    assert command_line("spam", "thresholds", "--json").json == [
        {"user": JOHN, "junk": 8.0, "reject": 0.0}
    ]
    said = command_line("spam", "threshold", JOHN, "--reset")
    assert said.out == f"{JOHN}: junk as usual, reject as usual\n"


@pytest.mark.parametrize(
    ("option", "value"),
    [(option, value) for option in ("--junk", "--reject") for value in ("nan", "inf", "1e300")],
)
def test_what_is_no_number_of_points(
    command_line: CommandLine, server: Path, option: str, value: str
) -> None:
    said = command_line("spam", "threshold", JOHN, option, value)
    assert said.status == os.EX_USAGE
    assert f"{option} takes a number of points" in said.err
    assert not list(server.rglob("thresholds.json"))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (JOHN, ""),
        ("John@Example.ORG", ""),
        ("info@example.org", f"mail for info@example.org goes to the account {JOHN}"),
        ("john+lists@example.org", f"mail for john+lists@example.org goes to the account {JOHN}"),
        ("all@example.org", "all@example.org is an alias and no account"),
        ("away@example.org", "away@example.org is an alias and no account"),
        ("noone@example.org", "there is no account noone@example.org"),
        ("ann@elsewhere.test", "there is no account ann@elsewhere.test"),
    ],
)
@pytest.mark.usefixtures("server")
def test_names_without_effect_are_told_and_taken(
    command_line: CommandLine, name: str, words: str
) -> None:
    command_line("alias", "add", "info@example.org", JOHN)
    command_line("alias", "add", "all@example.org", JOHN, "ann@elsewhere.test")
    command_line("alias", "add", "away@example.org", "ann@elsewhere.test")
    said = command_line("spam", "threshold", name, "--junk", "1", "--json")
    assert (said.status, said.json["junk"]) == (os.EX_OK, 1.0)
    assert said.err.startswith(f"postroad: {words}") if words else not said.err
    assert len(said.err.splitlines()) == bool(words)
    assert bool(command_line("spam", "threshold", name).err) is bool(words)
    assert not command_line("spam", "threshold", name, "--reset").err  # nothing is left of it


def test_a_directory_that_is_away_refuses_no_threshold(
    command_line: CommandLine, server: Path
) -> None:
    configuration = server / "postroad.toml"
    section = f'\n[directories.old]\nkind = "files"\npasswd = "{server / "gone"}"\n'
    configuration.write_text(configuration.read_text() + section)
    said = command_line("spam", "threshold", "far@example.org", "--junk", "1")
    assert (said.status, said.out) == (0, "far@example.org: junk 1, reject as usual\n")
    (line,) = said.err.splitlines()
    assert line.startswith("postroad: whether there is an account far@example.org cannot be found")
    assert not command_line("spam", "threshold", JOHN, "--junk", "1").err  # it is here


@pytest.mark.parametrize(
    ("junk", "reject", "told"),
    [("9", "2", True), ("9", "9", True), ("2", "9", False), ("9", "never", False)],
)
@pytest.mark.usefixtures("server")
def test_a_refusal_that_comes_before_junk_is_told(
    command_line: CommandLine, junk: str, reject: str, *, told: bool
) -> None:
    said = command_line("spam", "threshold", JOHN, "--junk", junk, "--reject", reject)
    words = f"refused from {reject} points on, so none is filed as junk (from {junk} on)"
    assert said.out == f"{JOHN}: junk {junk}, reject {reject}\n"
    assert (words in said.err) is told
    assert bool(said.err) is told
