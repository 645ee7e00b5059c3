"""Authentication-Results: what is written is read again, and nobody's text breaks the field."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.intake.header import are_fields
from postroad.mailauth.results.claiming import (
    LONGEST_HEAD,
    LONGEST_RECEIVED_SPF,
    MOST_FIELDS,
    claims,
    spf_claims,
    unforged,
    without_claims,
)
from postroad.mailauth.results.reading import LONGEST_FIELD, read
from postroad.mailauth.results.result import AuthenticationResults, MethodResult, Property
from postroad.mailauth.results.writing import LONGEST_VALUE, received_spf, written
from postroad.mailauth.spf.result import SpfResult, SpfVerdict
from postroad.model.fields import Field, Fields

ID = "mail.example.org"


def field(value: str) -> Field:
    return Field(f"Authentication-Results: {value}\r\n".encode())


def result(method: str, word: str, *properties: tuple[str, str, str], reason: str = ""):
    found = tuple(Property(*each) for each in properties)
    return MethodResult(method, word, reason=reason, properties=found)


# Reading -----------------------------------------------------------------------------------------

EXAMPLES = [
    # RFC 8601 appendix B.
    ("example.org 1; none", ()),
    ("example.org; none", ()),
    (
        "example.com;\r\n spf=pass smtp.mailfrom=example.net",
        (result("spf", "pass", ("smtp", "mailfrom", "example.net")),),
    ),
    (
        ("example.com;\r\n\tauth=pass (cram-md5) smtp.auth=sender@example.net;\r\n"
        "\tspf=pass smtp.mailfrom=example.net"),
        (
            result("auth", "pass", ("smtp", "auth", "sender@example.net")),
            result("spf", "pass", ("smtp", "mailfrom", "example.net")),
        ),
    ),
    (
        'example.com; dkim=pass reason="good signature" header.i=@mail-router.example.net',
        (
            result(
                "dkim", "pass", ("header", "i", "@mail-router.example.net"), reason="good signature"
            ),
        ),
    ),
    # RFC 8601 appendix B.7: comments everywhere.
    (
        ("foo.example.net (foobar) 1 (baz);\r\n dkim (Because I like it)"
        " / 1 (One yay) = (wait for it)"
        " fail\r\n policy (A dot can go here) . (like that) expired\r\n"
        " (this surprised me) = (as I wasn't expecting it) 1362471462"),
        (result("dkim", "fail", ("policy", "expired", "1362471462")),),
    ),
    ('"example.com"; spf = "pass" smtp.mailfrom = "a b"@example.net', (
        result("spf", "pass", ("smtp", "mailfrom", "a b@example.net")),
    )),
    ("example.com; dkim=pass header.b=ab/cd==", (
        result("dkim", "pass", ("header", "b", "ab/cd==")),
    )),
    ("example.com; SPF=PASS;", (result("spf", "pass"),)),
]  # fmt: skip


@pytest.mark.parametrize(("value", "results"), EXAMPLES)
def test_it_is_read(value, results) -> None:
    found = read(field(value))
    assert found is not None
    assert found.results == results


@pytest.mark.parametrize(
    "value",
    [
        "",
        "; spf=pass",
        "example.com 2; spf=pass",
        "example.com one two; spf=pass",
        "example.com; spf",
        "example.com; spf=",
        "example.com; =pass",
        "example.com; spf=pass smtp.mailfrom",
        "example.com; spf=pass mailfrom=x",
        "example.com; spf/2=pass",
        "example.com; spf=pass (open",
        "example.com; spf=pass )",
        'example.com; spf=pass smtp.mailfrom="open',
        "example.com; spf=pass " + "(" * 50 + ")" * 50,
        "example.com; spf=pass" + " " * LONGEST_FIELD,
        "example.com" + "; spf=pass" * 200,
    ],
)
def test_what_is_none_says_nothing(value) -> None:
    assert read(field(value)) is None


@given(st.text(max_size=200))
def test_nothing_makes_reading_fail(text) -> None:
    one = Field(b"Authentication-Results: " + text.encode("utf-8", "surrogatepass") + b"\r\n")
    read(one)
    claims(one, ID)


@given(st.text('()\\";=./ a\r\n\t1', max_size=60))
def test_no_mark_makes_reading_fail(text) -> None:
    read(field(text))
    claims(field(text), ID)


# Whose -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "ours"),
    [
        ("mail.example.org; none", True),
        ("MAIL.Example.ORG; spf=pass", True),
        ("mail.example.org. 1; spf=pass", True),
        ("mail.example.org 7; spf=pass", True),
        ('(well) "mail.example.org" (yes) 1; dmarc=pass', True),
        ('"mail\\.example\\.org"; dmarc=pass', True),
        ("\r\n\tmail.example.org;\r\n\tdmarc=pass", True),
        ("mail.example.org dmarc=pass", True),  # no grammar, but a reader may find one
        ("(open mail.example.org; dmarc=pass", True),
        ("mail(x).example.org; spf=pass", True),
        ('mail."example.org"; spf=pass', True),
        ("mail\r\n .example.org; dkim=pass", True),
        ("mail.example.org\x0c; spf=pass", True),
        ("mail.example.org\x00; spf=pass", True),
        ("mail.example.org\xa0; spf=pass", True),
        ("mail.example.org/1; spf=pass", True),
        ("mail.example.org", True),
        ("<mail.example.org>; spf=pass", True),
        ("mail.example.org:25; spf=pass", True),
        ("mail.example.org=; spf=pass", True),
        ("=?utf-8?q?mail.example.org?=; spf=pass", True),
        ("=?utf-8?q?mail=2Eexample=2Eorg?=; spf=pass", True),
        ("=?utf-8?b?bWFpbC5leGFtcGxlLm9yZw==?=; spf=pass", True),
        ("=?utf-8?q?mail=2E?=\r\n =?us-ascii?b?ZXhhbXBsZS5vcmc7?= spf=pass", True),
        ("=?utf-7*de?q?mail+AC4-example.org?=; spf=pass", True),
        ("=?utf-16?b?bQBhAGkAbAA=?= =?utf-8?q?=2Eexample=2Eorg?=; spf=pass", True),
        ("=?utf-8?q?mx=2Eexample=2Enet?=; spf=pass", False),
        ("mx.example.net <mx.mail.example.org>; spf=pass", True),  # two names are nobody's
        ("mx-mail.example.org; spf=pass", False),
        (f"({'x' * LONGEST_HEAD}) mail.example.org; spf=pass", True),  # its name is too far away
        ("\xa0" * LONGEST_HEAD + "mail.example.org; spf=pass", True),
        ("mx.example.net; " + "x" * LONGEST_HEAD, False),
        ("mail.example.org2; spf=pass", False),
        ("mx.mail.example.org; spf=pass", False),
        ("mx.mail.example.org 1; spf=pass", False),
        ("mx.example.net; spf=pass smtp.helo=mail.example.org", False),
        ("mail.example.org.example.net; none", False),
        ("notmail.example.org; none", False),
        ("(mail.example.org) mx.example.net; none", False),
    ],
)
def test_whose_it_is(value, ours) -> None:
    assert claims(field(value), ID) is ours


@pytest.mark.parametrize("octet", [b"\xff", b"\xc3", b"\xa0"])
def test_octets_that_readers_drop_hide_no_name(octet) -> None:
    one = Field(b"Authentication-Results: mail" + octet + b".example.org; dmarc=pass\r\n")
    assert claims(one, ID)
    other = Field(b"Authentication-Results: mx" + octet + b".example.net; dmarc=pass\r\n")
    assert not claims(other, ID)


@pytest.mark.parametrize(
    ("value", "ours"),
    [
        ("pass receiver=mail.example.org;", True),
        ("pass receiver=(c)mail.example.org;", True),
        ('pass receiver="mail\\.example.org";', True),
        ("pass receiver=mail(x).example.org;", True),
        ("pass receiver=mail.example.org identity=mailfrom", True),
        ("pass receiver=\r\n\tMAIL.example.org.", True),
        ("pass (mail.example.org: domain of x designates) client-ip=192.0.2.1", True),
        ("pass ((c) mail.example.org: domain of x designates)", True),
        ("pass " + "x" * LONGEST_RECEIVED_SPF, True),
        ("pass receiver==?utf-8?q?mail=2Eexample=2Eorg?=;", True),
        ("pass (=?utf-8?q?mail=2Eexample=2Eorg=3A_x?=)", True),
        ("pass (no end receiver=mail.example.org;", True),
        ("pass receiver=mail.example.organic.net;", False),
        ("pass receiver==?utf-8?q?mx=2Eexample=2Enet?=; helo=mail.example.org", False),
        ("pass receiver=mail.example.org.example.net;", False),
        ("pass receiver=mx.example.net; helo=mail.example.org", False),
        ("pass (mx.example.net: domain of mail.example.org) receiver=mx.example.net", False),
    ],
)
def test_whose_received_spf_it_is(value, ours) -> None:
    one = Field(f"Received-SPF: {value}\r\n".encode())
    assert spf_claims(one, ID) is ours


def test_only_so_many_fields_are_read() -> None:
    forged = [field("mx.example.net; none")] * (MOST_FIELDS + 5)
    assert len(list(unforged(forged, ID))) == MOST_FIELDS


def test_only_ours_are_removed() -> None:
    octets = (
        b"Received: from x\r\n"
        b"Authentication-Results: mx.example.net;\r\n spf=pass\r\n"
        b"AUTHENTICATION-RESULTS : mail.example.org; dmarc=pass\r\n"
        b"Subject: hi\r\n"
    )
    kept = without_claims(Fields.of(octets), ID)
    assert [each.key for each in kept] == ["received", "authentication-results", "subject"]
    assert without_claims(kept, ID) is kept


# Writing -----------------------------------------------------------------------------------------

TEXTS = st.text(max_size=400)
NAMES = st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=12)
RESULTS = st.builds(
    MethodResult,
    NAMES,
    NAMES,
    TEXTS,
    TEXTS,
    st.lists(st.builds(Property, NAMES, NAMES, TEXTS), max_size=4).map(tuple),
)


@given(st.lists(RESULTS, max_size=5).map(tuple))
def test_it_is_one_field_that_says_what_was_meant(results) -> None:
    octets = written(AuthenticationResults(ID, results), utf8=True)
    assert are_fields(octets)
    assert len(Fields.of(octets)) == 1
    found = read(Field(octets))
    assert found is not None
    assert found.authserv_id == ID
    assert [(each.method, each.result) for each in found.results] == [
        (each.method, each.result) for each in results
    ]
    for told, meant in zip(found.results, results, strict=True):
        assert [each[:2] for each in told.properties] == [each[:2] for each in meant.properties]
        for one, other in zip(told.properties, meant.properties, strict=True):
            may_differ = ";" in other.value or "=" in other.value  # it may look like a result
            if other.value.isprintable() and 0 < len(other.value.encode()) <= LONGEST_VALUE:
                assert may_differ or one.value == other.value
    assert octets.count(b";") == max(1, len(results))  # who cuts there finds the same


def test_no_line_is_longer_than_next_hops_take() -> None:
    helo = '"' * 400
    for long in ("ü" * 400, "\U0001f4a9" * 400, helo, "a" * 400):
        one = MethodResult("spf", "pass", long, long, (Property("smtp", "helo", long),))
        octets = written(AuthenticationResults(ID, (one,)), utf8=True)
        verdict = SpfVerdict(SpfResult.NONE, sender=long, reason=long, domain=long)
        octets += received_spf(verdict, ID, long, utf8=True)
        assert max(map(len, octets.splitlines())) <= 998
        assert octets.decode().count("\ufffd") == 0


def test_lines_are_short_where_they_can_be() -> None:
    one = MethodResult(
        "dkim", "pass", "2048-bit key", "", (Property("header", "d", "a.example"),) * 9
    )
    lines = written(AuthenticationResults(ID, (one, one))).decode().splitlines()
    assert all(len(line.expandtabs()) <= 78 for line in lines)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("lisa@example.net", "lisa@example.net"),
        ("@example.net", "@example.net"),
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", '"2001:db8::1"'),
        ('a"b\\c', '"a\\"b\\\\c"'),
        ("x\r\nBcc: all", '"x??Bcc: all"'),
        ("x; dmarc=none", '"x, dmarc:none"'),
        ('"x; dmarc=pass"@example.net', "@example.net"),
        ("dmarc=pass@example.net", "@example.net"),
        ("dmarc = PASS", '"dmarc : PASS"'),
        ("dmarc/1=pass", '"dmarc/1:pass"'),
        ("SRS0=k3=4a=pass.example=a@example.net", '"SRS0=k3=4a=pass.example=a@example.net"'),
        ("", '""'),
    ],
)
def test_values_are_quoted_where_they_must_be(value, shown) -> None:
    octets = written(AuthenticationResults(ID, (result("spf", "pass", ("smtp", "helo", value)),)))
    assert octets.decode() == f"Authentication-Results: {ID};\r\n\tspf=pass smtp.helo={shown}\r\n"


def test_a_comment_cannot_be_left() -> None:
    one = MethodResult("spf", "fail", "a) ; dmarc=pass (\\")
    octets = written(AuthenticationResults(ID, (one,)))
    assert b"(a] , dmarc:pass [)" in octets  # nor be taken for a result by who cuts at semicolons
    found = read(Field(octets))
    assert found is not None
    assert [each.method for each in found.results] == ["spf"]


def test_nothing_was_done() -> None:
    assert (
        written(AuthenticationResults(ID)) == b"Authentication-Results: mail.example.org; none\r\n"
    )


@given(TEXTS, TEXTS, TEXTS, st.sampled_from(SpfResult))
def test_received_spf_is_one_field(helo, sender, reason, word) -> None:
    verdict = SpfVerdict(
        result=word, domain="example.net", address="192.0.2.1", sender=sender, reason=reason
    )
    octets = received_spf(verdict, ID, helo)
    assert are_fields(octets)
    assert len(Fields.of(octets)) == 1
    assert octets.startswith(f"Received-SPF: {word.value}".encode())
