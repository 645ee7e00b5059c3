"""`postroad dmarc check`: over the name servers of the configuration."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from command_line import CommandLine
from fake_dns import FakeDns
from postroad.app import dmarc_inquiry
from postroad.net.dns import Resolver

ZONE = {
    "_dmarc.bank.example": {
        "TXT": ("v=DMARC1; p=reject; np=quarantine; adkim=s; pct=50; rua=mailto:r@bank.example",)
    },
    "bank.example": {"TXT": ("v=spf1 ip4:192.0.2.1 -all",)},
    "_dmarc.firm.example": {"TXT": ("v=DMARC1; p=reject",)},
    "_dmarc.two.example": {"TXT": ("v=DMARC1; p=reject", "v=DMARC1; p=none")},
    "_dmarc.odd.example": {"TXT": ("v=DMARC1; p=rejct; rua=mailto:r@odd.example",)},
    "_dmarc.own.bank.example": {"TXT": ("v=DMARC1; p=non",)},
    "_dmarc.try.example": {"TXT": ("v=DMARC1; p=reject; t=y",)},
}
MESSAGE = b"Return-Path: <ann@bank.example>\nFrom: Ann <ann@bank.example>\nSubject: x\n\nHello\n"


@pytest.fixture(autouse=True)
def dns(server: Path, monkeypatch: pytest.MonkeyPatch) -> FakeDns:
    query = FakeDns(ZONE)

    def resolver(settings, clock):
        return Resolver(settings, clock, query=query)

    monkeypatch.setattr(dmarc_inquiry, "Resolver", resolver)
    return query


def test_a_policy_in_words(command_line: CommandLine) -> None:
    ran = command_line("dmarc", "check", "x.bank.example")
    assert (ran.status, ran.err) == (0, "")
    assert ran.lines == [
        (
            "_dmarc.bank.example says: v=DMARC1; p=reject; np=quarantine; adkim=s; pct=50;"
            " rua=mailto:r@bank.example"
        ),
        (
            "x.bank.example has no record: that of bank.example for names below it that do not"
            " exist holds."
        ),
        "It belongs to the organization bank.example.",
        "Mail in its name that fails: it is to be filed as junk (p=quarantine).",
        "That is for 50 % of it (pct); for the rest the next lower policy.",
        "SPF proves it for any name that belongs to bank.example (relaxed).",
        "A signature proves it for x.bank.example only (strict).",
        "Reports go to mailto:r@bank.example.",
    ]
    tried = command_line("dmarc", "check", "try.example")
    assert (
        "The policy is being tried out (t=y): the next lower policy is carried out." in tried.lines
    )
    assert tried.lines[-1] == "It wants no reports."


def test_no_policy(command_line: CommandLine) -> None:
    ran = command_line("dmarc", "check", "nobody.example")
    assert ran.status == 1
    assert "publishes no policy" in ran.lines[0]
    shown = command_line("dmarc", "check", "nobody.example", "--json").json
    assert shown == {"domain": "nobody.example", "doubt": None, "record": None}


@pytest.mark.parametrize(
    ("domain", "status", "words", "then"),
    [
        (
            "two.example",
            1,
            "there are 2 records, so none of them counts",
            "two.example publishes no policy: nothing is done to mail in its name.",
        ),
        (
            "odd.example",
            0,
            "p=rejct is no policy, so the record counts as p=none",
            "_dmarc.odd.example says: v=DMARC1; p=rejct; rua=mailto:r@odd.example",
        ),
        (
            "own.bank.example",
            0,
            "p=non is no policy, so the record does not count",
            (
                "_dmarc.bank.example says: v=DMARC1; p=reject; np=quarantine; adkim=s; pct=50;"
                " rua=mailto:r@bank.example"
            ),
        ),
    ],
)
def test_a_record_with_a_mistake(
    command_line: CommandLine, domain: str, status: int, words: str, then: str
) -> None:
    ran = command_line("dmarc", "check", domain)
    assert ran.status == status
    assert ran.lines[:2] == [f"_dmarc.{domain} is wrong: {words}.", then]
    assert command_line("dmarc", "check", domain, "--json").json["doubt"] == words


def test_a_policy_as_json(command_line: CommandLine) -> None:
    shown = command_line("dmarc", "check", "bank.example", "--json").json
    assert (shown["policy"], shown["percent"], shown["strict_dkim"]) == ("reject", 50, True)


@pytest.mark.parametrize(
    ("client", "status", "last"),
    [("192.0.2.1", 0, "done: nothing"), ("192.0.2.66", 1, "done: "), ("", 1, "done: ")],
)
def test_a_stored_message(
    command_line: CommandLine, tmp_path: Path, client: str, status: int, last: str
) -> None:
    path = tmp_path / "message"
    path.write_bytes(MESSAGE)
    words = ["--client", client] if client else []
    ran = command_line("dmarc", "check", str(path), *words)
    assert ran.status == status
    assert ran.lines[-1].startswith(last)
    (found,) = command_line("dmarc", "check", str(path), *words, "--json").json["dmarc"]
    assert found["result"] == ("fail" if status else "pass")
    assert found["domain"] == "bank.example"


def test_a_stored_message_that_only_an_answer_could_save(
    command_line: CommandLine, tmp_path: Path, dns: FakeDns
) -> None:
    dns.broken = frozenset({"_dmarc.lame.firm.example"})
    path = tmp_path / "message"
    path.write_bytes(MESSAGE.replace(b"<ann@bank", b"<ann@lame.firm"))
    ran = command_line("dmarc", "check", str(path), "--client", "192.0.2.66")
    assert ran.status == 1
    assert ran.lines[-1] == "done: told to come back, until the DNS answers"


def test_the_dns_is_away(command_line: CommandLine, dns: FakeDns) -> None:
    dns.broken = frozenset({"_dmarc.bank.example"})
    assert command_line("dmarc", "check", "bank.example").status == os.EX_TEMPFAIL


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("no domain",), os.EX_USAGE),
        (("/no/such/file",), os.EX_NOINPUT),
        (("bank.example", "--client", "192.0.2.1"), os.EX_USAGE),
        (("/dev/null", "--client", "nowhere"), os.EX_USAGE),
    ],
)
def test_what_makes_no_question(
    command_line: CommandLine, words: tuple[str, ...], status: int
) -> None:
    assert command_line("dmarc", "check", *words).status == status
