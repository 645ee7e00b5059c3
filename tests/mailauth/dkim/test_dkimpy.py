"""dkimpy as the oracle, both ways, on messages that nobody would write."""

from __future__ import annotations

import asyncio

import dkim
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dkim_signer import Octets, Terms, Zone, signature
from postroad.mailauth.dkim.result import Result
from postroad.mailauth.dkim.signing_key import new_key
from postroad.mailauth.dkim.verification import Verifier
from postroad.model.fields import Fields

KEY = new_key("example.org", "s", "rsa", 1024)
# dkimpy reads PKCS #1 as well as this, and is slow with longer keys.
PEM = KEY.pem
NOW = 1_700_000_000.0

TEXT = st.text("ab :;=\t", max_size=12)
VALUES = st.lists(TEXT, min_size=1, max_size=3).map(lambda lines: "\r\n ".join(["x", *lines]))
HEADERS = st.lists(st.tuples(st.sampled_from(["To", "Subject", "X-A", "Date"]), VALUES), max_size=6)
BODIES = st.lists(st.sampled_from(["", " ", "\t", "a", "b c", "a  b ", ".", "é"]), max_size=8).map(
    lambda lines: "".join(f"{line}\r\n" for line in lines)
)
WAYS = st.sampled_from(["simple", "relaxed"])


def fields_of(headers: list[tuple[str, str]]) -> Fields:
    lines = [f"{name}: {value}\r\n" for name, value in headers]
    return Fields.of("".join(["From: ann@example.org\r\n", *lines]).encode())


def answer(name: bytes, timeout: int = 5) -> bytes:
    assert name == f"{KEY.name}.".encode()
    return KEY.record.encode()


@settings(max_examples=60, deadline=None)
@given(headers=HEADERS, body=BODIES, header_way=WAYS, body_way=WAYS, over=st.booleans())
def test_it_verifies_what_we_sign(
    headers: list[tuple[str, str]], body: str, header_way: str, body_way: str, over: bool
) -> None:
    fields, octets = fields_of(headers), body.encode()
    names = tuple(field.name for field in fields) + (("From", "To", "Cc") if over else ())
    terms = Terms(header=header_way, body=body_way, names=names)
    line = signature(fields, octets, KEY, terms)
    message = line + fields.octets + b"\r\n" + octets
    assert dkim.verify(message, dnsfunc=answer)


@settings(max_examples=60, deadline=None)
@given(headers=HEADERS, body=BODIES, header_way=WAYS, body_way=WAYS)
def test_we_verify_what_it_signs(
    headers: list[tuple[str, str]], body: str, header_way: str, body_way: str
) -> None:
    fields, octets = fields_of(headers), body.encode()
    line = dkim.sign(
        fields.octets + b"\r\n" + octets,
        b"s",
        b"example.org",
        PEM,
        canonicalize=(header_way.encode(), body_way.encode()),
        include_headers=[field.name.encode() for field in fields],
    )
    signed = Fields.of(line + fields.octets)
    verifier = Verifier(Zone.of(KEY), lambda: 2_000_000_000.0)
    (found,) = asyncio.run(verifier.verify(signed, Octets(octets)))
    assert found.result is Result.PASS, found.words


@pytest.mark.parametrize("body", [b"", b"\r\n", b" \r\n", b"a\r\n\r\n"])
def test_bodies_of_nothing(body: bytes) -> None:
    line = signature(fields_of([]), body, KEY, Terms(names=("From",)))
    assert dkim.verify(line + fields_of([]).octets + b"\r\n" + body, dnsfunc=answer)
