"""Tests of what is known as a server's own in its state directory."""

from pathlib import Path

import pytest

from postroad.config import Configuration
from postroad.config.ownership import DROP, OURS
from postroad.queue.suspension import FILE as SUSPENDED
from postroad.queue.suspension import LOCK as SUSPENSION_LOCK

STATE = Path("/var/lib/postroad")


def in_state_directory() -> set[str]:
    """The names there of all paths that a configuration without a word of its own has."""
    configuration = Configuration(
        hostname="mx.example.org", domains=("example.org",), state_directory=STATE
    )
    found = set()
    for name, member in vars(Configuration).items():
        if isinstance(member, property):
            path = getattr(configuration, name)
            if isinstance(path, str | Path) and Path(path).is_relative_to(STATE):
                found.add(Path(path).relative_to(STATE).parts[0])
    return found


def test_every_path_of_the_configuration_is_known() -> None:
    names = in_state_directory()
    assert {"spool", "srs.keys", "bans.db", "maildrop", "unread-reports"} <= names
    assert names <= OURS | {DROP}


@pytest.mark.parametrize("name", ["srs.keys", SUSPENDED])
def test_so_is_what_a_crash_left_of_replacing_a_file(name: str) -> None:
    assert {name, f"{name}.new"} <= OURS


def test_so_are_the_locks_beside_them() -> None:
    assert {"srs.lock", SUSPENSION_LOCK} <= OURS
