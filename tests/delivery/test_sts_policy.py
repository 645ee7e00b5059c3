"""MTA-STS policies and the records that announce them (RFC 8461 §3)."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as some

from postroad.delivery.sts_policy import MAX_AGE, Malformed, announced, parse

GOOD = """version: STSv1\r
mode: enforce\r
mx: mail.example.com\r
mx: *.Example.net\r
mx: backupmx.example.com\r
max_age: 604800\r
"""


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["v=STSv1; id=20160831085700Z;"], "20160831085700Z"),
        (["v=STSv1;id=1"], "1"),
        (["v=STSv1; id=1; other=x"], "1"),
        (["v=STSv1; other=x; id=1;"], "1"),
        (["v=spf1 -all", "v=STSv1; id=a1;"], "a1"),
        ([], None),
        (["v=spf1 -all"], None),
        (["v=STSv1"], None),
        (["v=STSv1;"], None),
        (["v=STSv1; id="], None),
        (["v=STSv1; id=with-dash"], None),
        (["v=STSv1; id=" + "a" * 33], None),
        (["v=STSv11; id=1"], None),
        (["v=STSv1; id=1", "v=STSv1; id=2"], None),  # §3.1: more than one is none
    ],
)
def test_the_record(texts, expected):
    assert announced(texts) == expected


def test_a_policy():
    policy = parse("example.com", GOOD)
    assert policy.mode == "enforce"
    assert policy.patterns == ("mail.example.com", "*.example.net", "backupmx.example.com")
    assert policy.max_age == 604_800
    assert policy.lines[0] == "version: STSv1"
    assert parse("example.com", GOOD.replace("\r\n", "\n")) == policy
    assert parse("example.com", "\n".join(policy.lines)) == policy
    assert parse("example.com", f"future: {'x' * 1000}\r\n{GOOD}") == policy


@pytest.mark.parametrize(
    ("host", "fits"),
    [
        ("mail.example.com", True),
        ("MAIL.example.com.", True),
        ("other.example.com", False),
        ("a.example.net", True),
        ("a.b.example.net", False),  # §4.1: one label
        ("example.net", False),
        ("xexample.net", False),
    ],
)
def test_whom_it_allows(host, fits):
    assert parse("example.com", GOOD).allows(host) is fits


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "version"),
        (GOOD.replace("STSv1", "STSv2"), "version"),
        (GOOD.replace("enforce", "Enforce"), "mode"),
        (GOOD.replace("max_age: 604800", ""), "max_age"),
        (GOOD.replace("604800", "-1"), "max_age"),
        (GOOD.replace("604800", "a week"), "max_age"),
        ("version: STSv1\nmode: enforce\nmax_age: 1\n", "no mx"),
        (GOOD.replace("mail.example.com", "mail example"), "mx"),
        (GOOD.replace("mail.example.com", "*.*.example.com"), "mx"),
        (GOOD.replace("mail.example.com", "mail.*.com"), "mx"),
        (GOOD + "<html>\n", "key and value"),
        (GOOD + "mx: a.example\n" * 300, "too many"),
        (GOOD + "x: \x07\n", "key and value"),
    ],
)
def test_what_is_none(text, words):
    with pytest.raises(Malformed, match=words):
        parse("example.com", text)


def test_what_is_odd_and_allowed():
    """No host with mode none, an age beyond the bound, fields that nobody knows, twice the same."""
    none = parse("example.com", "version: STSv1\nmode: none\nmax_age: 86400\n")
    assert none.patterns == ()
    assert parse("example.com", GOOD.replace("604800", "9999999999")).max_age == MAX_AGE
    assert parse("example.com", GOOD + "future: x\nmode: none\n").mode == "enforce"


@given(some.text(max_size=300))
def test_no_text_is_too_odd(text):
    with suppress(Malformed):
        assert parse("example.com", text).mode
    assert announced([text]) is None or text.startswith("v=STSv1")
