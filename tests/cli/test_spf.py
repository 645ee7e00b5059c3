"""`postroad spf check`: over the name servers of the configuration."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from command_line import CommandLine
from fake_dns import FakeDns
from postroad.app import spf_inquiry
from postroad.net.dns import Resolver

ZONE = {
    "example.net": {"TXT": ("v=spf1 ip4:192.0.2.1 -all exp=why.example.net",)},
    "why.example.net": {"TXT": ("%{i} is none of ours",)},
    "mx.example.net": {"TXT": ("v=spf1 ip4:192.0.2.1 -all",)},
}


@pytest.fixture(autouse=True)
def dns(server: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def resolver(settings, clock):
        return Resolver(settings, clock, query=FakeDns(ZONE))

    monkeypatch.setattr(spf_inquiry, "Resolver", resolver)


def test_who_may_send(command_line: CommandLine) -> None:
    ran = command_line("spf", "check", "192.0.2.1", "lisa@example.net", "mx.example.net")
    assert (ran.status, ran.err) == (0, "")
    assert ran.lines == [
        (
            "helo postmaster@mx.example.net: pass: 192.0.2.1 may send for mx.example.net"
            " (ip4:192.0.2.1)"
        ),
        "  mx.example.net:",
        "  record: v=spf1 ip4:192.0.2.1 -all",
        "  ip4:192.0.2.1 matches: pass",
        "0 of 10 terms that ask the DNS; 0 of 2 answers without a record",
        "",
        "mailfrom lisa@example.net: pass: 192.0.2.1 may send for example.net (ip4:192.0.2.1)",
        "  example.net:",
        "  record: v=spf1 ip4:192.0.2.1 -all exp=why.example.net",
        "  ip4:192.0.2.1 matches: pass",
        "0 of 10 terms that ask the DNS; 0 of 2 answers without a record",
    ]


def test_who_may_not(command_line: CommandLine) -> None:
    ran = command_line("spf", "check", "192.0.2.66", "example.net")
    assert ran.status == 1
    assert ran.lines[:2] == [
        "mailfrom postmaster@example.net: fail: 192.0.2.66 may not send for example.net (-all)",
        "example.net explains: 192.0.2.66 is none of ours",
    ]


def test_a_name_out_of_a_log_turns_no_terminal(command_line: CommandLine) -> None:
    ran = command_line("spf", "check", "192.0.2.66", "<>", "\x1b[31m")
    assert ran.lines[0].startswith("helo postmaster@?[31m: none: ")
    assert all(line.isprintable() for line in ran.lines)


def test_as_json(command_line: CommandLine) -> None:
    (shown,) = command_line("spf", "check", "192.0.2.66", "lisa@example.net", "--json").json
    assert shown["result"] == "fail"
    assert shown["steps"][0] == {"depth": 0, "words": "example.net:"}
    assert shown["explanation"] == "192.0.2.66 is none of ours"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nowhere", "lisa@example.net"), "nowhere is no IP address"),
        (
            ("192.0.2.1", "<>"),
            "the null sender is checked by the name in HELO: give that as well",
        ),
    ],
)
def test_what_makes_no_question(
    command_line: CommandLine, words: tuple[str, ...], said: str
) -> None:
    ran = command_line("spf", "check", *words)
    assert (ran.status, ran.err) == (os.EX_USAGE, f"postroad: {said}\n")
