"""Whose mail it is: one author, several, and fields that nobody can read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmarc_witness import signed, spf, verdict, witness
from postroad.mailauth.dmarc.author import authors_of
from postroad.mailauth.dmarc.result import DmarcResult, Policy
from postroad.mailauth.dmarc.settings import DmarcSettings
from postroad.model.address import is_domain
from postroad.model.fields import Fields


@pytest.mark.parametrize(
    ("author", "spf_domain", "dkim_domain", "result"),
    [
        ("ann@bank.example", "bank.example", "", "pass"),
        ("ann@bank.example", "x.bank.example", "", "pass"),
        ("ann@bank.example", "", "bank.example", "pass"),
        ("ann@bank.example", "notbank.example", "example", "fail"),
        ("ann@x.bank.example", "y.bank.example", "", "pass"),
        ("ann@Bank.Example.", "bank.example", "", "permerror"),
        ("Ann <ann@BANK.example>", "bank.example", "", "pass"),
        ("ann@bank.example, bob@bank.example", "bank.example", "", "pass"),
        ("ann@bank.example, bob@evil.example", "bank.example", "", "none"),
        ("ann@bank.example, bob@evil.example", "evil.example", "evil.example", "fail"),
        ("group: ann@bank.example;", "", "", "fail"),
        ("group:;", "bank.example", "", "permerror"),
        ("ann@[192.0.2.7]", "bank.example", "", "permerror"),
        ("ann@bank.example <", "bank.example", "", "permerror"),
        ("ann@bank.example <", "", "", "fail"),
        ("(" * 5000 + "ann@bank.example", "", "", "fail"),
        ("(" * 5000 + "ann", "", "", "permerror"),
        ("x" * 40_000 + "@bank.example", "", "", "fail"),
        (", ".join(f"a@d{n}.example" for n in range(9)), "", "", "permerror"),
        ("=?utf-8?q?ann=40evil.example?= <ann@bank.example>", "", "", "fail"),
    ],
)
def test_authors(author: str, spf_domain: str, dkim_domain: str, result: str) -> None:
    one = witness(author, spf=spf(spf_domain), dkim=(signed(dkim_domain),))
    assert verdict(one).result.value == result


def test_several_from_fields() -> None:
    fields = Fields.of(b"From: bob@evil.example\r\nFrom: ann@bank.example\r\n")
    assert verdict(witness(fields=fields, spf=spf("evil.example"))).result is DmarcResult.FAIL
    assert verdict(witness(fields=Fields())).words == "there is no From field"


def test_names_in_other_scripts() -> None:
    records = {"_dmarc.xn--bcher-kva.example": "v=DMARC1; p=reject"}
    assert verdict(witness("ann@bücher.example"), records).disposition is Policy.REJECT
    one = witness("ann@BÜCHER.example", dkim=(signed("xn--bcher-kva.example"),))
    assert verdict(one, records).result is DmarcResult.PASS


UNREADABLE = [
    b'"B\xe4nk" <ceo@bank.example>',
    b'"B\x83\\" <ceo@bank.example>',
    b"CEO [x <ceo@bank.example>",
    b"CEO ) <ceo@bank.example>",
    b"C\\EO <ceo@bank.example>",
    b"CEO\x01 <ceo@bank.example>",
    b'"CEO <ceo@bank.example>',
    b"C.E.O <ceo.@bank.example>",
    b"CEO <ceo@bank.example",
    b"CEO <ceo@bank.example.>",
    b"=?utf-8?b?Y2VvQGJhbmsuZXhhbXBsZQ==?=",
    b"=?utf-16?b?AGMAZQBvAEAAYgBhAG4AawAuAGUAeABhAG0AcABsAGU=?=",
    b"=?utf-8?q?CEO_=3Cceo=40bank.example=3E?=",
    b"=?utf-8?q?ceo=40ba?= =?utf-8?q?nk.example?=",
    b"=?utf-8?q?ceo=40bank?=\r\n =?utf-8?b?LmV4YW1wbGU=?=",
    b"=?utf-7*en?q?ceo+AEA-bank.example?=",
    b"=?utf-16?b?YwBlAG8AQABiAA==?= =?utf-16?b?YQBuAGsALgBlAHgAYQBtAHAAbABlAA==?=",
    b"=?utf-8?q?ceo=40bank.example=00?=@evil.example",
    b"ceo@=?utf-8?q?bank.example?=",
    b"'ceo@bank.example' <x@evil.example>",
    b"ceo@bank.example%00@evil.example",
    b"ceo@bank.example\xe2\x80\x9d",
    b"ceo\xef\xbc\xa0bank.example",
    b"ceo@-.bank.example",
    b"ceo@-mail-.bank.example",
    b"ceo@bank..example",
    b"ceo@" + b"a" * 64 + b".bank.example",
    b"ceo@" + b".".join([b"a" * 60] * 5) + b".bank.example",
    b"ceo@\xf0\x9f\x92\xa9.bank.example",
    b"ceo@\xff.bank.example",
    b"CEO <ceo@*.bank.example>",
    b"ceo@a!b.bank.example",
    b"ceo@{login}.bank.example",
    b"ceo@mail:25.bank.example",
    b"ceo@mail/bank.example/login",
    b"ceo@'bank.example'",
    b"ceo@[bank.example]",
    b"ceo@<$bank.example>",
    b"CEO [ <ceo@(c)bank.example>",
    b"CEO [ <ceo@bank(c).example>",
    b"CEO [ <ceo@bank\r\n .example>",
    b'CEO [ <ceo@"bank".example>',
    b"x@evil.example [ <ceo@bank.example>",
    b", ".join([b"x@e%d.example" % n for n in range(5)] + [b"ceo@bank.example"]),
    b"[" + b"@e " * 600 + b"ceo@bank.example",
    b"x" * 33_000 + b" <ceo@bank.example>",
    b"<ceo@bank.example>" + b"x" * 33_000,
]


@pytest.mark.parametrize("value", UNREADABLE, ids=lambda value: repr(value[:30]))
@pytest.mark.parametrize("enforce", [True, False])
def test_what_cannot_be_read_hides_no_author(value: bytes, enforce: bool) -> None:
    one = witness(fields=Fields.of(b"From: " + value + b"\r\n"), spf=spf("e0.example"))
    found = verdict(one, settings=DmarcSettings(enforce=enforce))
    assert found.disposition is (Policy.REJECT if enforce else Policy.NONE)


@pytest.mark.parametrize(
    "value", [b"ceo@[192.0.2.1]", b"ceo@[IPv6:2001:db8::1]", b"ceo@192.0.2.1:25"]
)
def test_an_ip_address_is_no_domain(value: bytes) -> None:
    found = authors_of(Fields.of(b"From: " + value + b"\r\n"))
    assert found.domains == ()
    assert found.flaw


PIECES = [
    *(b"a", b"@", b".", b"<", b">", b"(", b")", b'"', b"\\", b"[", b",", b":", b" ", b"\x00", b"-"),
    *(b"*", b"'", b"/", b"{"),
    *(
        b"=?utf-8?q?",
        b"=?utf-16?b?",
        b"=?utf-7?q?",
        b"=?x?b?",
        b"?=",
        b"=40",
        b"AGMAQA==",
        b"+AEA-",
    ),
    *(b"bank.example", b"xn--", b"x" * 70, b"\xff", b"\xc3\xbc", b"\xed\xa0\x80"),
    *(b"\xf0\x9f\x92\xa9", b"\xef\xbf\xbd", b"\xef\xb7\xba", b"\xe2\x80\xae", b"\xe3\x80\x82"),
]


@given(pieces=st.lists(st.sampled_from(PIECES), max_size=25))
def test_whatever_stands_there_names_only_what_can_be_asked_for(pieces: list[bytes]) -> None:
    found = authors_of(Fields.of(b"From: " + b"".join(pieces) + b"\r\n"))
    for name in found.domains:
        assert name == name.lower()
        assert name.isascii()
        assert is_domain(name)
        assert len(name) <= 253
    assert found.domains or found.flaw


@pytest.mark.parametrize("value", UNREADABLE[:10], ids=lambda value: repr(value[:30]))
def test_an_author_who_is_proved_passes_all_the_same(value: bytes) -> None:
    one = witness(fields=Fields.of(b"From: " + value + b"\r\n"), spf=spf("bank.example"))
    assert verdict(one).disposition is Policy.NONE
