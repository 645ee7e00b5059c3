"""Header and body made ready to be hashed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dkim_signer import Octets, canonical_body
from postroad.mailauth.dkim.body_hash import Wanted, body_hashes
from postroad.mailauth.dkim.canonicalization import (
    BodyCanonicalization,
    Canonicalization,
    header_field,
)
from postroad.model.content import AT_HAND
from postroad.model.fields import Field

SIMPLE, RELAXED = Canonicalization.SIMPLE, Canonicalization.RELAXED
ODD = st.lists(st.sampled_from([b" ", b"\t", b"\r\n", b"\r", b"\n", b"a", b"  ", b"b c"])).map(
    b"".join
)


@pytest.mark.parametrize(
    ("octets", "simple", "relaxed"),
    [
        # RFC 6376 §3.4.5
        (b" C \r\nD \t E\r\n\r\n\r\n", b" C \r\nD \t E\r\n", b" C\r\nD E\r\n"),
        (b"", b"\r\n", b""),
        (b"\r\n", b"\r\n", b""),
        (b"\r\n\r\n", b"\r\n", b""),
        (b" \t\r\n", b" \t\r\n", b""),
        (b"a", b"a\r\n", b"a\r\n"),
        (b"a \t", b"a \t\r\n", b"a\r\n"),
        (b"a\r\n\r\nb\r\n", b"a\r\n\r\nb\r\n", b"a\r\n\r\nb\r\n"),
        (b"a\r\n \r\n", b"a\r\n \r\n", b"a\r\n"),
        (b"a\r\r\n", b"a\r\r\n", b"a\r\r\n"),
        (b"a\n\r\n", b"a\n\r\n", b"a\n\r\n"),
    ],
)
def test_bodies(octets: bytes, simple: bytes, relaxed: bytes) -> None:
    assert canonical_body(octets, "simple") == simple
    assert canonical_body(octets, "relaxed") == relaxed


@pytest.mark.parametrize(
    ("octets", "relaxed"),
    [
        (b"A: X\r\n", b"a:X\r\n"),
        (b"B : Y\t\r\n\tZ  \r\n", b"b:Y Z\r\n"),
        (b"Subject:\r\n", b"subject:\r\n"),
        (b"Subject:  \t \r\n", b"subject:\r\n"),
        (b"X: a:b\r\n", b"x:a:b\r\n"),
    ],
)
def test_fields(octets: bytes, relaxed: bytes) -> None:
    assert header_field(Field(octets), SIMPLE) == octets
    assert header_field(Field(octets), RELAXED) == relaxed


@given(octets=ODD, cuts=st.lists(st.integers(0, 40)))
def test_pieces_make_no_difference(octets: bytes, cuts: list[int]) -> None:
    for way in Canonicalization:
        machine, found, at = BodyCanonicalization(way), [], 0
        for cut in cuts:
            found += machine.feed(octets[at : at + cut])
            at += cut
        found += [*machine.feed(octets[at:]), *machine.end()]
        assert b"".join(found) == canonical_body(octets, way.value)


@given(octets=ODD.map(lambda each: each.replace(b"\r", b"").replace(b"\n", b"\r\n")))
def test_a_relaxed_body_is_as_the_rfc_says(octets: bytes) -> None:
    lines = [b" ".join(_words(line)).rstrip(b" ") for line in octets.split(b"\r\n")]
    while lines and not lines[-1]:
        lines.pop()
    assert canonical_body(octets, "relaxed") == b"".join(line + b"\r\n" for line in lines)


def _words(line: bytes) -> list[bytes]:
    parts = line.replace(b"\t", b" ").split(b" ")
    words = [part for part in parts if part]
    return [b"", *words] if words and not parts[0] else words


@pytest.mark.parametrize("unit", [b" \r\n", b"\r\n", b"\t \t", b" ", b"a  b ", b"\r", b"\n\r"])
async def test_megabytes_of_blanks(unit: bytes) -> None:
    """Large bodies go through a thread; what comes out is what it is of small pieces."""
    octets = unit * (1_100_000 // len(unit)) + b"\r\nend\r\n"
    assert len(octets) > AT_HAND
    wanted = [Wanted(SIMPLE), Wanted(RELAXED), Wanted(RELAXED, 10), Wanted(SIMPLE, 0)]
    whole = await body_hashes(Octets(octets, len(octets)), wanted)
    pieces = await body_hashes(Octets(octets, 1000), wanted)
    assert whole == pieces
    assert whole[Wanted(RELAXED)].size == len(canonical_body(octets, "relaxed"))


async def test_nothing_is_read_when_nothing_is_wanted() -> None:
    assert await body_hashes(Octets(b"x"), []) == {}
