"""`postroad greylist` and `postroad verified`: on the files that the workers use."""

from __future__ import annotations

import os
import time
from contextlib import closing
from pathlib import Path

import pytest

from command_line import CommandLine
from postroad.delivery.verified import VERIFIED
from postroad.limits import greylist_file
from postroad.limits.greylist_file import GREYLIST, Met, Stranger, Triplet
from postroad.limits.state_file import open_file

pytestmark = pytest.mark.usefixtures("server")

STRANGERS = Path("state/greylist.db")
ADDRESSES = Path("state/verified.db")
WHEN = 1_800_000_000.0
SHOWN = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(WHEN))


@pytest.fixture
def strangers(server: Path) -> None:
    with closing(open_file(server / STRANGERS, GREYLIST)) as connection:
        for client, passed in (("192.0.2.7", True), ("198.51.100.1", False)):
            triplet = Triplet.of(client, "", "john@example.org")
            greylist_file.put_stranger(connection, triplet, Stranger(WHEN, WHEN, passed))
        greylist_file.put_pass(connection, "192.0.2.0/24", Met(3, WHEN, WHEN))
        greylist_file.put_known_sender(connection, "bob@example.net", WHEN)


@pytest.fixture
def addresses(server: Path) -> None:
    rows = [
        ("bob@example.net", "deliverable", "host mx said: 250 2.1.5 Ok", WHEN, 0.0),
        ("eve@example.net", "", "", WHEN + 1, WHEN + 150),
    ]
    with closing(open_file(server / ADDRESSES, VERIFIED)) as connection:
        connection.executemany("INSERT INTO addresses VALUES (?, ?, ?, ?, ?)", rows)


@pytest.mark.parametrize("what", ["greylist", "verified"])
def test_nothing_is_remembered_and_no_file_is_made(command_line: CommandLine, what: str) -> None:
    assert command_line(what, "list").out == ""
    assert command_line(what, "list", "--json").json == []
    assert command_line(what, "forget", "--all").out == "forgot 0 entries\n"
    assert not STRANGERS.exists()
    assert not ADDRESSES.exists()


@pytest.mark.usefixtures("strangers")
def test_strangers_are_listed(command_line: CommandLine) -> None:
    lines = [line.split() for line in command_line("greylist", "list").lines]
    moment = SHOWN.split()
    assert lines == [
        ["KIND", "NETWORK", "SENDER", "RECIPIENT", "FIRST", "LAST"],
        ["waiting", "198.51.100.0/24", "<>", "john@example.org", *moment, *moment],
        ["passed", "192.0.2.0/24", "<>", "john@example.org", *moment, *moment],
        ["client", "192.0.2.0/24", "3", "passes", "-", "-", *moment],
        ["sender", "-", "bob@example.net", "-", "-", *moment],
    ]
    first, *_, client, sender = command_line("greylist", "list", "--json").json
    assert first == {
        "kind": "waiting",
        "network": "198.51.100.0/24",
        "sender": "",
        "recipient": "john@example.org",
        "first": WHEN,
        "last": WHEN,
        "passes": None,
    }
    assert (client["passes"], client["sender"], client["first"]) == (3, None, None)
    assert (sender["network"], sender["sender"]) == (None, "bob@example.net")


@pytest.mark.usefixtures("strangers")
def test_strangers_are_forgotten(command_line: CommandLine) -> None:
    assert command_line("greylist", "forget", "192.0.2.99").out == "forgot 2 entries\n"
    assert command_line("greylist", "forget", "Bob@Example.net").out == "forgot 1 entry\n"
    ran = command_line("greylist", "forget", "bob@example.net")
    assert ran.status == os.EX_DATAERR
    assert ran.err == "postroad: nothing is known of bob@example.net\n"
    assert [row["kind"] for row in command_line("greylist", "list", "--json").json] == ["waiting"]
    assert command_line("greylist", "forget", "--all").out == "forgot 1 entry\n"


@pytest.mark.usefixtures("addresses")
def test_addresses_are_listed_and_forgotten(command_line: CommandLine) -> None:
    header, bob, eve = (line.split(maxsplit=4) for line in command_line("verified", "list").lines)
    assert header == ["ADDRESS", "STATUS", "SINCE", "WHY"]
    why = "host mx said: 250 2.1.5 Ok"
    assert bob == ["bob@example.net", "deliverable", *SHOWN.split(), why]
    assert eve[:2] == ["eve@example.net", "probing"]
    assert command_line("verified", "list", "--json").json[0] == {
        "address": "bob@example.net",
        "status": "deliverable",
        "why": why,
        "updated": WHEN,
    }
    assert command_line("verified", "forget", "BOB@Example.NET.").out == "forgot 1 entry\n"
    assert command_line("verified", "forget", "bob@example.net").status == os.EX_DATAERR
    assert command_line("verified", "forget", "@Example.net").out == "forgot 1 entry\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("greylist", "forget"), "say what to forget, or --all"),
        (("greylist", "forget", "192.0.2.7", "--all"), "say what to forget, or --all"),
        (("verified", "forget"), "say what to forget, or --all"),
        (("verified", "forget", "bob"), 'expected an address or "@" and a domain, not "bob"'),
    ],
)
def test_words_that_make_no_command(
    command_line: CommandLine, words: tuple[str, ...], said: str
) -> None:
    ran = command_line(*words)
    assert (ran.status, ran.err) == (os.EX_USAGE, f"postroad: {said}\n")


def test_a_file_that_is_none(command_line: CommandLine) -> None:
    STRANGERS.write_bytes(b"no database at all" * 100)
    ran = command_line("greylist", "list")
    assert ran.status == os.EX_UNAVAILABLE
    assert ran.err.endswith("greylist.db: file is not a database\n")
