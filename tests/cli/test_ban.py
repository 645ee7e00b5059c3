"""`postroad ban`: on the file that a running server looks at."""

from __future__ import annotations

import os
import time
from contextlib import closing
from pathlib import Path

import pytest

from command_line import CommandLine
from postroad.limits.bans import Author, Ban, BanFile, Bans
from postroad.limits.database import open_bans

pytestmark = pytest.mark.usefixtures("server")

FILE = Path("state/bans.db")


def put(*bans: Ban) -> None:
    with closing(open_bans(FILE)) as connection:
        for ban in bans:
            BanFile(connection).put(ban, 604_800)


def test_bans_come_and_go(command_line: CommandLine) -> None:
    assert command_line("ban", "list").out == ""
    assert command_line("ban", "list", "--json").json == []

    ran = command_line("ban", "add", "192.0.2.0/24", "--reason", "guesses\npasswords")
    assert (ran.status, ran.out) == (0, "banned 192.0.2.0/24 for ever\n")
    before = int(time.time())
    ran = command_line("ban", "add", "John@Example.org", "--for", "1h30m")
    assert (ran.status, ran.out[:30]) == (0, "banned john@example.org until ")

    first, second = command_line("ban", "list", "--json").json
    assert before <= second["since"] <= time.time()
    assert second["until"] - second["since"] == 5400
    assert first | {"since": 0} == {
        "subject": "192.0.2.0/24",
        "reason": "guesses passwords",
        "by": "operator",
        "since": 0,
        "until": None,
    }
    header, network, user = command_line("ban", "list").lines
    assert header.split() == ["BANNED", "SINCE", "UNTIL", "BY", "REASON"]
    assert network.startswith("192.0.2.0/24 ")
    assert network.endswith("for ever             operator  guesses passwords")
    assert user.startswith("john@example.org ")

    ran = command_line("ban", "remove", "192.0.2.0/24")
    assert (ran.status, ran.out) == (0, "192.0.2.0/24 is no longer banned\n")
    ran = command_line("ban", "remove", "192.0.2.0/24")
    assert (ran.status, ran.err) == (os.EX_DATAERR, "postroad: 192.0.2.0/24 is not banned\n")
    assert [each["subject"] for each in command_line("ban", "list", "--json").json] == [
        "john@example.org"
    ]


def test_a_running_worker_sees_it_at_once(command_line: CommandLine) -> None:
    with closing(open_bans(FILE, patience=0)) as connection:
        worker = Bans(FILE, connection, lambda change: None)
        assert worker.of_address("192.0.2.7", time.time()) is None
        command_line("ban", "add", "192.0.2.7", "--for", "1h")
        assert worker.of_address("192.0.2.7", time.time()) is not None
        command_line("ban", "remove", "192.0.2.7")
        assert worker.of_address("192.0.2.7", time.time()) is None
    worker.close()


def test_a_ban_is_changed_by_adding_it_again(command_line: CommandLine) -> None:
    now = time.time()
    put(Ban("192.0.2.7", "10 failed logins", Author.AUTOMATIC, now, now + 60, 2))
    command_line("ban", "add", "192.0.2.7", "--reason", "enough")
    (ban,) = command_line("ban", "list", "--json").json
    assert (ban["by"], ban["until"], ban["reason"]) == ("operator", None, "enough")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["add", "192.0.2.7/24"], "192.0.2.7/24 has host bits set"),
        (
            ["add", "192.0.2.300"],
            "'192.0.2.300' does not appear to be an IPv4 or IPv6 network",
        ),
        (["remove", "::x"], "'::x' does not appear to be an IPv4 or IPv6 network"),
        (
            ["add", "192.0.2.7", "--for", "a while"],
            'a duration is a number of seconds or text such as "5d" or "1h30m"',
        ),
        (["export"], "say for what: --nftables"),
        (
            ["export", "--nftables", "--table", "x y; flush ruleset"],
            'expected a family and a name such as "inet filter", not "x y; flush ruleset"',
        ),
        (
            ["export", "--nftables", "--set", "a b"],
            'expected a name such as "postroad_bans", not "a b"',
        ),
    ],
)
def test_mistakes(command_line: CommandLine, words: list[str], message: str) -> None:
    ran = command_line("ban", *words)
    assert (ran.status, ran.out, ran.err) == (os.EX_USAGE, "", f"postroad: {message}\n")


def test_export(command_line: CommandLine) -> None:
    now = time.time()
    put(
        Ban("192.0.2.7", "10 failed logins", Author.AUTOMATIC, now, now + 3600.0),
        Ban("john@example.org", "", Author.OPERATOR, now, None, 0),
    )
    command_line("ban", "add", "2001:db8::/64")
    ran = command_line("ban", "export", "--nftables")
    assert ran.status == 0
    assert ran.lines[0] == "table inet filter {"
    assert ran.lines[-1] == "add element inet filter postroad_bans6 { 2001:db8::/64 }".replace(
        "2001:db8::/64", "2001:db8::-2001:db8::ffff:ffff:ffff:ffff"
    )
    assert ran.lines[-2].startswith("add element inet filter postroad_bans4 { 192.0.2.7 timeout 3")

    own = command_line("ban", "export", "--nftables", "--table", "inet mail", "--set", "shut")
    assert "flush set inet mail shut6" in own.lines


def test_a_file_that_is_no_database(command_line: CommandLine) -> None:
    FILE.write_text("something else, and quite long " * 50)
    ran = command_line("ban", "list")
    assert ran.status == os.EX_UNAVAILABLE
    assert "bans.db: file is not a database" in ran.err


@pytest.mark.parametrize("forever", ["999999999999w", "9" * 400 + "w", "11y", "3651d"])
def test_a_ban_that_no_calendar_holds_is_not_written(
    command_line: CommandLine, forever: str
) -> None:
    ran = command_line("ban", "add", "192.0.2.7", "--for", forever)
    assert ran.status == os.EX_USAGE
    assert ran.err.startswith("postroad: a duration is ")
    assert ran.err.count("\n") == 1
    assert command_line("ban", "list", "--json").json == []


def test_rows_of_absurd_times_are_listed_and_exported(command_line: CommandLine) -> None:
    put(
        Ban("192.0.2.8", "", Author.AUTOMATIC, 1e300, float("inf"), 10**15),
        Ban("192.0.2.7", "", Author.OPERATOR, -1e300, 6e17, 0),
        Ban("192.0.2.9", "", Author.OPERATOR, 0.0, time.time() + 1e11, 0),
    )
    ran = command_line("ban", "list")
    assert (ran.status, ran.out.count("for ever")) == (0, 2)
    assert len(command_line("ban", "list", "--json").json) == 3
    ran = command_line("ban", "export", "--nftables")
    assert [line.partition("{ ")[2] for line in ran.lines[-2:]] == [
        "192.0.2.7-192.0.2.8 }",
        "192.0.2.9 timeout 3650d0s }",
    ]


def test_an_address_of_ipv4_within_ipv6_is_one_of_ipv4(command_line: CommandLine) -> None:
    assert command_line("ban", "add", "::ffff:192.0.2.7").out == "banned 192.0.2.7 for ever\n"
    assert command_line("ban", "add", "::FFFF:C000:0200/120").out.startswith("banned 192.0.2.0/24 ")
    assert command_line("ban", "remove", "::ffff:192.0.2.7").status == 0


@pytest.mark.parametrize(
    ("subject", "objection"),
    [
        ("0.0.0.0/0", "0.0.0.0/0 is a very large part of the network"),
        ("128.0.0.0/7", "128.0.0.0/7 is a very large part of the network"),
        ("::/0", "::/0 is a very large part of the network"),
        ("::ffff:0:0/96", "0.0.0.0/0 is a very large part of the network"),
        ("127.0.0.1", "127.0.0.1 shares addresses with 127.0.0.0/8, which is in [relay]"),
        ("::1", "::1 shares addresses with ::1/128, which is in [relay]"),
    ],
)
def test_who_shuts_itself_out_is_asked_first(
    command_line: CommandLine, subject: str, objection: str
) -> None:
    ran = command_line("ban", "add", subject)
    assert (ran.status, ran.out) == (os.EX_USAGE, "")
    assert ran.err.startswith(f"postroad: {objection}")
    assert "with --force" in ran.err
    assert command_line("ban", "list", "--json").json == []
    assert command_line("ban", "add", subject, "--force").status == 0
    assert len(command_line("ban", "list", "--json").json) == 1
