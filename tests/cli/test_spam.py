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
