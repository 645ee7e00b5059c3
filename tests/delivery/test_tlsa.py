"""TLSA records: their text, and which of them mail can use (RFC 7672 §3.1)."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as some

from postroad.delivery.tlsa import Tlsa, read, usable

SHA256 = "ab" * 32
SHA512 = "cd" * 64


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"3 1 1 {SHA256}", Tlsa(3, 1, 1, b"\xab" * 32)),
        (f"2 0 2 {SHA512[:100]} {SHA512[100:]}", Tlsa(2, 0, 2, b"\xcd" * 64)),
        ("3 0 0 30820101", Tlsa(3, 0, 0, b"0\x82\x01\x01")),
        ("3 1 1", None),
        ("3 1 x ab", None),
        ("3 1 1 abc", None),
        ("3 1 1 zz", None),
        ("", None),
    ],
)
def test_reading(text, expected):
    assert read(text) == expected
    assert expected is None or read(str(expected)) == expected


@pytest.mark.parametrize(
    ("text", "can_be_used"),
    [
        (f"3 1 1 {SHA256}", True),
        (f"2 0 1 {SHA256}", True),
        (f"3 0 2 {SHA512}", True),
        ("2 0 0 3082", True),
        (f"0 0 1 {SHA256}", False),  # RFC 7672 §3.1.3
        (f"1 1 1 {SHA256}", False),
        (f"4 1 1 {SHA256}", False),
        (f"255 1 1 {SHA256}", False),
        (f"3 2 1 {SHA256}", False),
        (f"3 1 3 {SHA256}", False),
        (f"3 1 1 {SHA512}", False),  # a digest of the wrong length matches nothing
        (f"3 1 2 {SHA256}", False),
    ],
)
def test_what_mail_can_use(text, can_be_used):
    assert bool(usable([text])) is can_be_used


def test_the_strongest_digest_counts():
    weak, strong, whole = f"3 1 1 {SHA256}", f"3 1 2 {SHA512}", "3 1 0 3059"
    other = f"3 0 1 {SHA256}"
    assert list(map(str, usable([weak, strong, whole, other]))) == [strong, whole, other]


@given(some.binary(min_size=1, max_size=200))
def test_digests_are_those_of_the_octets(octets):
    for matching, data in (
        (0, octets),
        (1, hashlib.sha256(octets).digest()),
        (2, hashlib.sha512(octets).digest()),
    ):
        record = Tlsa(3, 1, matching, data)
        assert record.is_of(octets)
        assert not record.is_of(octets + b"x")


@given(some.text(max_size=200))
def test_no_text_is_too_odd(text):
    assert read(text) is None or read(str(read(text))) == read(text)
