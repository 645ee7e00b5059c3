"""A message as a program reads it, in pieces that end anywhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.delivery.pipe_content import adapted, has_been_delivered, preamble
from queue_mail import NOON, MemoryContent, recipient

BOB = recipient("bob@example.net", "robert@example.org")


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("", b""),
        ("F", b"From alice@example.org Fri Jan 15 08:00:00 2027\n"),
        ("R", b"Return-Path: <alice@example.org>\n"),
        ("O", b"X-Original-To: robert@example.org\n"),
        ("D", b"Delivered-To: bob@example.net\n"),
        ("RO", b"Return-Path: <alice@example.org>\nX-Original-To: robert@example.org\n"),
        ("OD", b"X-Original-To: robert@example.org\nDelivered-To: bob@example.net\n"),
        ("DF", b"From alice@example.org Fri Jan 15 08:00:00 2027\nDelivered-To: bob@example.net\n"),
    ],
)
def test_lines_before_the_message(flags: str, expected: bytes) -> None:
    assert preamble(set(flags), "alice@example.org", BOB, NOON, "\n") == expected


@pytest.mark.parametrize(
    ("flags", "eol", "content", "expected"),
    [
        ("", "\n", b"a\r\nb\r\n", b"a\nb\n"),
        ("", "\r\n", b"a\r\nb\r\n", b"a\r\nb\r\n"),
        ("B", "\n", b"a\r\n", b"a\n\n"),
        (".", "\n", b".a\r\nb.\r\n..\r\n", b"..a\nb.\n...\n"),
        (">", "\n", b"From a\r\nFroma\r\nFrom \r\n>From\r\n", b">From a\nFroma\n>From \n>From\n"),
        ("", "\n", b"no end", b"no end"),
        ("", "\n", b"", b""),
    ],
)
def test_lines(flags: str, eol: str, content: bytes, expected: bytes) -> None:
    for piece in (1, 2, 3, 1000):
        pieces = MemoryContent(content, piece).chunks()
        assert b"".join(adapted(pieces, set(flags), eol)) == expected


@given(st.text("a.FL\n", max_size=12), st.sampled_from([6_997, 65_536, 65_537, 70_001]))
def test_how_it_is_cut_makes_no_difference(letters: str, piece: int) -> None:
    meant = {"F": "From ", "L": "x" * 70_000, "\n": "\r\n"}
    content = "".join(meant.get(letter, letter) for letter in letters).encode()
    flags = {".", ">"}
    whole = b"".join(adapted([content], flags, "\n"))
    cut = b"".join(adapted(MemoryContent(content, piece).chunks(), flags, "\n"))
    assert cut == whole


def test_no_more_than_two_pieces_are_held() -> None:
    pieces = [b"x" * 50_000] * 40
    found = list(adapted(pieces, set(), "\n"))
    assert max(map(len, found)) <= 2 * 65_536
    assert sum(map(len, found)) == 2_000_000


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"Delivered-To: bob@example.net\r\n\r\nx", True),
        (b"Subject: x\r\ndelivered-to:BOB@example.net \r\n\r\nx", True),
        (b"Delivered-To: carol@example.net\r\n\r\nx", False),
        (b"Subject: x\r\n\r\nDelivered-To: bob@example.net\r\n", False),
        (b"X-Delivered-To: bob@example.net\r\n\r\n", False),
        (b"", False),
    ],
)
def test_a_loop_is_seen(content: bytes, found: bool) -> None:
    assert has_been_delivered(MemoryContent(content, 7), BOB) is found
