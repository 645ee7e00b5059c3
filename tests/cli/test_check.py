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
        assert [each["verdict"] for each in found] == ["error"]  # `serve` stops at it
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


# The policy that is in force --------------------------------------------------------------------


def _with_listeners(server: Path, more: str) -> None:
    file = server / "postroad.toml"
    text = file.read_text()
    file.write_text(f"{text[: text.index('[listeners.mx]')]}\n{more}\n")


def test_the_presets_are_shown(command_line: CommandLine, server: Path) -> None:
    ran = command_line("check", "--show-policy")
    assert ran.status == 0
    at = ran.lines.index("Listener mx (:25): preset mx, mail from the world")
    assert ran.lines[at + 1 : at + 5] == [
        "  TLS by STARTTLS; nobody logs in",
        "  sender (the preset): about the sender",
        "    reject_authenticated_sender_login_mismatch",
        "        refuses who has logged in and sends as an address that is not the user's",
    ]
    assert "Listener submissions (:465): preset submissions, mail from users, TLS from the" in (
        ran.out
    )
    assert "  1,000 recipients of a message" in ran.lines
    assert "  2,000 messages per user in 1 hour" in ran.lines
    assert "Proved of the relay lists" in ran.lines
    assert "mx: whoever has not logged in and is not in trusted_networks (127.0.0.0/8" in ran.out


def test_the_operators_lists_are_shown_as_such(command_line: CommandLine, server: Path) -> None:
    more = """
[listeners.mx.policy]
delay_reject = false
client = []
helo = ["warn_if_reject reject_invalid_helo_hostname, careful"]
relay = ["permit_mynetworks"]
[listeners.submission]
[listeners.lmtp]
[policy.classes]
careful = ["reject_non_fqdn_helo_hostname"]
[rates.news]
count = "messages"
per = "sender"
limit = 20
window = "2d"
listeners = ["mx"]
"""
    _with_listeners(server, more)
    ran = command_line("check", "--show-policy")
    assert "  client (yours): empty, nothing is asked" in ran.lines
    assert "  client, helo and sender are asked at their own commands" in ran.out
    assert "    warn_if_reject reject_invalid_helo_hostname" in ran.lines
    assert "        refuses a name in HELO that is none; only the log is told" in ran.out
    assert "        reject_non_fqdn_helo_hostname" in ran.lines  # within its class
    assert "    end of the list" in ran.lines
    assert "  limits besides those of all" in ran.lines
    assert "    20 messages per sender in 2 days ([rates.news])" in ran.lines
    assert "  lmtp: nobody reaches a domain but ours, not even who is trusted" in ran.lines


def test_the_policy_as_json(command_line: CommandLine, server: Path) -> None:
    assert "policy" not in command_line("check", "--json").json
    _with_listeners(server, '[listeners.mx.policy]\nrelay = ["reject_unauth_destination"]')
    shown = command_line("check", "--show-policy", "--json").json["policy"]
    (listener,) = shown["listeners"]
    assert listener["lists"]["relay"] == {
        "origin": "configuration",
        "restrictions": [
            {
                "restriction": "reject_unauth_destination",
                "meaning": "refuses recipients in domains that are not ours",
                "restrictions": [],
            }
        ],
    }
    assert listener["lists"]["sender"]["origin"] == "preset"
    assert shown["limits"]["recipients"] == 1000
    assert "50" not in listener["rates"]
    assert any("messages per user" in words for words in listener["rates"])
