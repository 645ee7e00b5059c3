"""`postroad check`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from command_line import CommandLine

USER = [["ok", "user"]] if os.geteuid() else []
"""What is said of the server's user, who is root where these tests are."""


@pytest.fixture(autouse=True)
def _stays_who_it_is(server: Path) -> None:
    """The tests may run as root, and what becomes of root is tested apart."""
    file = server / "postroad.toml"
    file.write_text(file.read_text().replace('# user = "postroad"', 'user = "root"'))


def test_a_user_that_is_not_there(command_line: CommandLine, server: Path) -> None:
    file = server / "postroad.toml"
    file.write_text(file.read_text().replace('user = "root"', 'user = "no-such-user"'))
    said = command_line("check", "--json").json["findings"]
    found = [each for each in said if each["subject"] == "user"]
    if os.geteuid() == 0:
        assert [each["verdict"] for each in found] == ["warning"]
        assert "no-such-user" in found[0]["message"]
    else:
        assert [each["verdict"] for each in found] == ["ok"]


def test_a_new_server_is_right(command_line: CommandLine, server: Path) -> None:
    ran = command_line("check")
    assert ran.status == 0
    assert [line.split(":")[0].split() for line in ran.lines] == [
        ["ok", "configuration"],
        ["ok", "permissions"],
        *USER,
        ["ok", "certificate"],
        ["ok", "relay"],
    ]


def test_as_json(command_line: CommandLine, server: Path) -> None:
    (server / "state").chmod(0o755)
    said = command_line("check", "--json").json
    assert said["mistakes"] == []
    assert [(each["subject"], each["verdict"]) for each in said["findings"]] == [
        ("configuration", "ok"),
        ("permissions", "warning"),
        *((subject, verdict) for verdict, subject in USER),
        ("certificate", "ok"),
        ("relay", "ok"),
    ]


def test_every_mistake_at_once(command_line: CommandLine, server: Path) -> None:
    file = server / "postroad.toml"
    lines = [*file.read_text().splitlines(), "[rely]", "[queue]", 'lifetime = "x"']
    file.write_text("\n".join(lines).replace("[queue]\n# ", "# ", 1))
    ran = command_line("check")
    assert ran.status == os.EX_CONFIG
    last = len(lines) - 1
    assert ran.lines == [
        f"postroad.toml:{last - 2}: [rely]: unknown key; did you mean relay?",
        (
            f"postroad.toml:{last}: [queue] lifetime: a duration is a number of seconds or text "
            'such as "5d" or "1h30m"'
        ),
    ]
    [first, second] = command_line("check", "--json").json["mistakes"]
    assert first == {
        "file": "postroad.toml",
        "line": last - 2,
        "key": "[rely]",
        "message": "unknown key",
        "suggestion": "relay",
    }
    assert second["line"] == last


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ('[listeners.mx.policy]\nrelay = ["permit"]', "[listeners.mx.policy] relay"),
        (
            '[relay]\ntrusted_networks = ["0.0.0.0/1", "128.0.0.0/1"]',
            "[relay] trusted_networks",
        ),
    ],
)
def test_an_open_relay_is_a_mistake(
    command_line: CommandLine, server: Path, table: str, key: str
) -> None:
    file = server / "postroad.toml"
    header = table.splitlines()[0]
    file.write_text(file.read_text().replace(f"\n{header}\n", "\n") + table + "\n")
    ran = command_line("check")
    assert ran.status == os.EX_CONFIG
    [line] = ran.lines
    assert f": {key}: an open relay: anybody" in line


def test_a_missing_certificate(command_line: CommandLine, server: Path) -> None:
    (server / "state" / "tls" / "certificate.pem").unlink()
    ran = command_line("check")
    assert ran.status == os.EX_CONFIG
    assert "[tls] certificate: is required" in ran.out
    assert command_line("user", "list").status == 0, "accounts can be changed all the same"
