"""XOAUTH2 and OAUTHBEARER: the messages of Google's page and of RFC 7628."""

from __future__ import annotations

import json

import pytest

from postroad.sasl import MECHANISMS, Challenge, Malformed, Refuted, Token

GOOGLE = b"user=someuser@example.com\1auth=Bearer ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg\1\1"
RFC = (  # RFC 7628 §4.1
    b"n,a=user@example.com,\1host=server.example.com\1port=143\1"
    b"auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\1\1"
)
TOKEN = Malformed("the bearer token is malformed")
FIELDS = Malformed("the fields of the message are malformed")
HEADER = Malformed("the GS2 header is malformed")
NAMES = Malformed("XOAUTH2 wants the fields user and auth")


def refuse():
    raise AssertionError("never compared")


MESSAGES = [
    (
        "XOAUTH2",
        GOOGLE,
        Token("someuser@example.com", "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg", refuse),
    ),
    ("XOAUTH2", b"auth=bearer x\1user=j\1\1", Token("j", "x", refuse)),
    ("XOAUTH2", b"user=j\1auth=Bearer   x==\1\1", Token("j", "x==", refuse)),
    ("XOAUTH2", b"", NAMES),
    ("XOAUTH2", b"\1\1", NAMES),
    ("XOAUTH2", b"user=j\1auth=Bearer x\1", NAMES),
    ("XOAUTH2", b"user=j\1auth=Bearer x", NAMES),
    ("XOAUTH2", b"user=\1auth=Bearer x\1\1", NAMES),
    ("XOAUTH2", b"user=j\1user=k\1auth=Bearer x\1\1", NAMES),
    ("XOAUTH2", b"user=j\0\1auth=Bearer x\1\1", NAMES),
    ("XOAUTH2", b"user=j\1x\1auth=Bearer x\1\1", NAMES),
    ("XOAUTH2", b"auth=Bearer x\1\1", NAMES),
    ("XOAUTH2", b"user=j\1\1", TOKEN),
    ("XOAUTH2", b"user=j\1auth=x\1\1", TOKEN),
    ("XOAUTH2", b"user=j\1auth=Basic eA==\1\1", TOKEN),
    ("XOAUTH2", b"user=j\1auth=Bearer \1\1", TOKEN),
    ("XOAUTH2", b"user=j\1auth=Bearer a b\1\1", TOKEN),
    ("XOAUTH2", b"user=j\1auth=Bearer a\nb\1\1", TOKEN),
    ("XOAUTH2", b"user=j\1auth=Bearer x\n\1\1", TOKEN),
    ("XOAUTH2", b"user=\xff\1auth=Bearer x\1\1", Malformed("the message is not UTF-8")),
    (
        "OAUTHBEARER",
        RFC,
        Token("user@example.com", "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==", refuse),
    ),
    ("OAUTHBEARER", b"n,,\1auth=Bearer x\1\1", Token("", "x", refuse)),
    ("OAUTHBEARER", b"y,a=a=2Cb,\1auth=Bearer x\1\1", Token("a,b", "x", refuse)),
    ("OAUTHBEARER", b"", HEADER),
    ("OAUTHBEARER", b"\1auth=Bearer x\1\1", HEADER),
    ("OAUTHBEARER", b"n,,auth=Bearer x\1\1", FIELDS),
    ("OAUTHBEARER", b"n,,", FIELDS),
    ("OAUTHBEARER", b"n,,\1\1", TOKEN),
    ("OAUTHBEARER", b"n,,\1host=h\1\1", TOKEN),
    (
        "OAUTHBEARER",
        b"p=tls-unique,,\1auth=Bearer x\1\1",
        Malformed("OAUTHBEARER has no channel binding"),
    ),
]


@pytest.mark.parametrize(("mechanism", "message", "answer"), MESSAGES)
def test_messages(start, mechanism, message, answer):
    assert MECHANISMS[mechanism](start).step(message) == answer


@pytest.mark.parametrize(
    ("mechanism", "message", "status"),
    [("XOAUTH2", GOOGLE, "401"), ("OAUTHBEARER", RFC, "invalid_token")],
)
@pytest.mark.parametrize("acknowledgement", [b"", b"\1", b"AQ==", b"\xff"])
def test_a_token_that_is_refused(start, mechanism, message, status, acknowledgement):
    exchange = MECHANISMS[mechanism](start)
    assert exchange.step(None) == Challenge(b"")
    token = exchange.step(message)
    challenge = token.refuse()
    assert json.loads(challenge.data)["status"] == status
    assert exchange.step(acknowledgement) == Refuted(token.authzid, "the token was refused")


def test_a_client_that_asks_what_is_wanted(start):
    """RFC 7628 §3.1: a message with an empty auth."""
    exchange = MECHANISMS["OAUTHBEARER"](start)
    challenge = exchange.step(b"n,a=j,\1auth=\1\1")
    assert json.loads(challenge.data) == {"status": "invalid_token"}
    assert exchange.step(b"\1") == Refuted("j", "the token was refused")


def test_the_token_is_not_shown(start):
    assert "ya29" not in repr(MECHANISMS["XOAUTH2"](start).step(GOOGLE))
