"""`postroad spam explain`, without a server and without the DNS."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from command_line import CommandLine
from postroad.filters.builtin.bayes.learning import lesson_of
from postroad.filters.builtin.bayes.stores import Stores

JOHN = "john@example.org"
LETTER = """\
Return-Path: <ann@example.com>
X-Spam-Status: Yes, score=99
Received: from pc17 (unknown [192.0.2.7])
\tby mail.example.org (Postroad) with ESMTP id 4FooBar; Tue, 14 Nov 2023 22:13:20 +0000
From: Ann <ann@example.com>
To: john@example.org
Message-ID: <1@example.com>
Date: Tue, 14 Nov 2023 22:13:00 +0000
Subject: WIN THE CASINO

casino winner
"""


@pytest.fixture
def letter(server: Path) -> Path:
    """A stored message, which came to this server long ago."""
    file = server / "letter.eml"
    file.write_text(LETTER)
    return file


def test_each_rule_is_told_as_the_message_came(command_line: CommandLine, letter: Path) -> None:
    said = command_line("spam", "explain", "--no-dns", str(letter))
    assert said.out == (
        "  +0.8  HELO_NO_DOMAIN    it greets with a name without a domain: pc17\n"
        "  +0.6  SUBJECT_CAPITALS  its subject is all in capitals\n"
        "  +1.4  It would be let pass (junk from 5 on, refused from 15 on).\n"
        "Memory: too little is learned to say: the memory of this site (0 spam, 0 ham).\n"
        "The DNS was not asked: neither authentication nor lists count here.\n"
    )


def test_what_is_said_of_the_client_counts(command_line: CommandLine, letter: Path) -> None:
    client = ("--client", "192.0.2.66", "--name", "ppp-66.dialup.example", "--helo", "x.example")
    said = command_line("spam", "explain", "--no-dns", "--json", *client, str(letter)).json
    assert isinstance(said, dict)
    assert said["client"] == "ppp-66.dialup.example[192.0.2.66]"
    assert [each["name"] for each in said["rules"]] == ["CLIENT_NAME_DYNAMIC", "SUBJECT_CAPITALS"]
    assert (said["points"], said["junk"], said["reject"]) == (1.6, 5.0, 15.0)
    assert said["memory"]["probability"] is None


def test_whose_memory_and_thresholds_count(
    command_line: CommandLine, server: Path, letter: Path
) -> None:
    stores = Stores(server / "state" / "spam", pytest.fail)
    for is_spam, words in ((True, "casino winner prize"), (False, "lunch agenda noon")):
        numbered = (f"Message-ID: <{n}>\n\n{words}\n".encode() for n in range(200))
        stores.learn([lesson_of(each, is_spam=is_spam) for each in numbered], JOHN)
    command_line("spam", "threshold", JOHN, "--junk", "3", "--reject", "4")
    said = command_line("spam", "explain", "--no-dns", "--user", JOHN, "--json", str(letter)).json
    assert isinstance(said, dict)
    assert said["memory"]["whose"] == JOHN
    assert said["memory"]["probability"] > 0.9
    assert {"casino"} <= {each["token"] for each in said["memory"]["clues"]}
    assert (said["junk"], said["reject"]) == (3.0, 4.0)
    told = command_line("spam", "explain", "--no-dns", "--user", JOHN, str(letter))
    assert "It would be refused (junk from 3 on, refused from 4 on)." in told.out


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("nowhere.eml",), os.EX_NOINPUT, "nowhere.eml: cannot be read: no such file"),
        (("--client", "here", "x"), os.EX_USAGE, "--client: expected an IP address, not here"),
        (("--user", "john", "x"), os.EX_USAGE, "is no account's name"),
        (
            ("--filter", "rspamd", "/dev/null"),
            os.EX_CONFIG,
            "there is no filter rspamd of the kind",
        ),
    ],
)
@pytest.mark.usefixtures("server")
def test_what_cannot_be_told(
    command_line: CommandLine, arguments: tuple[str, ...], status: int, words: str
) -> None:
    said = command_line("spam", "explain", "--no-dns", *arguments)
    assert said.status == status
    assert words in said.err


@pytest.mark.parametrize("octets", [b"", b"\n", b"\0\xff" * 1000, b"From \n\n", b"x" * 100_000])
def test_whatever_is_in_a_file(
    command_line: CommandLine, server: Path, tmp_path: Path, octets: bytes
) -> None:
    file = tmp_path / "odd.eml"
    file.write_bytes(octets)
    said = command_line("spam", "explain", "--no-dns", str(file))
    assert said.status == 0
    assert "MESSAGE_ID_MISSING" in said.out
