"""SCRAM: the exchanges of the RFCs, channel binding, and everything that must fail."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode

import pytest

from postroad.sasl import (
    MECHANISMS,
    Challenge,
    Malformed,
    Proved,
    Refuted,
    ScramSecret,
    SecretKind,
    SecretWanted,
)
from scram_client import ScramClient, verifier

END_POINT, UNIQUE = b"the hash of the certificate", b"the first Finished"
BINDINGS = {
    "tls-server-end-point": frozenset({b"the hash of the other one", END_POINT}),
    "tls-unique": frozenset({UNIQUE}),
}

FIRST_MALFORMED = Malformed("the client's first SCRAM message is malformed")
FINAL_MALFORMED = Malformed("the client's final SCRAM message is malformed")
HEADER_MALFORMED = Malformed("the GS2 header is malformed")


RFC_EXCHANGES = [
    (  # RFC 5802 §5
        "SCRAM-SHA-1",
        "3rfcNHYJY1ZVvWVs7j",
        "QSXCR+Q6sek8bf92",
        [
            b"n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
            b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
            b"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
            b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
        ],
    ),
    (  # RFC 7677 §3
        "SCRAM-SHA-256",
        "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
        "W22ZaJ0SNY7soEsUEjb6gQ==",
        [
            b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
            (
                b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
                b"s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
            ),
            (
                b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
                b"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
            ),
            b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
        ],
    ),
]


@pytest.mark.parametrize(("name", "nonce", "salt", "messages"), RFC_EXCHANGES)
def test_the_exchange_of_the_rfc(new_start, name, nonce, salt, messages):
    kind = SecretKind(name)
    secret = ScramSecret.of(kind, "pencil", b64decode(salt), 4096)
    exchange = MECHANISMS[name](new_start(nonce=lambda: nonce))
    client_first, server_first, client_final, server_final = messages

    wanted = exchange.step(client_first)

    assert wanted == SecretWanted("user", "", kind, lambda _: FIRST_MALFORMED)
    assert wanted.answer(secret) == Challenge(server_first)
    assert exchange.step(client_final) == Challenge(server_final, proved=True)
    assert exchange.step(b"") == Proved("user", "")


def play(exchange, client, secret):
    """The whole exchange up to where it fails, or to its end."""
    step = exchange.step(client.first())
    if not isinstance(step, SecretWanted):
        return step
    step = step.answer(secret)
    assert isinstance(step, Challenge)
    step = exchange.step(client.final(step.data))
    if not isinstance(step, Challenge):
        return step
    assert client.believes(step.data)
    return exchange.step(b"")


@pytest.mark.parametrize("kind", [SecretKind.SCRAM_SHA_1, SecretKind.SCRAM_SHA_256])
@pytest.mark.parametrize(
    ("binding", "data"), [("tls-server-end-point", END_POINT), ("tls-unique", UNIQUE)]
)
def test_channel_binding(new_start, kind, binding, data):
    start = new_start(channel_bindings=BINDINGS, plus_offered=True)
    client = ScramClient(kind=kind, header=f"p={binding},,", binding=data)

    assert play(MECHANISMS[f"{kind.value}-PLUS"](start), client, verifier(kind=kind)) == Proved(
        "john@example.org", ""
    )


def test_without_an_initial_response_it_is_asked_for(start):
    exchange = MECHANISMS["SCRAM-SHA-256"](start)
    assert exchange.step(None) == Challenge(b"")
    assert play(exchange, ScramClient(), verifier()) == Proved("john@example.org", "")


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("john@example.org", "john@example.org"),
        ("a=2Cb=3Dc", "a,b=c"),
        ("jürgen", "jürgen"),
        ("ju\u0308rgen", "jürgen"),  # SASLprep composes
        ("I\u00adX", "IX"),  # RFC 4013 §3
    ],
)
def test_names(start, written, name):
    client = ScramClient(written, header=f"n,a={written},")
    step = MECHANISMS["SCRAM-SHA-256"](start).step(client.first())
    assert isinstance(step, SecretWanted)
    assert step.authcid == name
    assert play(MECHANISMS["SCRAM-SHA-256"](start), client, verifier()).authcid == name


@pytest.mark.parametrize(
    ("header", "authzid"),
    [("n,,", ""), ("y,,", ""), ("n,a=,", ""), ("n,a=jane,", "jane"), ("y,a=a=2Cb=3D,", "a,b=")],
)
def test_whom_to_act_as(start, header, authzid):
    result = play(MECHANISMS["SCRAM-SHA-256"](start), ScramClient(header=header), verifier())
    assert result == Proved("john@example.org", authzid)


FIRST = [
    (b"", HEADER_MALFORMED),
    (b"n", HEADER_MALFORMED),
    (b"n,", HEADER_MALFORMED),
    (b"x,,n=john,r=abc", HEADER_MALFORMED),
    (b"N,,n=john,r=abc", HEADER_MALFORMED),
    (b"n=john,r=abc", HEADER_MALFORMED),
    (b"p,,n=john,r=abc", HEADER_MALFORMED),
    (b"p=,,n=john,r=abc", HEADER_MALFORMED),
    (b"p=tls_unique,,n=john,r=abc", HEADER_MALFORMED),
    (b"n,b=jane,n=john,r=abc", HEADER_MALFORMED),
    (b"n,a=ja=ne,n=john,r=abc", Malformed("the authorization identity is malformed")),
    (b"n,a=ja=2cne,n=john,r=abc", Malformed("the authorization identity is malformed")),
    (b"n,a=ja\0ne,n=john,r=abc", Malformed("the authorization identity is malformed")),
    (b"n,,m=ext,n=john,r=abc", Malformed("SCRAM extensions are not supported")),
    (b"n,,", FIRST_MALFORMED),
    (b"n,,n=john", FIRST_MALFORMED),
    (b"n,,n=john,r=", FIRST_MALFORMED),
    (b"n,,n=,r=abc", FIRST_MALFORMED),
    (b"n,,r=abc,n=john", FIRST_MALFORMED),
    (b"n,,n=jo=hn,r=abc", FIRST_MALFORMED),
    (b"n,,n=jo\0hn,r=abc", FIRST_MALFORMED),
    (b"n,,n=john,r=a bc", FIRST_MALFORMED),
    (b"n,,n=john,r=a\nbc", FIRST_MALFORMED),
    (b"n,,n=john,r=abc\n", FIRST_MALFORMED),
    ("n,,n=john,r=äbc".encode(), FIRST_MALFORMED),
    (b"n,,n=john,r=abc,", FIRST_MALFORMED),
    (b"n,,n=john,r=abc,x", FIRST_MALFORMED),
    (b"n,,n=\xff,r=abc", Malformed("SCRAM message is not UTF-8")),
]


@pytest.mark.parametrize(("message", "answer"), FIRST)
def test_malformed_first_messages(start, message, answer):
    assert MECHANISMS["SCRAM-SHA-256"](start).step(message) == answer


def test_optional_extensions_are_passed_over(start):
    """RFC 5802 §5.1: those that are not mandatory, anywhere that the grammar has them."""
    step = MECHANISMS["SCRAM-SHA-256"](start).step(b"n,,n=john,r=abc,x=1,y=2=3")
    assert isinstance(step, SecretWanted)
    assert step.answer(verifier()).data.startswith(b"r=abctheserversnonce,")


NOT_SHOWN = "the client was not shown that channel binding is offered"
CONTRADICTION = "channel binding and the mechanism's name contradict each other"
CHOICES = [
    ("SCRAM-SHA-256", "y,,", True, NOT_SHOWN),
    ("SCRAM-SHA-256-PLUS", "y,,", True, NOT_SHOWN),
    ("SCRAM-SHA-256-PLUS", "n,,", True, CONTRADICTION),
    ("SCRAM-SHA-256", "p=tls-unique,,", True, CONTRADICTION),
    ("SCRAM-SHA-256", "p=tls-unique,,", False, CONTRADICTION),
    (
        "SCRAM-SHA-256-PLUS",
        "p=tls-exporter,,",
        True,
        "channel binding tls-exporter cannot be had here",
    ),
]


@pytest.mark.parametrize(("mechanism", "header", "plus_offered", "reason"), CHOICES)
def test_choices_of_channel_binding_that_fail(new_start, mechanism, header, plus_offered, reason):
    start = new_start(channel_bindings=BINDINGS, plus_offered=plus_offered)
    client = ScramClient(header=header, binding=UNIQUE)
    assert play(MECHANISMS[mechanism](start), client, verifier()) == Refuted(
        "john@example.org", reason
    )


def test_a_machine_in_the_middle_has_another_connection(new_start):
    start = new_start(channel_bindings=BINDINGS, plus_offered=True)
    client = ScramClient(header="p=tls-server-end-point,,", binding=b"another certificate")
    assert play(MECHANISMS["SCRAM-SHA-256-PLUS"](start), client, verifier()) == Refuted(
        "john@example.org", "the channel binding is not the one of this connection"
    )


def test_a_header_that_was_changed_on_the_way(start):
    """The client's own is in its proof: who takes `y` for `n` gets no further."""
    client = ScramClient(header="y,,")
    exchange = MECHANISMS["SCRAM-SHA-256"](start)
    challenge = exchange.step(client.first().replace(b"y,,", b"n,,")).answer(verifier())
    assert exchange.step(client.final(challenge.data)) == Refuted(
        "john@example.org", "the channel binding is not the one of this connection"
    )


NONCE = b"r=theclientsnoncetheserversnonce"
PROOF = b64encode(bytes(32))
FINAL = [
    (b"", FINAL_MALFORMED),
    (b"c=biws", FINAL_MALFORMED),
    (b"c=biws," + NONCE, FINAL_MALFORMED),
    (b"c=biws," + NONCE + b",p=", FINAL_MALFORMED),
    (NONCE + b",c=biws,p=" + PROOF, FINAL_MALFORMED),
    (b"c=biws," + NONCE + b",p=" + PROOF + b",x=1", FINAL_MALFORMED),
    (b"c=biws," + NONCE + b",p=" + PROOF + b"\n", FINAL_MALFORMED),
    (b"m=x,c=biws," + NONCE + b",p=" + PROOF, FINAL_MALFORMED),
    (
        b"c=b=ws," + NONCE + b",p=" + PROOF,
        Malformed("the client's final SCRAM message is not base64"),
    ),
    (b"c=biws," + NONCE + b",p=abc", Malformed("the client's final SCRAM message is not base64")),
    (b"c=biws," + NONCE + b",p=YWJj", Malformed("the proof has the wrong length")),
    (
        b"c=biws,r=theclientsnonce,p=" + PROOF,
        Refuted("john@example.org", "the nonce is not the one of this exchange"),
    ),
    (
        b"c=biws," + NONCE + b"x,p=" + PROOF,
        Refuted("john@example.org", "the nonce is not the one of this exchange"),
    ),
    (
        b"c=eSws," + NONCE + b",p=" + PROOF,
        Refuted("john@example.org", "the channel binding is not the one of this connection"),
    ),
    (b"c=biws," + NONCE + b",p=" + PROOF, Refuted("john@example.org")),
    (b"c=biws," + NONCE + b",x=1,p=" + PROOF, Refuted("john@example.org")),
]


@pytest.mark.parametrize(("message", "answer"), FINAL)
@pytest.mark.parametrize("secret", [verifier(), None], ids=["known", "unknown"])
def test_final_messages_that_fail(start, message, answer, secret):
    exchange = MECHANISMS["SCRAM-SHA-256"](start)
    exchange.step(ScramClient().first()).answer(secret)
    assert exchange.step(message) == answer


def test_the_last_response_is_empty(start):
    exchange, client = MECHANISMS["SCRAM-SHA-256"](start), ScramClient()
    challenge = exchange.step(client.first()).answer(verifier())
    exchange.step(client.final(challenge.data))
    assert exchange.step(b"x") == Malformed("an empty response was expected")


def test_another_password(start):
    client = ScramClient(password="wintersun")
    assert play(MECHANISMS["SCRAM-SHA-256"](start), client, verifier()) == Refuted(
        "john@example.org"
    )


def test_a_proof_is_good_once(new_start):
    """What was overheard is worth nothing: the server's nonce is another."""
    nonces = iter(["one", "two"])
    start, client = new_start(nonce=lambda: next(nonces)), ScramClient()
    first, second = (MECHANISMS["SCRAM-SHA-256"](start) for _ in range(2))
    proof = client.final(first.step(client.first()).answer(verifier()).data)
    second.step(client.first()).answer(verifier())
    assert isinstance(second.step(proof), Refuted)
    assert isinstance(first.step(proof), Challenge)


class TestUnknownNames:
    """They are told apart from known ones by no message and by no work."""

    def challenge(self, start, name, secret):
        step = MECHANISMS["SCRAM-SHA-256"](start).step(ScramClient(name).first())
        return step.answer(secret).data.decode().split(",")

    def test_the_challenge_looks_the_same(self, start):
        known = self.challenge(start, "john@example.org", verifier())
        unknown = self.challenge(start, "nobody@example.org", None)
        assert [part[:2] for part in known] == [part[:2] for part in unknown]
        assert [len(part) for part in known] == [len(part) for part in unknown]
        assert known[2] == unknown[2]

    def test_the_salt_of_a_name_stays(self, start):
        first, second, other, shouted = (
            self.challenge(start, name, None)[1]
            for name in ("nobody@a", "nobody@a", "noone@a", "NOBODY@A")
        )
        assert first == second == shouted
        assert first != other

    def test_another_server_has_other_salts(self, start, new_start):
        other = new_start(fake_key=b"another server's")
        assert (
            self.challenge(start, "nobody@a", None)[1] != self.challenge(other, "nobody@a", None)[1]
        )

    @pytest.mark.parametrize("password", ["", "summersun", "known to the server only"])
    def test_no_password_fits(self, start, password):
        client = ScramClient("nobody@example.org", password)
        assert play(MECHANISMS["SCRAM-SHA-256"](start), client, None) == Refuted(
            "nobody@example.org"
        )

    def test_the_work_is_the_same(self, start, monkeypatch):
        work = []
        compute, hashing = hmac.digest, hashlib.new

        def counted(key, message, digest):
            work.append(("hmac", digest, len(message)))
            return compute(key, message, digest)

        def counted_hash(name, data):
            work.append(("hash", name, len(data)))
            return hashing(name, data)

        def worked(secret):
            client, exchange = (
                ScramClient("john@example.org", "wrong"),
                MECHANISMS["SCRAM-SHA-256"](start),
            )
            wanted = exchange.step(client.first())
            work.clear()
            with monkeypatch.context() as patched:
                patched.setattr(hmac, "digest", counted)
                patched.setattr(hashlib, "new", counted_hash)
                challenge = wanted.answer(secret)
            final = client.final(challenge.data)
            with monkeypatch.context() as patched:
                patched.setattr(hmac, "digest", counted)
                patched.setattr(hashlib, "new", counted_hash)
                assert exchange.step(final) == Refuted("john@example.org")
            return list(work)

        assert worked(verifier()) == worked(None) != []
