"""Bodies of examiners' making: whole line ends, whatever the pieces are, and no copy of them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dkim_signer import Octets as InPieces
from postroad.intake.new_body import new_body
from postroad.model.content import AT_HAND, PIECE, Octets

_BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n")


@given(st.lists(st.sampled_from([b"\r", b"\n", b"a", b"\r\n"])).map(b"".join), st.integers(1, 4))
async def test_whole_line_ends(octets: bytes, piece: int) -> None:
    found = await new_body(InPieces(octets, piece), is_binary=False)
    becomes = _BARE.sub(b"\r\n", octets)
    assert b"".join(found.content.chunks()) == becomes
    assert b"".join(found.content.chunks()) == becomes  # and a second time
    assert found.content.size == len(becomes)


@pytest.mark.parametrize(
    ("octets", "is_binary"),
    [(b"a\r\n" * AT_HAND, False), (b"x" * (PIECE - 1) + b"\r\n", False), (b"a\n", True)],
)
async def test_what_is_whole_is_not_copied(octets: bytes, is_binary: bool) -> None:
    body = Octets(octets)
    assert (await new_body(body, is_binary=is_binary)).content is body


async def test_large_ones_are_mended_in_pieces() -> None:
    octets = b"one\ntwo\r" * AT_HAND
    found = await new_body(InPieces(octets, len(octets)), is_binary=False)
    pieces = list(found.content.chunks())
    assert max(map(len, pieces)) <= 2 * PIECE
    assert b"".join(pieces) == b"one\r\ntwo\r\n" * AT_HAND
    assert found.content.size == sum(map(len, pieces))


@pytest.mark.parametrize("octets", [b"a", b"\xc3", b"a" * 70_000 + b"\xff\n"])
async def test_eight_bits_are_seen(octets: bytes) -> None:
    assert (await new_body(Octets(octets), is_binary=False)).eight_bit is not octets.isascii()
