"""Wildcards, as SQLite takes them and without it; and both spellings of a domain."""

from __future__ import annotations

import json
import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.spool import Choice
from postroad.spool.choosing import condition, matches, pattern

LETTERS = st.text("aAbB@.?[]*-É", max_size=8)


@given(LETTERS, LETTERS.filter(lambda text: text.count("*") <= 4))
def test_the_database_and_python_agree(text: str, wanted: str) -> None:
    with sqlite3.connect(":memory:") as connection:
        row = connection.execute("SELECT lower(?) GLOB ?", (text, pattern(wanted))).fetchone()
    assert bool(row[0]) is matches(text, wanted)


@pytest.mark.parametrize(
    ("text", "wanted", "same"),
    [
        ("Ann@Example.org", "ann@example.ORG", True),
        ("ann@example.org", "*@example.org", True),
        ("ann@example.org", "ann@*.org", True),
        ("ann@example.org", "a*n*@*org", True),
        ("ann@example.org", "ann@example.or", False),
        ("ab", "ab*b", False),
        ("a[b]@x", "a[b]@x", True),
        ("ab@x", "a[b]@x", False),
        ("ab@x", "a?@x", False),
        ("", "*", True),
    ],
)
def test_wildcards(text: str, wanted: str, *, same: bool) -> None:
    assert matches(text, wanted) is same


def test_many_stars_in_a_row_are_one() -> None:
    assert pattern("a***********b") == "a*b"
    with pytest.raises(ValueError, match="more than 4 wildcards"):
        condition(Choice(sender="*a*b*c*d*e"), 0.0)


@pytest.mark.parametrize(
    ("domain", "patterns"),
    [
        ("Example.NET.", ["*@example.net"]),
        ("*.example.net", ["*@*.example.net"]),
        ("bücher.example", ["*@bücher.example", "*@xn--bcher-kva.example"]),
        ("xn--bcher-kva.example", ["*@bücher.example", "*@xn--bcher-kva.example"]),
        ("[192.0.2.1]", ["*@[[]192.0.2.1]"]),
        ("a..b", ["*@a..b"]),
    ],
)
def test_domains(domain: str, patterns: list[str]) -> None:
    values = condition(Choice(domain=domain), 0.0).values
    assert sorted(json.loads(str(values["domains"]))) == sorted(patterns)
