"""Fields that policy puts before a message, whatever it says."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.intake.header import HeaderSection
from postroad.intake.prepended import MAX_PREPENDED, field_lines, prepended

SPF = "Received-SPF: Softfail (mailfrom) identity=mailfrom; client-ip=192.0.2.7; helo=peer.example;"


@pytest.mark.parametrize(
    ("field", "lines"),
    [
        ("X-Spam: no", b"X-Spam: no\r\n"),
        (SPF, SPF.encode() + b"\r\n"),
        ("X-Empty:", b"X-Empty:\r\n"),
        ("X-Old : value", b"X-Old : value\r\n"),
        ("X-Tab:\tvalue", b"X-Tab:\tvalue\r\n"),
        ("  X-Blank: v  ", b"X-Blank: v\r\n"),
        ("X-Name: Grüße", "X-Name: Grüße\r\n".encode()),
        ("X-One: a\r\nX-Two: b", b"X-One: a X-Two: b\r\n"),
        ("X-One: a\n\nbody", b"X-One: a body\r\n"),
        ("X-One: a\r\n\r\n", b"X-One: a\r\n"),
        ("X-Nul: a\0b\x7fc", b"X-Nul: a b c\r\n"),
        ("X-Half: \ud800", b"X-Half: ?\r\n"),
        ("no field", b""),
        ("", b""),
        (": x", b""),
        ("Two Words: x", b""),
        ("Ünicode: x", b""),
        ("X\n: y", b"X : y\r\n"),
    ],
)
def test_fields(field: str, lines: bytes) -> None:
    assert field_lines(field) == lines


@pytest.mark.parametrize(
    ("field", "longest"),
    [
        ("X-Long: " + "word " * 1000, 998),
        ("X-Long: " + "x" * 5000, 998),
        ("X-Long: " + "ü" * 5000, 998),
        ("X-Long:" + " " * 5000 + "x", 998),
        ("X-Long: x" + " \t" * 5000 + "y", 998),
        ("X" * 900 + ": " + "y" * 300, 998),
    ],
)
def test_long_fields_are_folded(field: str, longest: int) -> None:
    octets = field_lines(field)
    first, *rest = octets.removesuffix(b"\r\n").split(b"\r\n")
    assert all(0 < len(line) <= longest for line in (first, *rest))
    assert all(line.startswith(b" ") and line.strip() for line in rest)
    assert b":" in first
    unfolded = octets.decode().replace("\r\n", "")
    assert re.sub(r"\s", "", unfolded) == re.sub(r"\s", "", field)


def test_they_keep_their_order_and_have_a_bound() -> None:
    fields = ["A: 1", "none", "B: 2", "C: " + "x" * MAX_PREPENDED, "D: 4"]
    octets, left_out = prepended(fields)
    assert octets == b"A: 1\r\nB: 2\r\nD: 4\r\n"
    assert left_out == (fields[1], fields[3])
    octets, left_out = prepended(["X-Field: " + "y" * 900] * 1000)
    assert len(octets) <= MAX_PREPENDED
    assert len(left_out) > 900


@given(st.lists(st.text(max_size=3000) | st.text().map("X-A: {}".format), max_size=4))
def test_nothing_gets_out_of_its_field(fields: list[str]) -> None:
    """A parser of header sections sees these fields and no other, and the message's own behind."""
    octets, left_out = prepended(fields)
    section = HeaderSection(0)
    assert section.feed(octets + b"Subject: own\r\n\r\nbody")
    assert section.fields == octets + b"Subject: own\r\n"
    names = re.findall(rb"(?m)^[!-9;-~]+[ \t]*:", section.fields)
    assert len(names) == len(fields) - len(left_out) + 1
    assert all(len(line) <= 998 for line in octets.split(b"\r\n"))
