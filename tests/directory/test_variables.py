"""Dovecot's variables in names."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.directory.variables import Format, FormatMistake

USER = "John@Example.org"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("%u", "John@Example.org"),
        ("%n", "John"),
        ("%d", "Example.org"),
        ("%Lu", "john@example.org"),
        ("%Ln", "john"),
        ("%Un", "JOHN"),
        ("%Rn", "nhoJ"),
        ("%LRn", "nhoj"),
        ("%Mn", hashlib.md5(b"John").hexdigest()),
        ("%1n", "J"),
        ("%1Ln", "j"),
        ("%1.2n", "oh"),
        ("%-2.1n", "h"),
        ("%{user}", "John@Example.org"),
        ("%{username}", "John"),
        ("%L{domain}", "example.org"),
        ("%{user | lower}", "john@example.org"),
        ("%{user|username|upper}", "JOHN"),
        ("/var/mail/%Ld/%Ln/100%%", "/var/mail/example.org/john/100%"),
        ("plain", "plain"),
    ],
)
def test_a_format_of_a_user(text: str, expected: str) -> None:
    assert Format(text).of(USER) == expected


@pytest.mark.parametrize(("text", "expected"), [("%u", "john"), ("%n", "john"), ("%d", "")])
def test_a_user_without_a_domain(text: str, expected: str) -> None:
    assert Format(text).of("john") == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("%s", '"%s" cannot be used here'),
        ("%", "is no variable"),
        ("a % b", "is no variable"),
        ("%{rip}", "cannot be used here"),
        ("%Xu", 'no modifier "X"'),
        ("%{user | sha1}", 'no filter "sha1"'),
        ("%{user", "is no variable"),
        ("x" * 1001, "at most 1000"),
    ],
)
def test_what_is_no_format(text: str, words: str) -> None:
    with pytest.raises(FormatMistake, match=words.replace("|", r"\|")):
        Format(text)


@given(st.text(max_size=30))
def test_no_text_does_anything_else(text: str) -> None:
    try:
        found = Format(text)
    except FormatMistake:
        return
    assert "%" in text or found.of(USER) == text
