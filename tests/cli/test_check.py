"""`postroad check`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from command_line import CommandLine


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
        assert found == []


def test_a_new_server_is_right(command_line: CommandLine, server: Path) -> None:
    ran = command_line("check")
    assert ran.status == 0
    assert [line.split(":")[0].split() for line in ran.lines] == [
        ["ok", "configuration"],
        ["ok", "permissions"],
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


def test_an_open_relay_is_an_error(command_line: CommandLine, server: Path) -> None:
    file = server / "postroad.toml"
    file.write_text(file.read_text() + '[listeners.mx.policy]\nrelay = ["permit"]\n')
    ran = command_line("check")
    assert ran.status == os.EX_CONFIG
    [line] = [line for line in ran.lines if "relay:" in line]
    assert line.startswith("error    relay: listener mx: anybody")


def test_a_missing_certificate(command_line: CommandLine, server: Path) -> None:
    (server / "state" / "tls" / "certificate.pem").unlink()
    ran = command_line("check")
    assert ran.status == os.EX_CONFIG
    assert "[tls] certificate: is required" in ran.out
    assert command_line("user", "list").status == 0, "accounts can be changed all the same"
