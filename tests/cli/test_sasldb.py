"""`postroad import-sasldb`."""

from __future__ import annotations

import base64
import gzip
from pathlib import Path

import pytest

from command_line import CommandLine
from postroad.config import load
from postroad.directory import EmbeddedDirectory
from postroad.sasl import SecretKind

pytestmark = pytest.mark.usefixtures("server")

FILE = """
H4sIAAAAAAACA+3ZvWoCQRSG4W+MSCzCWmgppE4RvAkbq1yBMJpBkeyuzLiJF2Euys7WziJVLsNCsusi+EMaQWzeB85w
OAzTf3MkyahkWzXVi6aR12M5q+jSttuRdlKzP1+8tMuZOXqn8JDX+nvcP58DAAAAAID7OM/oVS0jPf1GP9EqyjsAAAAA
AHD38B7c0LuZGaQDfcbKgvNvNoSv1L+bqX0OwfRs4uTmNp5+uNfUj07uHPL/8Z6/os0+/+fn1fv/Avt/AAAAAABu/S2Q
xbHzIUvMJB0n/+b/P5BdTDUAMAAA
"""
"""Jane and john at example.org, and bob at `vm`."""


@pytest.fixture
def sasldb(tmp_path: Path) -> str:
    path = tmp_path / "sasldb2"
    path.write_bytes(gzip.decompress(base64.b64decode(FILE)))
    return str(path)


def names(command_line: CommandLine) -> list[str]:
    return [each["name"] for each in command_line("user", "list", "--json").json]


async def test_accounts_are_added_with_hashes(command_line: CommandLine, sasldb: str) -> None:
    ran = command_line("import-sasldb", sasldb, "--domain", "example.org")
    assert ran.status == 0
    assert ran.lines == [
        "ACCOUNT           IS",
        "jane@example.org  added",
        "john@example.org  kept as it is",
        "bob@example.org   added",
    ]
    configuration = load(Path("postroad.toml"))
    directory = EmbeddedDirectory.open(
        configuration.directory_file,
        domains=configuration.domains,
        settings=configuration.directory,
        clock=lambda: 0.0,
    )
    try:
        assert await directory.authenticate("bob@example.org", "secret") == "bob@example.org"
        assert await directory.authenticate("jane@example.org", "secret") is None
        assert await directory.secret("bob@example.org", SecretKind.SCRAM_SHA_256) is not None
    finally:
        directory.close()
    assert b"pa ss" not in configuration.directory_file.read_bytes()


def test_one_that_cannot_be_taken_stops_all(command_line: CommandLine, sasldb: str) -> None:
    ran = command_line("import-sasldb", sasldb)
    assert ran.status == 65
    assert ran.err.splitlines() == [
        "postroad: bob@vm: vm is no domain of this server; see --domain",
        "postroad: nothing was added",
    ]
    assert names(command_line) == ["john@example.org"]


def test_only_one_realm(command_line: CommandLine, sasldb: str) -> None:
    ran = command_line("import-sasldb", sasldb, "--realm", "example.org", "--json")
    assert ran.json == [
        {"name": "jane@example.org", "added": True},
        {"name": "john@example.org", "added": False},
    ]


def test_a_dry_run_changes_nothing(command_line: CommandLine, sasldb: str) -> None:
    ran = command_line("import-sasldb", sasldb, "--realm", "example.org", "--dry-run")
    assert ran.lines[:2] == ["ACCOUNT           WOULD BE", "jane@example.org  added"]
    assert names(command_line) == ["john@example.org"]


def test_a_file_that_is_none(command_line: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"x" * 100)
    ran = command_line("import-sasldb", str(tmp_path / "x"))
    assert ran.status == 65
    assert ran.err == f"postroad: {tmp_path}/x: it is no hash file of Berkeley DB\n"
    assert command_line("import-sasldb", "/no/such/file").status == 74
