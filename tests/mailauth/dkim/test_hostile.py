"""Fields and records that nobody means well with: read or refused, never an error."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dkim_signer import Octets, Zone, signature
from postroad.mailauth.dkim.public_key import PublicKey, key_of, key_of_records
from postroad.mailauth.dkim.result import Flaw, Result
from postroad.mailauth.dkim.signature import Signature, claim, read
from postroad.mailauth.dkim.signing_key import new_key
from postroad.mailauth.dkim.tags import MAX_TAGS, TagError, tags_of, without_value
from postroad.mailauth.dkim.verification import Verifier
from postroad.model.fields import Field, Fields

KEY = new_key("example.org", "s", "ed25519", 0)
HEADER = Fields.of(b"From: ann@example.org\r\n")
GOOD = signature(HEADER, b"Hello\r\n", KEY)

PIECES = st.sampled_from(
    [
        *("v=1", "a=rsa-sha256", "b=", "bh=", "d=example.org", "s=s", "h=from", "l=1", "t=1"),
        *("x=0", "c=simple", "i=@", "q=dns/txt", "=", ";", " ", "\r\n ", "\x00", "é", "p="),
        *("k=rsa", "\udcff"),
    ]
)
LISTS = st.lists(PIECES, max_size=14).map(";".join)


@given(text=LISTS | st.text(max_size=80))
def test_a_signature_field(text: str) -> None:
    field = Field(b"DKIM-Signature:" + text.encode("utf-8", "surrogateescape") + b"\r\n")
    assert isinstance(read(field), Signature | Flaw)
    found = claim(field)
    for value in (found.domain, found.selector, found.beginning, found.algorithm):
        assert value.isascii()
        assert not set(value) & set(' ;"\\()<>\r\n')


@given(text=LISTS | st.text(max_size=80))
def test_a_key_record(text: str) -> None:
    assert isinstance(key_of(text), PublicKey | Flaw)
    assert isinstance(key_of_records([text]), PublicKey | Flaw)


@given(octets=st.binary(max_size=120), at=st.integers(0, len(GOOD)))
def test_a_field_with_octets_in_it(octets: bytes, at: int) -> None:
    line = GOOD[:at] + octets.replace(b"\r", b"").replace(b"\n", b"") + GOOD[at:]
    verifier = Verifier(Zone.of(KEY), lambda: 2e9)
    found = asyncio.run(verifier.verify(HEADER.above(line), Octets(b"Hello\r\n")))
    assert all(each.result in Result for each in found)


@given(octets=st.binary(max_size=60))
def test_a_key_of_any_octets(octets: bytes) -> None:
    import base64

    text = base64.b64encode(octets).decode()
    for kind in ("rsa", "ed25519"):
        assert isinstance(key_of(f"v=DKIM1; k={kind}; p={text}"), PublicKey | Flaw)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a=1; b = 2 ;c=", {"a": "1", "b": "2", "c": ""}),
        ("a=1;", {"a": "1"}),
        ("a=1;\r\n ", {"a": "1"}),
        ("a = x = y", {"a": "x = y"}),
        ("", {}),
    ],
)
def test_tag_lists(text: str, expected: dict[str, str]) -> None:
    assert tags_of(text) == expected


@pytest.mark.parametrize(
    "text", ["a", "a=1;;b=2", "=1", "1=a", "a b=1", "a=1;a=2", "a=1;" * (MAX_TAGS + 5), ";"]
)
def test_what_is_no_tag_list(text: str) -> None:
    with pytest.raises(TagError):
        tags_of(text)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"X: a=1; b=xyz\r\n", b"X: a=1; b=\r\n"),
        (b"X: b=xyz; a=1\r\n", b"X: b=; a=1\r\n"),
        (b"X: a=1; b = x\r\n\ty ; bh=2\r\n", b"X: a=1; b =; bh=2\r\n"),
        (b"X: bh=2; ab=3\r\n", b"X: bh=2; ab=3\r\n"),
        (b"b: b=1\r\n", b"b: b=\r\n"),
    ],
)
def test_a_value_taken_out(line: bytes, expected: bytes) -> None:
    assert without_value(line, b"b") == expected


def test_a_large_exponent_is_refused() -> None:
    """It would make each verification as slow as a signing."""
    import base64

    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    modulus = rsa.generate_private_key(65537, 1024).public_key().public_numbers().n
    large = rsa.RSAPublicNumbers((1 << 512) + 1, modulus).public_key()
    octets = large.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    found = key_of(f"p={base64.b64encode(octets).decode()}")
    assert found == Flaw(Result.POLICY, "the exponent of the RSA key is too large")
