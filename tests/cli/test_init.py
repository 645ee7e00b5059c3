"""`postroad init`."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path

import pytest

from command_line import CommandLine
from postroad.config import load

STATE = ("--state", "srv/state")  # as root it would be the system's
NAMES = ("--hostname", "mail.example.org", *STATE)


def test_a_server_with_a_generated_password(command_line: CommandLine, tmp_path: Path) -> None:
    ran = command_line("init", "srv", *NAMES, "--generate")
    assert ran.status == 0, ran.err
    assert re.search(r"password +[\w-]{20} \(shown only now\)", ran.out)
    assert "account        postmaster@example.org" in ran.lines
    configuration = load(tmp_path / "srv" / "postroad.toml")
    assert configuration.domains == ("example.org",)
    file = tmp_path / "srv" / "postroad.toml"  # where these tests are root, so is the server
    file.write_text(file.read_text().replace('# user = "postroad"', 'user = "root"'))
    assert command_line("--config", "srv/postroad.toml", "check").status == 0


def test_what_to_publish_and_to_do_next(command_line: CommandLine) -> None:
    ran = command_line("init", "srv", *NAMES, "--generate", "--address", "203.0.113.5")
    shown = {line.strip() for line in ran.lines}
    assert {
        "example.org. MX 10 mail.example.org.",
        "mail.example.org. A 203.0.113.5",
        "5.113.0.203.in-addr.arpa. PTR mail.example.org.",
        'example.org. TXT "v=spf1 mx -all"',
        "_submissions._tcp.example.org. SRV 0 1 465 mail.example.org.",
        "postroad --config srv/postroad.toml serve",
    } <= shown
    assert "stand for" not in ran.out


def test_made_up_addresses_are_called_so(command_line: CommandLine) -> None:
    ran = command_line("init", "srv", *NAMES, "--generate")
    assert "192.0.2.1 and 2001:db8::1 stand for your server's public addresses." in ran.out


@pytest.mark.parametrize("way", ["file", "stdin"])
def test_a_given_password(command_line: CommandLine, tmp_path: Path, way: str) -> None:
    (tmp_path / "secret").write_text("summersun\n")
    words = ["--password-file", "secret"] if way == "file" else ["--password-stdin"]
    ran = command_line(
        "init", "srv", *NAMES, "--account", "john@example.org", *words, typed="summersun\n"
    )
    assert ran.status == 0, ran.err
    assert "summersun" not in ran.out
    assert "account        john@example.org" in ran.lines


@pytest.mark.parametrize(
    ("state", "shown"),
    [("srv/state", "state"), ("srv/a/b", "a/b"), ("other", "{here}/other")],
)
def test_where_the_state_is(
    command_line: CommandLine, tmp_path: Path, state: str, shown: str
) -> None:
    words = ("--hostname", "mail.example.org", "--generate", "--state", state)
    ran = command_line("init", "srv", *words)
    assert ran.status == 0, ran.err
    assert f"state          {state}" in ran.lines
    written = tomllib.loads((tmp_path / "srv" / "postroad.toml").read_text())
    assert written["state_directory"] == shown.format(here=tmp_path)
    assert load(Path("srv/postroad.toml")).directory_file.parent == tmp_path / state


def test_a_state_directory_that_is_taken(command_line: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mail").touch()
    words = ("--hostname", "mail.example.org", "--generate", "--state")
    ran = command_line("init", "srv", *words, "full")
    assert ran.status == os.EX_CANTCREAT
    assert "full exists already and is not an empty directory" in ran.err
    ran = command_line("init", "srv", *words, "/var/lib")
    assert ran.status == os.EX_DATAERR
    assert "/var/lib is a directory of the system" in ran.err
    assert not (tmp_path / "srv").exists()


def test_without_the_servers_user_its_commands_are_shown(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("postroad.config.installation.USER", "no-such-user")
    shown = [line.strip() for line in command_line("init", "srv", *NAMES, "--generate").lines]
    commands = [
        "useradd --system --user-group --home-dir /var/lib/postroad no-such-user",
        "chgrp no-such-user srv srv/postroad.toml",
    ]
    assert (commands[0] in shown) is (commands[1] in shown) is (os.geteuid() == 0)


def test_nothing_is_overwritten(command_line: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "srv").mkdir()
    (tmp_path / "srv" / "postroad.toml").write_text("mine")
    ran = command_line("init", "srv", *NAMES, "--generate")
    assert ran.status == os.EX_CANTCREAT
    assert ran.err == "postroad: srv/postroad.toml exists already; nothing was changed\n"
    assert [path.name for path in (tmp_path / "srv").iterdir()] == ["postroad.toml"]


@pytest.fixture
def _plain_host_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "mail")


@pytest.mark.usefixtures("_plain_host_name")
@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        ([*STATE, "--generate"], os.EX_USAGE, "no terminal to ask at: use --hostname"),
        ([*NAMES], os.EX_USAGE, "no terminal to ask for a password"),
        ([*NAMES, "--generate", "--password-stdin"], os.EX_USAGE, "name one way only"),
        ([*NAMES, "--generate", "--address", "here"], os.EX_USAGE, "--address: expected an IP"),
        (
            ["--hostname", "mail", *STATE, "--generate"],
            os.EX_DATAERR,
            "expected a fully qualified host",
        ),
        ([*NAMES, "--account", "john", "--generate"], os.EX_DATAERR, '"john" is no address'),
        ([*NAMES, "--password-stdin"], os.EX_DATAERR, "the password is empty"),
        ([*NAMES, "--password-file", "none"], os.EX_IOERR, "none: no such file or directory"),
    ],
)
def test_refusals_write_nothing(
    command_line: CommandLine,
    tmp_path: Path,
    words: list[str],
    status: int,
    said: str,
) -> None:
    ran = command_line("init", "srv", *words)
    assert ran.status == status
    assert ran.err.startswith(f"postroad: {said}")
    assert ran.err.count("\n") == 1
    assert not (tmp_path / "srv" / "state").exists()
    assert not (tmp_path / "srv" / "postroad.toml").exists()
