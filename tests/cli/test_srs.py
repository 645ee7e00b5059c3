"""`postroad srs keys`: on the file that the workers use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from command_line import CommandLine
from postroad.intake.srs_keys import SrsKeys

FILE = Path("state/srs.keys")


@pytest.mark.usefixtures("server")
def test_no_key_before_the_first_use(command_line: CommandLine) -> None:
    assert command_line("srs", "keys", "list").out == ""
    assert command_line("srs", "keys", "list", "--json").json == []
    assert not FILE.exists()


def test_rotated(server: Path, command_line: CommandLine) -> None:
    old = SrsKeys(server / FILE, lifetime=0, overlap=0, clock=lambda: 1_790_000_000.0)
    key = old.newest()
    (shown,) = command_line("srs", "keys", "list", "--json").json
    assert shown == {
        "key": shown["key"],
        "made": 1_790_000_000.0,
        "signs": True,
        "good_until": None,
    }
    ran = command_line("srs", "keys", "rotate")
    header, fresh, former = ran.lines
    assert header.split() == ["KEY", "MADE", "DAYS", "USE"]
    assert fresh.endswith("  signs")
    assert former.startswith(shown["key"])
    assert "good until " in former
    assert key.hex() not in ran.out
    assert old.newest() != key
    assert key in old.all()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_the_file_stays_the_servers(state_of_nobody: Path, command_line: CommandLine) -> None:
    assert command_line("srs", "keys", "rotate").status == 0
    for name in ("srs.keys", "srs.lock"):
        assert (state_of_nobody / name).stat().st_uid == 65534


def test_a_file_that_cannot_be_read(server: Path, command_line: CommandLine) -> None:
    (server / FILE).write_text("nonsense")
    for words in (("list",), ("rotate",)):
        ran = command_line("srs", "keys", *words)
        assert ran.status == os.EX_UNAVAILABLE
        assert ran.err.endswith("srs.keys:1: no key\n")
