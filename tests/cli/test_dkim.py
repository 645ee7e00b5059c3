"""`postroad dkim`: on the folder that the workers use."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from command_line import CommandLine
from postroad.mailauth.dkim.key_store import KeyState, KeyStore

FOLDER = Path("state/dkim")
MONTH = time.strftime("%Y%m", time.gmtime())


@pytest.fixture
def ready(server: Path) -> Path:
    """A server whose name server does not answer."""
    path = server / "postroad.toml"
    text = path.read_text()
    path.write_text(text.replace("[dns]\n", '[dns]\nservers = ["127.0.0.1:9"]\ntimeout = 1\n', 1))
    return server


def active(server: Path) -> None:
    store = KeyStore(server / FOLDER, time.time)
    for kept in store.all():
        store.change(kept, KeyState.ACTIVE)


def test_no_keys(ready: Path, command_line: CommandLine) -> None:
    assert command_line("dkim", "list").out == ""
    assert command_line("dkim", "list", "--json").json == []
    assert command_line("dkim", "check", "--json").json == []
    assert not (ready / FOLDER).exists()
    ran = command_line("dkim", "show", "example.org")
    assert (ran.status, ran.out) == (os.EX_DATAERR, "")
    assert ran.err == "postroad: example.org has no keys: postroad dkim create example.org\n"


def test_created_and_shown(ready: Path, command_line: CommandLine) -> None:
    ran = command_line("dkim", "create", "Example.org")
    assert f"  {MONTH}-rsa._domainkey.example.org. TXT ( " in ran.out
    assert f"  {MONTH}-ed25519._domainkey.example.org. TXT " in ran.out
    assert "postroad dkim check" in ran.out
    assert "PRIVATE" not in ran.out
    shown = command_line("dkim", "show", "example.org", "--json").json
    assert [(each["kind"], each["bits"], each["state"]) for each in shown] == [
        ("rsa", 2048, "pending"),
        ("ed25519", 256, "pending"),
    ]
    assert shown[0]["record"] in ran.out
    listed = command_line("dkim", "list").lines
    assert [line.split()[4] for line in listed[1:]] == ["pending", "pending"]
    again = command_line("dkim", "create", "example.org", "--kind", "ed25519", "--json").json
    assert [each["selector"] for each in again] == [f"{MONTH}b-ed25519"]


def test_names_in_web_forms_are_those_of_a_zone(ready: Path, command_line: CommandLine) -> None:
    lines = command_line("dkim", "create", "news.example.org", "--kind", "ed25519").lines
    at = lines.index(f"      ;   {MONTH}-ed25519._domainkey")
    assert "a web page for the zone news.example.org: name, and text" in lines[at - 1]


def test_rotated_and_deleted(ready: Path, command_line: CommandLine) -> None:
    refused = command_line("dkim", "rotate", "example.org")
    assert (refused.status, refused.err) == (
        os.EX_DATAERR,
        "postroad: no key of example.org is in use: use create\n",
    )
    command_line("dkim", "create", "example.org", "--kind", "ed25519", "--selector", "one")
    active(ready)
    (fresh,) = command_line("dkim", "rotate", "example.org", "--selector", "two", "--json").json
    assert (fresh["selector"], fresh["kind"]) == ("two", "ed25519")
    kept = command_line("dkim", "delete", "example.org", "one")
    assert kept.status == os.EX_DATAERR
    assert "--force" in kept.err
    assert command_line("dkim", "delete", "example.org", "one", "--force").status == 0
    assert command_line("dkim", "delete", "example.org", "two").status == 0
    assert command_line("dkim", "list", "--json").json == []


def test_retired_keys_have_advice(ready: Path, command_line: CommandLine) -> None:
    command_line("dkim", "create", "example.org", "--kind", "ed25519")
    store = KeyStore(ready / FOLDER, time.time)
    store.change(store.all()[0], KeyState.RETIRED)
    (line,) = command_line("dkim", "list").lines[1:]
    assert "keep it published until " in line
    KeyStore(ready / FOLDER, lambda: 1000.0).change(store.all()[0], KeyState.RETIRED)
    (line,) = command_line("dkim", "list").lines[1:]
    assert "may be taken out; then delete the key" in line
    (shown,) = command_line("dkim", "list", "--json").json
    assert shown["removable"] == 1000.0 + 7 * 86_400


def test_a_check_that_finds_nothing(ready: Path, command_line: CommandLine) -> None:
    command_line("dkim", "create", "example.org", "--kind", "ed25519")
    ran = command_line("dkim", "check")
    assert ran.status == 1
    assert "the DNS gives no answer at present" in ran.out


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("create", "no domain"), os.EX_DATAERR, "no domain is no domain"),
        (("create", "localhost"), os.EX_DATAERR, "localhost is no domain"),
        (("create", "example.org", "--kind", "dsa"), os.EX_USAGE, "expected rsa, ed25519 or both"),
        (("create", "example.org", "--bits", "512"), os.EX_USAGE, "expected 1024 to 8192"),
        (("create", "example.org", "--selector", "../x"), os.EX_DATAERR, "is no selector"),
        (("delete", "example.org", "x"), os.EX_DATAERR, "has no key x"),
    ],
)
def test_what_is_refused(
    ready: Path, command_line: CommandLine, words: tuple[str, ...], status: int, said: str
) -> None:
    ran = command_line("dkim", *words)
    assert (ran.status, said in ran.err, ran.err.count("\n")) == (status, True, 1)
    assert not (ready / FOLDER / "keys.json").exists()


def test_a_foreign_domain_is_remarked_on(ready: Path, command_line: CommandLine) -> None:
    ran = command_line("dkim", "create", "example.com", "--kind", "ed25519")
    assert ran.status == 0
    assert ran.err == "postroad: example.com is none of our domains; keys are made all the same\n"


def test_a_domain_of_the_directory_is_none_to_remark_on(
    ready: Path, command_line: CommandLine
) -> None:
    command_line("domain", "add", "example.com")
    ran = command_line("dkim", "create", "example.com", "--kind", "ed25519")
    assert (ran.status, ran.err) == (0, "")


def test_keys_that_are_there_already_are_remarked_on(
    ready: Path, command_line: CommandLine
) -> None:
    first = command_line("dkim", "create", "example.org", "--kind", "ed25519")
    again = command_line("dkim", "create", "Example.ORG", "--kind", "ed25519")
    assert (first.err, again.status) == ("", 0)
    assert again.err == (
        "postroad: example.org has keys already, which postroad dkim show example.org prints;"
        " these come beside them\n"
    )


def test_keys_of_the_operator_are_listed(ready: Path, command_line: CommandLine) -> None:
    (made,) = command_line("dkim", "create", "example.org", "--kind", "ed25519", "--json").json
    path = ready / FOLDER / "example.org" / f"{made['selector']}.pem"
    with (ready / "postroad.toml").open("a") as file:
        file.write(f'\n[[dkim.keys]]\ndomain = "example.net"\nselector = "mine"\nfile = "{path}"\n')
    shown = command_line("dkim", "list", "--json").json
    assert [(each["selector"], each["state"]) for each in shown] == [
        (made["selector"], "pending"),
        ("mine", "file"),
    ]
