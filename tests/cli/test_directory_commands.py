"""`postroad group` and `directory`, and what `user`, `domain` and `alias` say of them besides."""

from __future__ import annotations

from pathlib import Path

import pytest

from command_line import CommandLine

pytestmark = pytest.mark.usefixtures("server")


def test_what_is_said_of_an_account_besides(command_line: CommandLine) -> None:
    john = "john@example.org"
    command_line("user", "add", "lisa@example.org", "--generate")
    ran = command_line("user", "quota", john, "--size", "2G", "--messages", "10000")
    assert ran.out == "john@example.org: 2G, 10000 messages\n"
    ran = command_line("user", "quota", john, "--size", "none")
    assert ran.out == "john@example.org: any size, 10000 messages\n"
    ran = command_line("user", "forward", john, "lisa@example.org", "--keep")
    assert ran.out == "mail for john@example.org goes to john@example.org, lisa@example.org\n"
    ran = command_line("user", "send-as", john, "boss@example.com", "@example.net")
    assert ran.out == "john@example.org may send as @example.net, boss@example.com\n"
    assert command_line("user", "list", "--json").json[0] == {
        "name": john,
        "directory": "embedded",
        "enabled": True,
        "frozen": None,
        "quota_bytes": 0,
        "quota_messages": 10_000,
        "forward": [john, "lisa@example.org"],
        "send_as": ["@example.net", "boss@example.com"],
    }
    assert command_line("user", "list").lines[0].split() == [
        *("ACCOUNT", "LOGIN", "QUOTA", "FORWARD", "SEND", "AS"),
    ]
    shown = command_line("user", "show", john).lines
    assert "quota:         any size, 10000 messages" in shown
    assert "forward:       john@example.org, lisa@example.org" in shown
    ran = command_line("user", "quota", john, "--default")
    assert ran.out == "john@example.org: as the configuration says\n"
    assert command_line("user", "forward", john, "--off").out == f"{john} keeps its mail\n"
    words = ("user", "send-as", john, "boss@example.com", "@example.net", "--remove")
    assert command_line(*words).out == f"{john} may send as itself only\n"


def test_groups(command_line: CommandLine) -> None:
    words = ("Staff@example.org", "john@example.org", "--owner", "john@example.org")
    assert command_line("group", "add", *words).out == "added staff@example.org\n"
    ran = command_line("group", "member", "add", "staff@example.org", "a@b.example")
    assert ran.out == "staff@example.org has the members john@example.org, a@b.example\n"
    ran = command_line("group", "senders", "staff@example.org", "logged-in")
    assert ran.out == "senders to staff@example.org: logged-in\n"
    shown = {
        "name": "staff@example.org",
        "members": ["john@example.org", "a@b.example"],
        "owner": "john@example.org",
        "senders": "logged-in",
    }
    assert command_line("group", "show", "staff@example.org", "--json").json == shown
    assert command_line("group", "list", "--json").json == [shown]
    assert command_line("group", "list").lines == [
        "GROUP              MEMBERS  OWNER             SENDERS",
        "staff@example.org  2        john@example.org  logged-in",
    ]
    ran = command_line("group", "owner", "staff@example.org", "--none")
    assert ran.out == "bounces of staff@example.org go to whoever sent the mail\n"
    ran = command_line("group", "member", "remove", "staff@example.org", "a@b.example")
    assert ran.out == "staff@example.org has the members john@example.org\n"
    assert command_line("group", "show", "staff@example.org").lines == [
        *("group:    staff@example.org", "owner:    none", "senders:  logged-in"),
        "member:   john@example.org",
    ]
    assert command_line("alias", "list").lines == []
    assert command_line("group", "remove", "staff@example.org").out == "removed staff@example.org\n"


def test_domains_that_are_not_delivered_here(command_line: CommandLine) -> None:
    assert command_line("domain", "add", "example.net", "--alias-of", "example.org").status == 0
    assert command_line("domain", "add", "example.com", "--relay").status == 0
    assert command_line("domain", "list").lines == [
        "DOMAIN       FROM           MAIL",
        "example.org  configuration",
        "example.com  directory      relayed, recipients: verify",
        "example.net  directory      stands for example.org",
    ]


def test_a_directory_goes_out_and_comes_in(command_line: CommandLine) -> None:
    command_line("alias", "add", "info@example.org", "john@example.org")
    for form in ("json", "csv"):
        out = command_line("directory", "export", "--secrets", "--format", form).out
        Path(f"kept.{form}").write_text(out)
        command_line("alias", "remove", "info@example.org")
        ran = command_line("directory", "import", f"kept.{form}", "--dry-run", "--json")
        assert ran.json == {
            "domains": 0,
            "users": 1,
            "aliases": 1,
            "groups": 0,
            "patterns": 0,
            "removed": 0,
            "warnings": [],
            "dry_run": True,
        }
        assert command_line("alias", "list").lines == []
        ran = command_line("directory", "import", f"kept.{form}")
        assert ran.out.startswith("imported domains: 0, users: 1, aliases: 1,")
        assert command_line("directory", "export", "--secrets", "--format", form).out == out
    assert "ARGON2ID" not in command_line("directory", "export").out


def test_what_names_somebody_removed_comes_in_again(command_line: CommandLine) -> None:
    command_line("user", "add", "ann@example.org", "--password-stdin", typed="moonlight\n")
    command_line("alias", "add", "info@example.org", "ann@example.org")
    assert command_line("user", "remove", "ann@example.org").status == 0
    out = command_line("directory", "export", "--secrets").out
    Path("kept.json").write_text(out)
    ran = command_line("directory", "import", "kept.json", "--replace")
    assert (ran.status, ran.out.startswith("imported ")) == (0, True)
    assert ran.err.startswith("postroad: warning: kept.json:")
    assert ran.err.endswith(": nobody has the address ann@example.org\n")
    assert command_line("directory", "export", "--secrets").out == out
    warnings = command_line("directory", "import", "kept.json", "--json").json["warnings"]
    assert [line.partition(": ")[2] for line in warnings] == [
        "nobody has the address ann@example.org"
    ]


@pytest.mark.parametrize(
    ("words", "status", "complaint"),
    [
        ("user quota john@example.org --size 2G --default", 64, "say --size, --messages or both"),
        ("user quota john@example.org --size big", 65, "a size is a number such as 500M"),
        ("user forward john@example.org", 64, "name where its mail goes, or say --off"),
        ("user forward john@example.org --off a@b.example", 64, "name where its mail goes"),
        ("user forward john@example.org --off --keep", 64, "with --off all its mail stays"),
        ("user forward jon@example.org a@b.example", 65, "did you mean john@example.org?"),
        ("domain add a.example --alias-of example.org --relay", 64, "not both"),
        ("domain add a.example --recipients any", 64, "--recipients goes with --relay"),
        ("group owner staff@example.org", 64, "name the owner, or say --none"),
        ("group show staff@example.org", 65, "there is no group staff@example.org"),
        ("group senders staff@example.org nobody", 64, "logged-in': 'nobody' is not one of"),
        ("alias add --pattern /x/ john@example.org", 65, "[directory] patterns = true"),
        ("alias remove /x/ john@example.org", 64, "a pattern is removed with all its targets"),
        ("directory import absent.json", 74, "absent.json: no such file or directory"),
        ("directory import bad.json", 65, "bad.json:1: not JSON as it is exported"),
        ("directory import digits.json", 65, "a number in it is too long"),
        ("directory import deep.json", 65, "this is nested too deep"),
        ("directory import latin.csv", 65, "latin.csv:2: is not UTF-8"),
    ],
)
def test_mistakes_are_one_line(
    command_line: CommandLine, words: str, status: int, complaint: str
) -> None:
    Path("bad.json").write_text("nothing")
    Path("digits.json").write_text('{"domains": [' + "1" * 5000 + "]}")
    Path("deep.json").write_text('{"domains": ' + "[" * 100_000)
    Path("latin.csv").write_bytes(b"kind,name\nuser,\xff\n")
    ran = command_line(*words.split())
    assert (ran.status, ran.out) == (status, "")
    first, *more = ran.err.splitlines()
    assert first.startswith("postroad: ")
    assert complaint in first
    assert more in ([], ["postroad: nothing was imported"])
