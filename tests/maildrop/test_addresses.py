"""Addresses as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.maildrop.addresses import completed, written


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("john@example.org", ["john@example.org"]),
        ("john, anna@example.org", ["john", "anna@example.org"]),
        ("john anna", ["john", "anna"]),
        ("John Smith <john@example.org>", ["john@example.org"]),
        ('"Smith, J." <john@example.org>, anna', ["john@example.org", "anna"]),
        ("john@example.org (John (the, first) Smith), anna", ["john@example.org", "anna"]),
        ("anna @ example.org", ["anna@example.org"]),
        ("anna (c) @ (d) example . org", ["anna@example.org"]),
        ("friends: john, anna;, eve", ["john", "anna", "eve"]),
        ("undisclosed-recipients:;", []),
        ("<@a.example,@b.example:john@example.org>", ["john@example.org"]),
        ('"john smith"@example.org', ['"john smith"@example.org']),
        ("john@[192.0.2.1]", ["john@[192.0.2.1]"]),
        ("<>", [""]),
        ("", []),
        (", ,", []),
        ("<john", ["john"]),
        ("john (never closed, anna", ["john"]),
        ('"never closed, anna', ['"never closed, anna']),
        ("jörg@bücher.example", ["jörg@bücher.example"]),
        ("\n\tjohn,\n\tanna\n", ["john", "anna"]),
    ],
)
def test_what_is_found(text: str, addresses: list[str]) -> None:
    assert [each.address for each in written(text)] == addresses


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("root", "root@x.example"),
        (" root (Cron Daemon)\n", " root@x.example (Cron Daemon)\n"),
        (" John <john>, anna@a.example\n", " John <john@x.example>, anna@a.example\n"),
        (" friends: john, anna;\n", " friends: john@x.example, anna@x.example;\n"),
        (" John Smith\n", " John Smith\n"),
        (" <>\n", " <>\n"),
    ],
)
def test_what_is_completed(text: str, whole: str) -> None:
    assert completed(text, "x.example") == whole


@given(st.text(alphabet='ab@.,;:<>()[]"\\ \n', max_size=60))
def test_nothing_is_found_where_it_is_not(text: str) -> None:
    end = 0
    for each in written(text):
        assert end <= each.start <= each.end <= len(text)
        end = each.end


@given(st.text(alphabet='ab@.,;:<>()[]"\\ \n', max_size=60))
def test_what_is_complete_stays(text: str) -> None:
    whole = completed(text, "x.example")
    assert completed(whole, "y.example") == whole


def test_a_field_of_parentheses_costs_what_its_length_costs() -> None:
    assert written("(" * 200_000) == []
    assert len(written("a," * 50_000)) == 50_000
