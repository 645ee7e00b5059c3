"""Signed bearer tokens, from an issuer on loopback that can be told to misbehave."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc.jwk import OctKey, RSAKey

from fake_issuer import (
    BOUND,
    CLAIMS,
    EC,
    ED,
    ISSUER,
    JOHN,
    KEYS,
    NOW,
    OTHER_RSA,
    RSA,
    SEALING,
    SHORT,
    checker_of,
    encoded,
    forged,
    port_of,
    public,
    reply,
    token,
)
from postroad.directory import DirectoryUnavailable
from postroad.directory.oauth.fetch import MAX_ANSWER
from postroad.directory.oauth.key_set import MAX_STALE, MIN_INTERVAL
from postroad.directory.oauth.oauth import MAX_TOKEN, OAuthFileError, load_secret, token_checker
from postroad.directory.oauth.settings import ALGORITHMS, OAuthSettings


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [(RSA, "RS256"), (RSA, "PS256"), (EC, "ES256"), (ED, "Ed25519"), (BOUND, "PS256")],
)
async def test_a_token_of_the_issuer_names_the_account(checker, key, algorithm):
    assert await checker.user_of(token(key, algorithm)) == JOHN


async def test_the_old_name_of_a_signature_is_known(checker):
    assert await checker.user_of(token(ED, "EdDSA")) == JOHN


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "postroad"},
        {"exp": NOW - 59},
        {"nbf": NOW + 59},
        {"nbf": ...},
        {"exp": NOW + 0.5},
        {"email_verified": "true"},  # as some issuers write it
        {"scope": ...},
    ],
)
async def test_claims_that_are_good(checker, claims):
    assert await checker.user_of(token(**claims)) == JOHN


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://login.example.com"},
        {"iss": ISSUER + "/"},
        {"iss": [ISSUER]},
        {"iss": ...},
        {"aud": "other"},
        {"aud": ["Postroad"]},
        {"aud": ...},
        {"aud": {"postroad": True}},
        {"exp": NOW - 61},
        {"exp": ...},
        {"exp": 10**400},
        {"exp": True},
        {"nbf": NOW + 61},
        {"email": "old@example.org"},
        {"email": "nobody@example.org"},
        {"email": "john@elsewhere.test"},
        {"email": ""},
        {"email": ["john@example.org"]},
        {"email": "x" * 400 + "@example.org"},
        {"email": ...},
        {"email_verified": False},
        {"email_verified": "false"},
        {"email_verified": None},
        {"email_verified": ...},
        {"email_verified": 1},
        {"email_verified": "yes"},
    ],
)
async def test_claims_that_are_not(checker, claims):
    assert await checker.user_of(token(**claims)) is None


@pytest.mark.parametrize(
    ("scope", "good"),
    [
        ({"scope": "mail.send openid"}, True),
        ({"scope": ..., "scp": ["openid", "mail.send"]}, True),
        ({"scope": ..., "scp": "mail.send openid"}, True),
        ({"scope": "mail.sender openid"}, False),
        ({"scope": "mail.send"}, False),
        ({"scope": ...}, False),
        ({"scope": {"mail.send": 1}}, False),
    ],
)
async def test_all_scopes_must_be_granted(issuer, issuer_clock, accounts, scope, good):
    checker = checker_of(issuer, issuer_clock, accounts, scopes=("mail.send", "openid"))
    assert (await checker.user_of(token(**scope)) == JOHN) is good


async def test_another_claim_may_name_the_account(issuer, issuer_clock, accounts):
    checker = checker_of(issuer, issuer_clock, accounts, user_claim="preferred_username")
    assert await checker.user_of(token(preferred_username=JOHN, email_verified=False)) == JOHN
    assert await checker.user_of(token(preferred_username=JOHN, email_verified=...)) == JOHN
    assert await checker.user_of(token()) is None


def freed(key):
    """The same key without a word of what it is for."""
    parts = key.as_dict(private=True)
    return RSAKey.import_key({each: parts[each] for each in parts if each not in ("use", "alg")})


PUBLIC_PEM = RSA.as_pem(private=False)


def hmac_by(octets):
    return lambda signed: hmac.digest(octets, signed, hashlib.sha256)


HOSTILE = {
    "empty": "",
    "one part": "x",
    "three empty parts": "..",
    "five parts, as if sealed": "a.b.c.d.e",
    "no base64": "!.!.!",
    "not ASCII": token()[:-1] + "ü",
    "deep": f"{encoded(b'[' * 10_000)}.e30.e30",
    "deep claims": f"{encoded({'alg': 'RS256', 'kid': 'rsa'})}.{encoded(b'[' * 9_000)}.e30",
    "header is a list": forged([]),
    "header is no UTF-8": f"{encoded(bytes([255]))}.e30.e30",
    "alg none": forged({"alg": "none"}),
    "alg None": forged({"alg": "None", "kid": "rsa"}),
    "no alg": forged({"kid": "rsa"}),
    "alg is a list": forged({"alg": ["RS256"], "kid": "rsa"}),
    "HMAC with the public key": forged({"alg": "HS256", "kid": "rsa"}, sign=hmac_by(PUBLIC_PEM)),
    "HMAC with the modulus": forged(
        {"alg": "HS256", "kid": "rsa"}, sign=hmac_by(public(RSA)[0]["n"].encode())
    ),
    "HMAC by a key of its own": token(OctKey.generate_key(256, {"kid": "oct"}), "HS256"),
    "signed by another": token(OTHER_RSA),
    "an algorithm that is off": token(RSA, "RS512"),
    "EC algorithm, RSA key": forged({"alg": "ES256", "kid": "rsa"}, sign=lambda _: b"x" * 64),
    "RSA algorithm, EC key": forged({"alg": "RS256", "kid": "ec"}, sign=lambda _: b"x" * 256),
    "another curve": forged({"alg": "ES256", "kid": "wide"}, sign=lambda _: b"x" * 64),
    "a key for another algorithm": token(freed(BOUND), "RS256"),
    "a key for sealing": token(freed(SEALING), "RS256"),
    "a key that is too short": token(SHORT, "RS256"),
    "an unknown kid": token(RSA, header={"kid": "nope"}),
    "a kid that is none": forged({"alg": "RS256", "kid": 7}),
    "a huge kid": forged({"alg": "RS256", "kid": "x" * 5000}),
    "a key of its own": token(OTHER_RSA, header={"jwk": public(OTHER_RSA)[0], "kid": ...}),
    "a place for keys": token(OTHER_RSA, header={"jku": "https://evil.example/keys"}),
    "a critical extension": forged({"alg": "RS256", "kid": "rsa", "crit": ["exp"], "exp": 1}),
    "of another type": token(header={"typ": "logout+jwt"}),
    "claims are a list": forged({"alg": "RS256", "kid": "rsa"}, []),
    "cut": token()[:-4],
    "with a tail": token() + ".x",
    "huge": token(groups="x" * MAX_TOKEN),
    "expired": token(exp=NOW - 3600),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_token_is_no_good(checker, name):
    assert await checker.user_of(HOSTILE[name]) is None


async def test_a_token_that_was_changed_is_no_good(checker):
    head, claims, signature = token().split(".")
    changed = encoded(CLAIMS | {"email": "ann@example.org"})
    assert await checker.user_of(f"{head}.{changed}.{signature}") is None
    assert await checker.user_of(f"{head}.{claims}.{signature}") == JOHN


def test_nothing_that_is_sent_raises():
    """Any text, and real tokens with a piece exchanged."""
    loop = asyncio.new_event_loop()
    keys = json.dumps({"keys": public(*KEYS)})

    class Stored:
        async def keys(self, kid):
            from postroad.directory.oauth.key_set import _keys_in

            found = _keys_in(json.loads(keys))
            return tuple(key for key in found if kid in (None, key.kid))

    from postroad.directory.oauth.signed_token import SignedTokens

    way = SignedTokens(ALGORITHMS, Stored())
    whole = token()

    @settings(max_examples=300)
    @given(
        st.one_of(
            st.text(max_size=200),
            st.builds(
                lambda at, piece: whole[:at] + piece + whole[at + len(piece) :],
                st.integers(0, len(whole) - 1),
                st.text("._-=AZ09", min_size=1, max_size=6),
            ),
            st.dictionaries(
                st.sampled_from(["alg", "kid", "typ", "crit", "b64", "zip", "enc"]),
                st.one_of(
                    st.none(), st.text(max_size=5), st.integers(), st.sampled_from(ALGORITHMS)
                ),
            ).map(forged),
        )
    )
    def check(text):
        found = loop.run_until_complete(way.claims_of(text))
        assert found is None or found == json.loads(json.dumps(CLAIMS))

    try:
        check()
    finally:
        loop.close()


async def test_keys_are_fetched_once_and_again_when_they_are_old(issuer, checker, issuer_clock):
    await asyncio.gather(*(checker.user_of(token()) for _ in range(20)))
    assert len(issuer.requests) == 1
    issuer_clock.now = 3599
    assert await checker.user_of(token()) == JOHN
    assert len(issuer.requests) == 1
    issuer_clock.now = 3600
    assert await checker.user_of(token()) == JOHN
    assert len(issuer.requests) == 2


async def test_a_new_key_is_fetched_when_it_is_first_used_but_not_for_everybody(
    issuer, checker, issuer_clock
):
    issuer.answer = lambda: reply({"keys": public(EC)})
    assert await checker.user_of(token(EC, "ES256")) == JOHN
    assert await checker.user_of(token()) is None  # asked a moment ago
    assert len(issuer.requests) == 1
    issuer.answer = lambda: reply({"keys": public(RSA)})
    issuer_clock.now = MIN_INTERVAL
    assert await checker.user_of(token()) == JOHN
    assert await checker.user_of(token(EC, "ES256")) is None  # taken back
    for number in range(50):
        assert await checker.user_of(token(header={"kid": f"made up {number}"})) is None
    assert len(issuer.requests) == 2


async def test_a_token_without_kid_is_tried_with_the_keys_of_its_kind(checker):
    assert await checker.user_of(token(EC, "ES256", {"kid": ...})) == JOHN


@pytest.mark.parametrize(
    "answer",
    [
        reply(b"", "404 Not Found"),
        reply(b"", "302 Found", Location="http://127.0.0.1:1/"),
        reply(b"<html>"),
        reply([]),
        reply({"keys": {}}),
        reply(b"[" * 20_000),
        reply(b'{"keys": []' + b" " * MAX_ANSWER + b"}"),
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        b"not HTTP at all\r\n\r\n",
        b"",
    ],
)
async def test_an_issuer_that_does_not_answer_right_is_no_verdict(issuer, checker, answer):
    issuer.answer = lambda: answer
    with pytest.raises(DirectoryUnavailable, match="no keys of the issuer"):
        await checker.user_of(token())
    with pytest.raises(DirectoryUnavailable):
        await checker.user_of(token())
    assert len(issuer.requests) == 1  # and it is not asked again at once


async def test_an_issuer_that_is_silent_is_waited_for_and_then_not(issuer, issuer_clock, accounts):
    silence = asyncio.Event()

    async def serve(reader, writer):
        await silence.wait()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{port_of(server)}/"
    checker = checker_of(issuer, issuer_clock, accounts, key_set=url, timeout=0.05)
    with pytest.raises(DirectoryUnavailable):
        await checker.user_of(token())
    silence.set()
    server.close()
    await server.wait_closed()


async def test_known_keys_stay_good_while_the_issuer_is_away(issuer, checker, issuer_clock):
    assert await checker.user_of(token()) == JOHN
    issuer.answer = lambda: reply(b"", "500 Internal Server Error")
    issuer_clock.now = MAX_STALE
    assert await checker.user_of(token()) == JOHN
    issuer_clock.now = MAX_STALE + 1
    with pytest.raises(DirectoryUnavailable):
        await checker.user_of(token())


@pytest.mark.parametrize(
    "entry",
    [
        None,
        {},
        {"kty": "RSA"},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "rsa"},
        {"kty": "RSA", "n": 7, "e": [], "kid": "rsa"},
        {"kty": "EC", "crv": "P-999", "x": "x", "y": "y", "kid": "ec"},
        {"kty": "oct", "k": "c2VjcmV0", "kid": "rsa"},
        {"kty": ["RSA"], "kid": {}},
    ],
)
async def test_keys_that_are_none_are_passed_over(issuer, checker, entry):
    issuer.answer = lambda: reply({"keys": [entry, *public(EC)]})
    assert await checker.user_of(token(EC, "ES256")) == JOHN
    assert await checker.user_of(token()) is None


async def test_keys_may_be_a_file(tmp_path, issuer, issuer_clock, accounts):
    file = tmp_path / "keys.json"
    file.write_text(json.dumps({"keys": public(RSA)}))
    checker = checker_of(issuer, issuer_clock, accounts, key_set="", key_set_file=file)
    assert await checker.user_of(token()) == JOHN
    assert issuer.requests == []
    for content in ("{", None):
        issuer_clock.now += MAX_STALE + 1
        file.write_text(content) if content else file.unlink()
        with pytest.raises(DirectoryUnavailable, match=r"keys\.json"):
            await checker.user_of(token())


async def test_a_directory_that_does_not_answer_is_no_verdict(checker, accounts):
    accounts.unavailable = True
    with pytest.raises(DirectoryUnavailable):
        await checker.user_of(token())


# Settings ----------------------------------------------------------------------------------------


def test_it_is_off_by_default(accounts):
    assert token_checker(OAuthSettings(), accounts) is None


@pytest.mark.parametrize(
    ("content", "mode", "words"),
    [
        (None, 0o600, "no such file"),
        ("", 0o600, "the first line is empty"),
        ("\nsecret\n", 0o600, "the first line is empty"),
        (b"\xff\n", 0o600, "not UTF-8"),
        ("secret\n", 0o644, "everybody may read this password"),
    ],
)
def test_a_password_that_cannot_be_used(tmp_path, content, mode, words):
    file = tmp_path / "oauth.secret"
    if content is not None:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        file.chmod(mode)
    with pytest.raises(OAuthFileError, match=words) as caught:
        load_secret(OAuthSettings(client_secret_file=file))
    assert caught.value.key == "client_secret_file"


def test_authorities_that_cannot_be_read(tmp_path, accounts):
    settings = OAuthSettings(key_set="https://x.example/", ca_file=tmp_path / "none.pem")
    with pytest.raises(OAuthFileError, match=r"none\.pem"):
        token_checker(settings, accounts)


@pytest.mark.parametrize(
    ("values", "keys"),
    [
        ({}, set()),
        ({"issuer": ISSUER}, set()),
        ({"key_set": "https://x.example/"}, {"issuer", "audience"}),
        ({"key_set": "https://x.example/", "issuer": ISSUER, "audience": "x"}, set()),
        (
            {"key_set": "https://x.example/", "issuer": ISSUER, "audience": "x", "algorithms": ()},
            {"algorithms"},
        ),
        (
            {
                "key_set": "https://x.example/",
                "introspection": "https://x.example/",
                "issuer": ISSUER,
                "audience": "x",
                "user_claim": "",
            },
            {"introspection", "user_claim"},
        ),
        ({"introspection": "https://x.example/"}, {"introspection"}),
    ],
)
def test_what_does_not_fit(values, keys):
    assert set(OAuthSettings(**values).contradictions()) == keys


def test_nothing_of_it_is_loaded_where_it_is_not_used():
    text = (
        "import sys, postroad.app.parts, postroad.directory.oauth.oauth\n"
        "print([name for name in sys.modules if name in ('joserfc', 'httpx2', 'passlib')])"
    )
    ran = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
