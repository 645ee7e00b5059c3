"""The client's side of SASL against the server's, and against the vectors of the RFCs."""

from __future__ import annotations

import pytest

from postroad.sasl import MECHANISMS, Challenge, Credentials, Proved, SecretWanted, Start, Token
from postroad.sasl.client import CLIENT_MECHANISMS, ClientStart, chosen, client_exchange
from postroad.sasl.client_scram import MAX_ITERATIONS, ScramClient
from postroad.sasl.secrets import CramSecret, ScramSecret, SecretKind

BINDINGS = {"tls-server-end-point": frozenset((b"certificate",))}
OTHERS = {"tls-server-end-point": frozenset((b"another",))}
ALL = frozenset(MECHANISMS)


def begun(**changes: object) -> ClientStart:
    given = {"username": "john@example.org", "secret": "summersun", "nonce": lambda: "clientnonce"}
    return ClientStart(**{**given, **changes})


def server(mechanism: str, **changes: object):
    given = {"nonce": lambda: "servernonce", "hostname": "mx.example.org", "fake_key": b"k"}
    return MECHANISMS[mechanism](Start(**{**given, **changes}))


def play(mechanism: str, start: ClientStart, *, password: str = "summersun", **changes: object):
    """Both sides against each other; the server's last step, and the client's exchange."""
    exchange, other = client_exchange(mechanism, start), server(mechanism, **changes)
    step = other.step(exchange.begin())
    for _ in range(10):
        if isinstance(step, SecretWanted):
            kind = step.kind
            secret = (
                CramSecret.of(password.encode())
                if kind is SecretKind.CRAM_MD5
                else ScramSecret.of(kind, password, b"sixteen octets!!", 4096)
            )
            step = step.answer(secret)
        elif isinstance(step, Challenge):
            response = exchange.respond(step.data)
            if response is None:
                return None, exchange
            step = other.step(response)
        else:
            break
    return step, exchange


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_passwords_that_are_sent(mechanism):
    step, exchange = play(mechanism, begun(secret="grüße, ihr"))
    assert step == Credentials("john@example.org", "", "grüße, ihr")
    assert exchange.complete


@pytest.mark.parametrize("mechanism", ["CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"])
def test_passwords_that_are_proved(mechanism):
    step, exchange = play(mechanism, begun())
    assert step == Proved("john@example.org", "")
    assert exchange.complete
    step, exchange = play(mechanism, begun(secret="wrong"))
    assert not isinstance(step, Proved)


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS"])
def test_channel_binding(mechanism):
    start = begun(channel_bindings=BINDINGS, plus_offered=True)
    step, exchange = play(mechanism, start, channel_bindings=BINDINGS, plus_offered=True)
    assert step == Proved("john@example.org", "")
    assert exchange.complete
    step, exchange = play(mechanism, start, channel_bindings=OTHERS, plus_offered=True)
    assert not isinstance(step, Proved), "somebody is in the middle"


def test_a_list_of_mechanisms_that_was_changed_on_the_way_is_noticed():
    start = begun(channel_bindings=BINDINGS, plus_offered=False)
    step, _ = play("SCRAM-SHA-256", start, channel_bindings=BINDINGS, plus_offered=True)
    assert not isinstance(step, Proved)
    start = begun(channel_bindings=BINDINGS, plus_offered=True)
    step, _ = play("SCRAM-SHA-256", start, channel_bindings=BINDINGS, plus_offered=True)
    assert isinstance(step, Proved), "our own choice is none"


def test_names_with_commas():
    step, _ = play("SCRAM-SHA-256", begun(username="a,b=c@example.org"))
    assert step == Proved("a,b=c@example.org", "")


@pytest.mark.parametrize("mechanism", ["XOAUTH2", "OAUTHBEARER"])
def test_tokens(mechanism):
    start = begun(secret="ya29.token", host="mx.example.org", port=587)
    step, exchange = play(mechanism, start)
    assert isinstance(step, Token)
    assert (step.token, step.authzid) == ("ya29.token", "john@example.org")
    assert exchange.complete
    refusal = step.refuse()
    assert exchange.respond(refusal.data) is not None, "the refusal is acknowledged"
    assert not exchange.complete, "and no word of success is believed after it"
    assert exchange.respond(b"more") is None


def test_the_vector_of_rfc_5802():
    client = ScramClient("sha1", "user", "pencil", "fyko+d2lbbFgONRv9qkxdawL")
    assert client.begin() == b"n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL"
    first = b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096"
    assert client.respond(first) == (
        b"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts="
    )
    assert not client.complete
    assert client.respond(b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=") == b""
    assert client.complete


def test_the_vector_of_rfc_7677():
    client = ScramClient("sha256", "user", "pencil", "rOprNGfwEbeRWgbNEkqO")
    first = (
        b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    )
    proof = client.respond(first)
    assert proof is not None
    assert proof.endswith(b",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
    assert client.respond(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=") == b""


def test_the_vector_of_rfc_2195():
    exchange = client_exchange("CRAM-MD5", begun(username="tim", secret="tanstaaftanstaaf"))
    assert exchange.begin() is None
    assert exchange.respond(b"<1896.697170952@postoffice.reston.mci.net>") == (
        b"tim b913a602c7eda7a495b4e6e7334d3890"
    )
    assert exchange.respond(b"again") is None


@pytest.mark.parametrize(
    "challenge",
    [
        b"",
        b"\xff",
        b"r=clientnonce,s=AAAA,i=4096",  # nothing of its own
        b"r=othernonce,s=AAAA,i=4096",
        b"r=clientnoncex,s=AAAA,i=1",
        b"r=clientnoncex,s=AAAA,i=%d" % (MAX_ITERATIONS + 1),
        b"r=clientnoncex,s=AAAA,i=9999999999",
        b"r=clientnoncex,s=A,i=4096",
        b"m=x,r=clientnoncex,s=AAAA,i=4096",
        b"e=other-error",
        b"r=clientnoncex,s=AAAA,i=4096" + b",x=y" * 2000,
    ],
)
def test_a_server_that_plays_no_scram_is_left(challenge):
    client = ScramClient("sha256", "user", "pencil", "clientnonce")
    assert client.respond(challenge) is None
    assert client.failure
    assert not client.complete


@pytest.mark.parametrize("final", [b"", b"v=AAAA", b"e=invalid-proof", b"v=%%%"])
def test_a_server_that_does_not_know_the_password_is_not_believed(final):
    client = ScramClient("sha256", "user", "pencil", "clientnonce")
    assert client.respond(b"r=clientnoncex,s=AAAA,i=4096") is not None
    assert client.respond(final) is None
    assert not client.complete


SAFE = {"token": False, "encrypted": True, "bound": True}


@pytest.mark.parametrize(
    ("offered", "changes", "names"),
    [
        (ALL, {}, [*list(CLIENT_MECHANISMS)[1:3], "SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"]),
        ({"LOGIN", "PLAIN", "CRAM-MD5"}, {}, ["PLAIN", "LOGIN", "CRAM-MD5"]),
        ({"LOGIN", "PLAIN", "CRAM-MD5"}, {"encrypted": False}, ["CRAM-MD5"]),
        ({"LOGIN", "PLAIN"}, {"encrypted": False}, []),
        ({"SCRAM-SHA-256-PLUS", "PLAIN"}, {"bound": False}, ["PLAIN"]),
        (ALL, {"token": True}, ["OAUTHBEARER", "XOAUTH2"]),
        (ALL, {"token": True, "encrypted": False}, []),
        (ALL, {"allowed": ["PLAIN", "SCRAM-SHA-1"]}, ["PLAIN", "SCRAM-SHA-1"]),
        ({"DIGEST-MD5", "GSSAPI"}, {}, []),
    ],
)
def test_the_choice(offered, changes, names):
    found = chosen(frozenset(offered), **{**SAFE, **changes})
    assert found[: len(names)] == names
    assert bool(found) == bool(names)
