"""Bearer tokens that only their issuer understands."""

from __future__ import annotations

import asyncio
import base64
from urllib.parse import parse_qs

import pytest

from fake_issuer import ISSUER, JOHN, NOW, checker_of, port_of, reply
from postroad.directory import DirectoryUnavailable
from postroad.directory.oauth.introspection import MAX_ASKED

ACTIVE = {
    "active": True,
    "iss": ISSUER,
    "aud": "postroad",
    "email": JOHN,
    "email_verified": True,
    "scope": "mail.send",
}


@pytest.fixture
def secret(tmp_path):
    file = tmp_path / "oauth.secret"
    file.write_text("pass:wörd +\nrest\n")
    file.chmod(0o600)
    return file


@pytest.fixture
def asking(issuer, issuer_clock, accounts, secret):
    issuer.answer = lambda: reply(ACTIVE)
    return introspecting(issuer, issuer_clock, accounts, secret)


def introspecting(issuer, issuer_clock, accounts, secret, /, **changes):
    values = {
        "key_set": "",
        "introspection": issuer.url,
        "client_id": "postroad:1",
        "client_secret_file": secret,
    }
    return checker_of(issuer, issuer_clock, accounts, **(values | changes))


async def test_the_issuer_is_asked_about_an_opaque_token(issuer, asking):
    assert await asking.user_of("opaque+token") == JOHN
    ((first, headers, body),) = issuer.requests
    assert first == "POST /keys HTTP/1.1"
    assert parse_qs(body) == {"token": ["opaque+token"], "token_type_hint": ["access_token"]}
    kind, _, credentials = headers["authorization"].partition(" ")
    assert kind == "Basic"
    assert base64.b64decode(credentials) == b"postroad%3A1:pass%3Aw%C3%B6rd+%2B"


@pytest.mark.parametrize(
    "changes",
    [
        {"active": False},
        {"active": "true"},
        {"active": None},
        {"iss": "https://login.example.com"},
        {"aud": ["other"]},
        {"exp": NOW - 61},
        {"exp": "soon"},
        {"nbf": NOW + 61},
        {"email": "old@example.org"},
        {"email_verified": False},
        {"email_verified": None},
    ],
)
async def test_what_the_issuer_does_not_stand_for_is_no_good(issuer, asking, changes):
    issuer.answer = lambda: reply(ACTIVE | changes)
    assert await asking.user_of("opaque") is None


async def test_issuer_and_audience_may_be_left_to_the_answer(
    issuer, issuer_clock, accounts, secret
):
    checker = introspecting(issuer, issuer_clock, accounts, secret, issuer="", audience="")
    issuer.answer = lambda: reply({"active": True, "email": JOHN, "email_verified": True})
    assert await checker.user_of("opaque") == JOHN


async def test_an_answer_is_believed_for_a_while(issuer, asking, issuer_clock, accounts):
    for now, asked in ((0, 1), (29.9, 1), (30, 2)):
        issuer_clock.now = now
        assert await asking.user_of("opaque") == JOHN
        assert len(issuer.requests) == asked
    issuer.answer = lambda: reply({"active": False})
    assert await asking.user_of("other") is None
    issuer.answer = lambda: reply(ACTIVE)
    assert await asking.user_of("other") is None  # that as well
    accounts.disabled.add(JOHN)
    assert await asking.user_of("opaque") is None  # but the account is looked at each time


async def test_the_memory_can_be_switched_off(issuer, issuer_clock, accounts, secret):
    issuer.answer = lambda: reply(ACTIVE)
    checker = introspecting(issuer, issuer_clock, accounts, secret, introspection_cache=0.0)
    for _ in range(2):
        assert await checker.user_of("opaque") == JOHN
    assert len(issuer.requests) == 2


@pytest.mark.parametrize(
    "answer", [reply(b"", "401 Unauthorized"), reply([]), reply(b"active"), b"", reply("yes")]
)
async def test_no_answer_about_a_token_is_no_verdict(issuer, asking, answer):
    issuer.answer = lambda: answer
    with pytest.raises(DirectoryUnavailable):
        await asking.user_of("opaque")
    issuer.answer = lambda: reply(ACTIVE)
    assert await asking.user_of("opaque") == JOHN  # and nothing of it was remembered


async def test_a_flood_of_tokens_is_not_one_of_requests(issuer, asking):
    results = await asyncio.gather(
        *(asking.user_of(f"token {number}") for number in range(MAX_ASKED + 5)),
        return_exceptions=True,
    )
    refused = [each for each in results if isinstance(each, DirectoryUnavailable)]
    assert len(refused) == 5
    assert len(issuer.requests) == MAX_ASKED


async def test_a_certificate_that_nobody_vouches_for_ends_the_request(
    issuer_clock, accounts, secret, tmp_path, issuer
):
    import ssl

    from postroad.net.selfsigned import write_self_signed

    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    write_self_signed(("localhost", "127.0.0.1"), certificate, key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    issuer.answer = lambda: reply(ACTIVE)
    server = await asyncio.start_server(issuer.serve, "127.0.0.1", 0, ssl=context)
    url = f"https://127.0.0.1:{port_of(server)}/"
    strict = introspecting(issuer, issuer_clock, accounts, secret, introspection=url)
    with pytest.raises(DirectoryUnavailable, match="certificate verify failed"):
        await strict.user_of("opaque")
    assert issuer.requests == []
    trusting = introspecting(
        issuer, issuer_clock, accounts, secret, introspection=url, ca_file=certificate
    )
    assert await trusting.user_of("opaque") == JOHN
    server.close()
    await server.wait_closed()
