"""CRAM-MD5: the exchange of RFC 2195, and everything that must fail."""

from __future__ import annotations

import hmac

import pytest

from postroad.sasl import MECHANISMS, Challenge, CramSecret, Malformed, Proved, Refuted, SecretKind

TIM = CramSecret.of(b"tanstaaftanstaaf")
CHALLENGE = b"<1896.697170952@postoffice.reston.mci.net>"
FORM = Malformed("CRAM-MD5 wants a name, a space and 32 hexadecimal digits")


@pytest.fixture
def exchange(new_start):
    return MECHANISMS["CRAM-MD5"](
        new_start(nonce=lambda: "1896.697170952", hostname="postoffice.reston.mci.net")
    )


def test_the_exchange_of_the_rfc(exchange):
    """RFC 2195 §2."""
    assert exchange.step(None) == Challenge(CHALLENGE)
    wanted = exchange.step(b"tim b913a602c7eda7a495b4e6e7334d3890")
    assert (wanted.authcid, wanted.authzid, wanted.kind) == ("tim", "", SecretKind.CRAM_MD5)
    assert wanted.answer(TIM) == Proved("tim", "")


@pytest.mark.parametrize("password", [b"x", b"p" * 64, b"p" * 65, "grüße".encode()])
def test_passwords_of_every_length(exchange, password):
    exchange.step(None)
    answer = hmac.digest(password, CHALLENGE, "md5").hex().encode()
    wanted = exchange.step(b"john smith " + answer)
    assert wanted.answer(CramSecret.of(password)) == Proved("john smith", "")


@pytest.mark.parametrize("secret", [TIM, None], ids=["known", "unknown"])
def test_a_wrong_answer(exchange, secret):
    exchange.step(None)
    assert exchange.step(b"tim " + b"0" * 32).answer(secret) == Refuted("tim")


def test_the_right_answer_of_nobody(exchange):
    exchange.step(None)
    wanted = exchange.step(b"tim b913a602c7eda7a495b4e6e7334d3890")
    assert wanted.answer(None) == Refuted("tim")


@pytest.mark.parametrize(
    ("response", "answer"),
    [
        (b"", FORM),
        (b"tim", FORM),
        (b" b913a602c7eda7a495b4e6e7334d3890", FORM),
        (b"tim b913a602c7eda7a495b4e6e7334d389", FORM),
        (b"tim b913a602c7eda7a495b4e6e7334d38900", FORM),
        (b"tim B913A602C7EDA7A495B4E6E7334D3890", FORM),
        (b"tim b913a602c7eda7a495b4e6e7334d3890\n", FORM),
        (b"t" * 256 + b" b913a602c7eda7a495b4e6e7334d3890", Malformed("name too long")),
        (b"\xff b913a602c7eda7a495b4e6e7334d3890", Malformed("name is not UTF-8")),
    ],
)
def test_malformed_answers(exchange, response, answer):
    exchange.step(None)
    assert exchange.step(response) == answer


def test_an_initial_response_is_refused(exchange):
    """RFC 4954 §4: the server speaks first here."""
    answer = exchange.step(b"tim b913a602c7eda7a495b4e6e7334d3890")
    assert answer == Malformed("CRAM-MD5 takes no initial response", "5.7.0")


def test_unknown_names_cost_the_same(exchange, monkeypatch):
    digest, messages = CramSecret.digest, []

    def counted(self, message):
        messages.append(message)
        return digest(self, message)

    monkeypatch.setattr(CramSecret, "digest", counted)
    exchange.step(None)
    wanted = exchange.step(b"tim " + b"0" * 32)
    wanted.answer(None)
    wanted.answer(TIM)
    assert messages == [CHALLENGE, CHALLENGE]
