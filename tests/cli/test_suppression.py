"""`postroad suppression`: on the file that the workers use."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import pytest

from command_line import CommandLine
from postroad.delivery.suppression_file import SUPPRESSION, put_refusal
from postroad.delivery.suppression_settings import SuppressionSettings
from postroad.limits.state_file import open_file

pytestmark = pytest.mark.usefixtures("server")

FILE = Path("state/suppression.db")
WHEN = 1_800_000_000.0


@pytest.fixture
def refusals(server: Path) -> None:
    settings = SuppressionSettings(bounces=2, duration=0.0)
    with closing(open_file(server / FILE, SUPPRESSION)) as connection:
        for address, times in (("bob@example.net", 2), ("eve@example.net", 1)):
            for _ in range(times):
                reply = "550 5.1.1 no \x1b[2J such user"
                put_refusal(connection, address, "", reply, settings=settings, now=WHEN)


def test_nothing_is_remembered_and_no_file_is_made(command_line: CommandLine) -> None:
    assert command_line("suppression", "list").out == ""
    assert command_line("suppression", "list", "--json").json == []
    assert command_line("suppression", "export").out == ""
    assert not FILE.exists()


@pytest.mark.usefixtures("refusals")
def test_listed(command_line: CommandLine) -> None:
    header, line = command_line("suppression", "list").lines
    assert header.split() == ["ADDRESS", "SENDERS", "SINCE", "UNTIL", "WHY", "WORDS"]
    assert line.startswith("bob@example.net  -")
    assert line.endswith("refused  550 5.1.1 no ?[2J such user")
    assert len(command_line("suppression", "list", "--all").lines) == 3
    (row,) = command_line("suppression", "list", "--json").json
    assert row == {
        "address": "bob@example.net",
        "sender_domain": None,
        "by_hand": False,
        "suppressed": True,
        "reply": "550 5.1.1 no \x1b[2J such user",
        "refusals": 2,
        "last": WHEN,
        "since": WHEN,
        "until": None,
    }


def test_by_hand(command_line: CommandLine) -> None:
    done = command_line("suppression", "add", "Bob@Example.NET", "--reason", "he asked for it")
    assert done.out == "suppressed 1 address\n"
    assert "enabled is false" in done.err
    command_line("suppression", "add", "eve@x.test", "--sender-domain", "Example.org")
    rows = command_line("suppression", "list", "--json").json
    assert [(row["address"], row["sender_domain"], row["reply"]) for row in rows] == [
        ("bob@example.net", None, "he asked for it"),
        ("eve@x.test", "example.org", None),
    ]
    assert all(row["by_hand"] and row["until"] is None for row in rows)


@pytest.mark.usefixtures("refusals")
def test_export_is_input_for_add(command_line: CommandLine) -> None:
    command_line("suppression", "add", "carol@x.test")
    exported = command_line("suppression", "export").out
    assert exported == "bob@example.net\ncarol@x.test\n"
    command_line("suppression", "clear", "--all")
    command_line("suppression", "add", "-", typed=exported)
    assert command_line("suppression", "export").out == exported
    rows = command_line("suppression", "export", "--json").json
    assert [row["address"] for row in rows] == exported.split()


@pytest.mark.usefixtures("refusals")
def test_removed(command_line: CommandLine) -> None:
    done = command_line("suppression", "remove", "BOB@example.net", "nobody@x.test")
    assert done.status == os.EX_DATAERR
    assert done.out == "removed 1 address\n"
    assert done.err == "postroad: not on the list: nobody@x.test\n"
    assert command_line("suppression", "remove", "@example.net").out == "removed 1 address\n"
    assert command_line("suppression", "list", "--all").out == ""


@pytest.mark.usefixtures("refusals")
def test_cleared(command_line: CommandLine) -> None:
    command_line("suppression", "add", "carol@x.test")
    assert command_line("suppression", "clear").out == "removed 2 addresses\n"
    assert command_line("suppression", "export").out == "carol@x.test\n"
    assert command_line("suppression", "clear", "--all").out == "removed 1 address\n"


@pytest.mark.parametrize(
    ("words", "mistake"),
    [
        (("add", "bob"), "bob: an address needs an @"),
        (("add", "@example.net"), "neither a dot-string nor a quoted string"),
        (("remove", "a b@x.test"), "neither a dot-string nor a quoted string"),
        (("add", "bob@x.test", "--reason", "two\nlines"), "one line"),
        (("add", "bob@x.test", "--sender-domain", "-"), "is no domain"),
    ],
)
def test_mistakes(command_line: CommandLine, words: tuple[str, ...], mistake: str) -> None:
    done = command_line("suppression", *words)
    assert done.status == os.EX_USAGE
    assert mistake in done.err
    assert not FILE.exists()


@pytest.mark.usefixtures("refusals")
@pytest.mark.parametrize(
    "words", [("list",), ("export",), ("add", "a@b.example"), ("remove", "a@b.example"), ("clear",)]
)
def test_a_damaged_file_is_one_line(
    command_line: CommandLine, server: Path, words: tuple[str, ...]
) -> None:
    with closing(open_file(server / FILE, SUPPRESSION)) as connection:
        connection.execute("DROP TABLE addresses")
    ran = command_line("suppression", *words)
    assert ran.status == os.EX_UNAVAILABLE
    assert ran.err == f"postroad: {server / FILE}: no such table: addresses\n"
