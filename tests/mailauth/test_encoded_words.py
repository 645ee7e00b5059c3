"""Encoded words, as programs decode them where none belong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.mailauth.encoded_words import readings


@pytest.mark.parametrize(
    ("field", "seen"),
    [
        (b"mail.example.org", b"mail.example.org"),
        (b"=?utf-8?q?mail=2Eexample?=.org", b"mail.example.org"),
        (b"=?UTF-8?B?bWFpbA==?= x =?x?Q?a_b?=", b"mail x a b"),
        (b"=?utf-8?b?bWFpbA?=", b"mail"),  # without its padding
        (b"=?iso-8859-1?q?=FC?=", b"\xfc"),
        (b"=?utf-16be?b?AGEAYg==?=", b"ab"),
        (b"=?utf-16?b?AGEAYg==?=", b"ab"),
        (b"=?utf-7?q?a+AEA-b?=", b"a@b"),
        (b"=?UTF-7*en?q?a+AEA-b?=", b"a@b"),  # with a language
        (b"=?utf7?q?a+AEA-b?=", b"a@b"),
        (b"=?IBM037?b?gXyC?=", b"a@b"),
        (b"=?utf-8?q?a=40?=\r\n =?utf-8?b?Yg==?= c", b"a@b c"),  # what folds two words is nothing
        (b"=?utf-8?q?=C3?= =?utf-8?q?=BC?=", b"\xc3\xbc"),
        (b"=?utf-8?b?a?=", b"a"),  # no base64
        (b"=?utf-8?x?mail?=", b"=?utf-8?x?mail?="),
        (b"=?utf-8?q?mail", b"=?utf-8?q?mail"),
    ],
)
def test_what_programs_see(field: bytes, seen: bytes) -> None:
    assert readings(field)[0] == seen


@pytest.mark.parametrize(
    ("field", "views"),
    [
        (b"mail", (b"mail",)),
        (b"=?utf-8?q?ma?= =?utf-8?q?il?=", (b"mail", b"ma il")),
        (b"=?utf-16?b?YQBAAGIA?=", ("\u6100\u4000\u6200".encode(), b"a@b")),
        (b"=?utf-16?b?YQ==?=", ("\ufffd".encode(),)),
    ],
)
def test_where_programs_differ(field: bytes, views: tuple[bytes, ...]) -> None:
    assert readings(field) == views


@given(st.lists(st.sampled_from([b"=?", b"?=", b"?q?", b"?b?", b"utf-16", b"=", b"\xff", b"A"])))
def test_nothing_makes_it_fail(pieces: list[bytes]) -> None:
    readings(b"".join(pieces))
