"""Whatever octets come, each mechanism has an answer, and none of them is a login."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.sasl import (
    MECHANISMS,
    Certified,
    Challenge,
    CramSecret,
    Credentials,
    Malformed,
    Proved,
    Refuted,
    SecretWanted,
    Start,
    Token,
)
from scram_client import ScramClient, verifier

START = Start(
    nonce=lambda: "theserversnonce",
    hostname="mail.example.org",
    fake_key=b"known to the server only",
    iterations=16,
    channel_bindings={"tls-server-end-point": frozenset({b"binding"})},
)
CLIENT = ScramClient()
FINAL = CLIENT.final(b"r=theclientsnoncetheserversnonce,s=c2l4dGVlbiBvY3RldHMhIQ==,i=16")

PIECES = st.sampled_from(
    [
        b"n,,", b"y,,", b"p=tls-server-end-point,,", b"n,a=john,", b"n=john", b",", b"r=abc", b"=",
        b"=2C", b"=3D", b"\0", b"\1", b"\1\1", b"c=biws", b"p=", b"m=x", b"auth=Bearer ", b"user=",
        b"theclientsnoncetheserversnonce", b"\xff", b"john d41d8cd98f00b204e9800998ecf8427e", b" ",
        b"A" * 3000, FINAL, CLIENT.first(),
    ]
)  # fmt: skip
MESSAGES = st.binary(max_size=300) | st.lists(PIECES, max_size=8).map(b"".join)


@given(st.sampled_from(sorted(MECHANISMS)), st.lists(MESSAGES, min_size=1, max_size=4))
def test_any_octets_have_an_answer(mechanism, messages):
    exchange = MECHANISMS[mechanism](START)
    exchange.step(None)
    for message in messages:
        step = exchange.step(message)
        if isinstance(step, SecretWanted):
            step = step.answer(None)
            assert isinstance(step, Challenge | Refuted)
        elif isinstance(step, Token):
            step = step.refuse()
            assert isinstance(step, Challenge)
        assert isinstance(step, Challenge | Malformed | Refuted | Credentials | Certified)


@given(MESSAGES)
def test_no_octets_are_the_proof_of_a_password_that_is_not_known(message):
    for mechanism, secret in (
        ("SCRAM-SHA-256", verifier("a password that nobody has")),
        ("CRAM-MD5", CramSecret.of(b"a password that nobody has")),
    ):
        exchange = MECHANISMS[mechanism](START)
        exchange.step(None)
        first = CLIENT.first() if mechanism != "CRAM-MD5" else message
        step = exchange.step(first)
        if isinstance(step, SecretWanted):
            step = step.answer(secret)
        if isinstance(step, Challenge):
            step = exchange.step(message)
        assert not isinstance(step, Proved | Challenge)


LONGEST = [
    ("SCRAM-SHA-256", b"n,,n=john,r=" + b"x" * 3000, "SCRAM message too long"),
    (
        "SCRAM-SHA-256",
        b"n,,n=" + b"j" * 256 + b",r=x",
        "the client's first SCRAM message is malformed",
    ),
    (
        "SCRAM-SHA-256",
        b"n,,n=john,r=" + b"x" * 257,
        "the client's first SCRAM message is malformed",
    ),
    (
        "SCRAM-SHA-256",
        b"n,a=" + b"j" * 256 + b",n=j,r=x",
        "the authorization identity is malformed",
    ),
    ("XOAUTH2", b"user=j\1auth=Bearer " + b"x" * 8193 + b"\1\1", "the bearer token is too long"),
    (
        "XOAUTH2",
        b"user=" + b"j" * 256 + b"\1auth=Bearer x\1\1",
        "XOAUTH2 wants the fields user and auth",
    ),
    ("OAUTHBEARER", b"n,,\1auth=Bearer " + b"x" * 8193 + b"\1\1", "the bearer token is too long"),
]


@pytest.mark.parametrize(("mechanism", "message", "reason"), LONGEST)
def test_each_part_has_a_bound(mechanism, message, reason):
    assert MECHANISMS[mechanism](START).step(message) == Malformed(reason)


@pytest.mark.parametrize("name", sorted(MECHANISMS))
def test_a_name_of_a_mechanism_is_one(name):
    """RFC 4422 §3.1: at most 20 of these characters."""
    assert len(name) <= 20
    assert name.replace("-", "").replace("_", "").isalnum()
    assert name == name.upper()
