"""Logins as dialogues: every mechanism over the real core and session."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from fake_connection import TLS
from fake_limits import gate
from login_world import (
    CERTIFICATE,
    LATER,
    NOT_AS_OTHERS,
    WELCOME,
    WRONG,
    Client,
    LoginWorld,
    challenge_of,
    failed,
    in_base64,
)
from postroad.limits.settings import Limits
from postroad.model import ClientCertificate
from postroad.sasl import MECHANISMS, SecretKind
from scram_client import ScramClient


@pytest.fixture
async def world() -> AsyncIterator[LoginWorld]:
    world = LoginWorld()
    yield world
    await world.end()


# What is offered


async def test_mechanisms_are_found_out_after_the_handshake(world: LoginWorld) -> None:
    automatic = replace(world.logins, mechanisms=())
    plain = await world.client(logins=automatic)
    certified = await world.client(replace(TLS, client_certificate=CERTIFICATE), logins=automatic)

    usual = "AUTH PLAIN LOGIN SCRAM-SHA-256-PLUS SCRAM-SHA-256 OAUTHBEARER XOAUTH2"
    assert f"250-{usual}\r\n" in plain.features
    assert f"250-{usual} EXTERNAL\r\n" in certified.features


async def test_an_account_without_a_verifier_keeps_scram_from_all(world: LoginWorld) -> None:
    world.directory.without_secrets = {"john@example.org"}
    client = await world.client(logins=replace(world.logins, mechanisms=()))

    assert "250-AUTH PLAIN LOGIN OAUTHBEARER XOAUTH2\r\n" in client.features
    assert await client.auth("SCRAM-SHA-256", ScramClient().first()) == (
        "535 5.7.8 Error: authentication failed: Invalid authentication mechanism\r\n"
    )


async def test_the_form_for_broken_clients(world: LoginWorld) -> None:
    client = await world.client(logins=replace(world.logins, broken_clients=True))
    assert "250-AUTH=LOGIN PLAIN\r\n" in client.features


# Each mechanism


@pytest.mark.parametrize("kind", [SecretKind.SCRAM_SHA_1, SecretKind.SCRAM_SHA_256])
@pytest.mark.parametrize("plus", [False, True])
async def test_scram(world: LoginWorld, kind: SecretKind, plus: bool) -> None:
    name = f"{kind.value}-PLUS" if plus else kind.value
    header, data = ("p=tls-server-end-point,,", b"the certificate's hash") if plus else ("n,,", b"")

    client = await world.client()
    scram = ScramClient("JOHN@example.org", kind=kind, header=header, binding=data)
    assert await client.scram(name, scram) == WELCOME

    await client.say("MAIL FROM:<john@example.org>")
    await client.say("RCPT TO:<lisa@example.com>")
    assert (await client.say("DATA")).startswith("354 ")
    assert world.log[-1].endswith(f"sasl_method={name}, sasl_username=john@example.org")


async def test_scram_without_an_initial_response(world: LoginWorld) -> None:
    client, scram = await world.client(), ScramClient()
    assert await client.say("AUTH SCRAM-SHA-256") == "334 \r\n"
    challenge = challenge_of(await client.say(in_base64(scram.first())))
    assert scram.believes(challenge_of(await client.say(in_base64(scram.final(challenge)))))
    assert await client.say("") == WELCOME


async def test_a_list_that_was_changed_on_the_way(world: LoginWorld) -> None:
    client = await world.client()
    assert await client.scram("SCRAM-SHA-256", ScramClient(header="y,,")) == WRONG
    reason = "the client was not shown that channel binding is offered"
    assert failed("SCRAM-SHA-256", "john@example.org", reason) in world.log


async def test_cram_md5(world: LoginWorld) -> None:
    client = await world.client()
    challenge = challenge_of(await client.auth("CRAM-MD5", None))
    assert challenge.startswith(b"<")
    assert challenge.endswith(b"@mail.example.org>")
    assert await client.say("*") == "501 5.7.0 Authentication aborted\r\n"
    assert await client.cram("John@Example.org", "summersun") == WELCOME


async def test_cram_md5_with_an_initial_response(world: LoginWorld) -> None:
    client = await world.client()
    assert await client.auth("CRAM-MD5", b"john " + b"0" * 32) == (
        "501 5.7.0 Error: CRAM-MD5 takes no initial response\r\n"
    )


XOAUTH2 = b"user=john@example.org\1auth=Bearer %s\1\1"
OAUTHBEARER = b"n,a=john@example.org,\1host=mail.example.org\1auth=Bearer %s\1\1"


@pytest.mark.parametrize(
    ("mechanism", "message", "error"),
    [
        ("XOAUTH2", XOAUTH2, b'{"status": "401", "schemes": "bearer"}'),
        ("OAUTHBEARER", OAUTHBEARER, b'{"status": "invalid_token"}'),
    ],
)
async def test_tokens(world: LoginWorld, mechanism: str, message: bytes, error: bytes) -> None:
    client = await world.client()
    for token in (b"a.wrong.one", b"another"):
        assert challenge_of(await client.auth(mechanism, message % token)) == error
        assert await client.say("AQ==") == WRONG
    assert failed(mechanism, "john@example.org", "the token was refused") in world.log
    assert await client.auth(mechanism, None, message % b"johns.token") == WELCOME
    assert not any("token" in line and "johns" in line for line in world.log)


async def test_a_refused_token_counts_before_it_is_acknowledged(world: LoginWorld) -> None:
    client = await world.client(logins=replace(world.logins, guard=world.guard))
    for _ in range(3):
        assert (await client.auth("XOAUTH2", XOAUTH2 % b"a.wrong.one")).startswith("334 ")
        assert (await client.say("*")).startswith("501 5.7.0 ")
    assert world.guard.told == [("failed", "192.0.2.7", "john@example.org")] * 3
    answer = await client.auth("PLAIN", b"\0john@example.org\0wrong")
    assert answer.startswith(WRONG + "421 4.7.0 ")


async def test_a_token_says_who_it_is(world: LoginWorld) -> None:
    client = await world.client()
    assert await client.auth("OAUTHBEARER", b"n,,\1auth=Bearer johns.token\1\1") == WELCOME
    other = await world.client()
    assert (
        await other.auth("XOAUTH2", b"user=admin@example.org\1auth=Bearer johns.token\1\1")
        == NOT_AS_OTHERS
    )


async def test_a_client_certificate(world: LoginWorld) -> None:
    agreed = replace(TLS, client_certificate=CERTIFICATE)
    for responses in ([b""], [None, b""], [b"john"], [b"John@Example.org"]):
        client = await world.client(agreed)
        assert await client.auth("EXTERNAL", *responses) == WELCOME
    client = await world.client(agreed)
    assert await client.auth("EXTERNAL", b"admin@example.org") == NOT_AS_OTHERS


async def test_the_certificate_of_nobody(world: LoginWorld) -> None:
    stranger = ClientCertificate("John", der=b"another")
    client = await world.client(replace(TLS, client_certificate=stranger))
    assert await client.auth("EXTERNAL", b"") == WRONG
    assert failed("EXTERNAL", "", "the certificate is nobody's") in world.log


@pytest.mark.parametrize(
    ("mechanism", "response"),
    [
        ("PLAIN", b"john"),
        ("SCRAM-SHA-256", b"n"),
        ("XOAUTH2", b"\1\1"),
        ("OAUTHBEARER", b"n,,"),
        ("LOGIN", b"\xff"),
    ],
)
async def test_what_is_malformed_is_told(
    world: LoginWorld, mechanism: str, response: bytes
) -> None:
    client = await world.client()
    assert (await client.auth(mechanism, response)).startswith("501 5.5.2 Error: ")
    assert world.pauses == []
    assert (await client.say("NOOP")).startswith("250 ")


@pytest.mark.parametrize("mechanism", sorted(MECHANISMS))
async def test_every_exchange_can_be_cancelled(world: LoginWorld, mechanism: str) -> None:
    client = await world.client(replace(TLS, client_certificate=CERTIFICATE))
    assert (await client.auth(mechanism, None)).startswith("334 ")
    assert await client.say("*") == "501 5.7.0 Authentication aborted\r\n"
    assert await client.auth("PLAIN", b"\0john@example.org\0summersun") == WELCOME


# Failures that look alike


NAMES = ["john@example.org", "nobody@example.org", "disabled@example.org", "john@elsewhere.example"]


async def attempts(client: Client, name: str) -> list[str]:
    """Everything that is said to a wrong password, salts but for their length left out."""
    heard = [await client.auth("PLAIN", b"\0" + name.encode() + b"\0wrong")]
    scram = ScramClient(name, "wrong")
    challenge = await client.auth("SCRAM-SHA-256", scram.first())
    heard.append("".join(part[:2] for part in challenge_of(challenge).decode().split(",")))
    heard.append(str(len(challenge)))
    heard.append(await client.say(in_base64(scram.final(challenge_of(challenge)))))
    return heard


@pytest.mark.parametrize("name", NAMES[1:])
async def test_nobody_learns_who_has_an_account(world: LoginWorld, name: str) -> None:
    world.directory.passwords["disabled@example.org"] = "summersun"
    world.directory.disabled.add("disabled@example.org")
    known, unknown = await world.client(), await world.client()
    world.logins = replace(world.logins, guard=world.guard)

    assert await attempts(known, NAMES[0]) == await attempts(unknown, name)
    assert world.pauses == [1, 2, 1, 2]


async def test_a_disabled_account_cannot_log_in(world: LoginWorld) -> None:
    world.directory.disabled.add("john@example.org")
    client = await world.client()
    assert await client.auth("PLAIN", b"\0john@example.org\0summersun") == WRONG
    assert await client.scram("SCRAM-SHA-256", ScramClient()) == WRONG


async def test_the_salt_stays_when_an_account_is_locked(world: LoginWorld) -> None:
    """The secret is looked up as ever, and then not believed."""
    logins = replace(world.logins, guard=world.guard)
    client = await world.client(logins=logins)
    free = challenge_of(await client.auth("SCRAM-SHA-256", ScramClient().first()))
    await client.say("*")
    world.guard.locked = True
    locked = challenge_of(await client.auth("SCRAM-SHA-256", ScramClient().first()))
    assert free.split(b",")[1:] == locked.split(b",")[1:]


LOCKED_WAYS = ["PLAIN", "SCRAM-SHA-256", "CRAM-MD5", "XOAUTH2", "EXTERNAL"]


@pytest.mark.parametrize("mechanism", LOCKED_WAYS)
@pytest.mark.parametrize("locked", [True, False])
async def test_a_locked_account_is_refused_with_the_right_password(
    world: LoginWorld, mechanism: str, locked: bool
) -> None:
    world.guard.locked = locked
    client = await world.client(
        replace(TLS, client_certificate=CERTIFICATE),
        logins=replace(world.logins, guard=world.guard),
    )
    match mechanism:
        case "PLAIN":
            answer = await client.auth("PLAIN", b"\0john@example.org\0summersun")
        case "SCRAM-SHA-256":
            answer = await client.scram(mechanism, ScramClient())
        case "CRAM-MD5":
            answer = await client.cram("john@example.org", "summersun")
        case "XOAUTH2":
            answer = await client.auth("XOAUTH2", XOAUTH2 % b"johns.token")
            answer = await client.say("") if locked else answer
        case _:
            answer = await client.auth("EXTERNAL", b"")
    assert answer == (WRONG if locked else WELCOME)
    outcome = "failed" if locked else "succeeded"
    assert world.guard.told == [(outcome, "192.0.2.7", "john@example.org")]
    assert world.pauses == ([7] if locked else [])


async def test_the_guard_knows_a_name_by_one_form(world: LoginWorld) -> None:
    client = await world.client(logins=replace(world.logins, guard=world.guard))
    await client.auth("PLAIN", b"\0JOHN@Example.org\0wrong")
    await client.auth("PLAIN", b"\0nobody\0wrong")
    await client.auth("PLAIN", b"\0JOHN@Example.org\0summersun")
    assert [(what, user) for what, _, user in world.guard.told] == [
        ("failed", "john@example.org"),
        ("failed", "nobody"),
        ("succeeded", "john@example.org"),
    ]


async def test_a_ban_ends_the_session(world: LoginWorld) -> None:
    world.guard.bans = True
    client = await world.client(logins=replace(world.logins, guard=world.guard))
    answer = await client.auth("PLAIN", b"\0john@example.org\0wrong")
    assert answer == WRONG + "421 4.7.0 mail.example.org Error: too many errors\r\n"
    assert client.connection.closed


async def test_too_many_attempts_and_too_many_sessions(world: LoginWorld) -> None:
    right = b"\0john@example.org\0summersun"
    narrow = gate(Limits(logins_per_address=2, sessions_per_user=1))
    first, second = await world.client(gate=narrow), await world.client(gate=narrow)
    assert await first.auth("PLAIN", right) == WELCOME
    assert (await second.auth("PLAIN", right)).startswith("421 4.7.0 ")
    third = await world.client(gate=narrow)
    assert (await third.auth("PLAIN", right)).startswith("450 4.7.1 ")
    await first.say("QUIT")
    await world.tasks[0]
    world.now += 120
    assert await third.auth("PLAIN", right) == WELCOME


# The directory is away


async def test_the_directory_is_away(world: LoginWorld) -> None:
    client = await world.client(replace(TLS, client_certificate=CERTIFICATE))
    world.directory.unavailable = world.issuer.away = True
    assert await client.auth("PLAIN", b"\0john@example.org\0summersun") == LATER
    assert await client.auth("LOGIN", b"john@example.org", b"summersun") == LATER
    assert await client.auth("SCRAM-SHA-256", ScramClient().first()) == LATER
    assert await client.auth("XOAUTH2", XOAUTH2 % b"johns.token") == LATER
    assert await client.auth("OAUTHBEARER", OAUTHBEARER % b"johns.token") == LATER
    assert world.pauses == []
    world.directory.unavailable = False
    assert await client.auth("PLAIN", b"\0john@example.org\0summersun") == WELCOME


async def test_the_directory_goes_away_in_the_middle(world: LoginWorld) -> None:
    client, scram = await world.client(), ScramClient()
    challenge = challenge_of(await client.auth("SCRAM-SHA-256", scram.first()))
    world.directory.unavailable = True
    assert scram.believes(challenge_of(await client.say(in_base64(scram.final(challenge)))))
    assert await client.say("") == WELCOME
