"""`postroad quota`: what lies in mailboxes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from command_line import CommandLine
from postroad.mailbox.maildir import store
from stored_messages import Octets

MAILDIR = Path("state/mail/example.org/john/Maildir")


@pytest.fixture(autouse=True)
def mail(server: Path) -> None:
    config = server / "postroad.toml"
    text = config.read_text().replace("[mailbox]", '[mailbox]\nquota = "10k"', 1)
    config.write_text(text)
    for number in range(3):
        name = f"1.Q{number}R1.mail"
        store(server / MAILDIR, name, b"X: y\n", Octets(b"x" * 1000), 0.0)


def test_list(command_line: CommandLine) -> None:
    ran = command_line("quota", "list")
    assert ran.lines[1].split() == [
        *("john@example.org", "2.9", "KiB", "10.0", "KiB", "3", "29%"),
    ]
    [found] = command_line("quota", "list", "john@example.org", "--json").json
    assert found == {
        "account": "john@example.org",
        "fault": None,
        "octets": 3015,
        "messages": 3,
        "quota_octets": 10240,
        "quota_messages": None,
        "percent": 29,
    }
    assert not (MAILDIR / "maildirsize").exists()


def test_recalculate(command_line: CommandLine) -> None:
    (MAILDIR / "maildirsize").write_text("10240S\n1 1\n")
    assert command_line("quota", "list", "--json").json[0]["octets"] == 1
    assert command_line("quota", "recalculate", "--all", "--json").json[0]["octets"] == 3015
    assert (MAILDIR / "maildirsize").read_text() == "10240S\n3015 3\n"
    about = MAILDIR.stat()
    assert (MAILDIR / "maildirsize").stat().st_uid == about.st_uid


def test_what_cannot_be_said(command_line: CommandLine) -> None:
    ran = command_line("quota", "list", "eve@example.org")
    assert ran.status == os.EX_UNAVAILABLE
    assert "there is no such account" in ran.out
    assert command_line("quota", "recalculate").status == os.EX_USAGE


def test_of_one_account(command_line: CommandLine) -> None:
    ran = command_line("user", "quota", "john@example.org")
    assert ran.out == "john@example.org: 2.9 KiB of 10.0 KiB, 3 messages, 29%\n"
    command_line("user", "quota", "john@example.org", "--size", "none", "--messages", "6")
    ran = command_line("user", "quota", "john@example.org")
    assert ran.out == "john@example.org: 2.9 KiB, 3 of 6 messages, 50%\n"
