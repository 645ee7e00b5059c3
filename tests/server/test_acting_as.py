"""Whom a login may act as, and what the AUTH parameter of MAIL says of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from fake_limits import UNLIMITED, gate
from login_world import NOT_AS_OTHERS, WELCOME, WRONG, LoginWorld, failed, log_in_as
from postroad.model import Client as Source
from postroad.policy import PolicySettings, build


@pytest.fixture
async def world() -> AsyncIterator[LoginWorld]:
    world = LoginWorld()
    yield world
    await world.end()


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256"])
@pytest.mark.parametrize(
    ("authzid", "answer"),
    [
        ("", WELCOME),
        ("john@example.org", WELCOME),
        ("John@Example.Org", WELCOME),
        ("john", WELCOME),
        ("admin@example.org", NOT_AS_OTHERS),
        ("john@example.com", NOT_AS_OTHERS),
    ],
)
async def test_authorization_identities(
    world: LoginWorld, mechanism: str, authzid: str, answer: str
) -> None:
    client = await world.client()
    name = "john@example.org"
    assert await log_in_as(client, mechanism, authzid, name, "summersun") == answer
    assert await log_in_as(await world.client(), mechanism, authzid, name, "wrong") == WRONG


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256"])
async def test_an_administrator_acts_as_a_user(world: LoginWorld, mechanism: str) -> None:
    client = await world.client()
    admin = ("admin@example.org", "rootsecret")
    assert await log_in_as(client, mechanism, "JOHN@example.org", *admin) == WELCOME
    assert (
        "mua.example.net[192.0.2.7]: admin@example.org logged in by "
        f"{mechanism} to act as john@example.org"
    ) in world.log

    await client.say("MAIL FROM:<john@example.org>")
    await client.say("RCPT TO:<lisa@example.com>")
    await client.say("DATA")
    assert world.log[-1] == (
        f"Q1: client=mua.example.net[192.0.2.7], sasl_method={mechanism}, "
        "sasl_username=john@example.org, sasl_actor=admin@example.org"
    )


@pytest.mark.parametrize("per", ["messages_per_user", "sessions_per_user"])
async def test_who_acts_as_a_user_counts_as_himself(world: LoginWorld, per: str) -> None:
    it = gate(replace(UNLIMITED, **{per: 1}))
    admin, john = ("admin@example.org", "rootsecret"), ("john@example.org", "summersun")
    mail = "MAIL FROM:<john@example.org>"
    whose = (("john@example.org", *admin), ("", *john), ("john@example.org", *admin))
    answers = []
    for authzid, name, password in whose:
        client = await world.client(gate=it)
        answer = await log_in_as(client, "PLAIN", authzid, name, password)
        answers.append(await client.say(mail) if answer == WELCOME else answer)
    assert [answer[:3] for answer in answers[:2]] == ["250", "250"]
    assert answers[2][:3] in {"450", "421"}
    assert "admin@example.org" in answers[2]


@pytest.mark.parametrize("other", ["nobody@example.org", "info@example.org", "lisa@example.com"])
async def test_an_administrator_acts_as_accounts_only(world: LoginWorld, other: str) -> None:
    client = await world.client()
    assert (
        await log_in_as(client, "PLAIN", other, "admin@example.org", "rootsecret") == NOT_AS_OTHERS
    )
    assert failed("PLAIN", "admin@example.org", f"may not act as {other}") in world.log


async def test_a_name_cannot_write_lines_of_the_log(world: LoginWorld) -> None:
    client = await world.client()
    await client.auth("PLAIN", b"jane\nMay 1 mail postroad: x\0john@example.org\0summersun")
    await client.auth("PLAIN", b"\0jane\xc2\x85\rMay 1 mail postroad: x\0wrong")
    assert all(line.isprintable() for line in world.log)
    assert any("may not act as jane?May 1" in line for line in world.log)
    assert any("sasl_username=jane??May 1" in line for line in world.log)


async def test_the_tries_at_others_end_the_session(world: LoginWorld) -> None:
    client = await world.client()
    for _ in range(3):
        answer = await client.auth("PLAIN", b"admin@example.org\0john@example.org\0summersun")
    assert answer.startswith(NOT_AS_OTHERS + "421 4.7.0 ")


# The AUTH parameter of MAIL


@pytest.mark.parametrize(
    ("client_address", "logs_in", "said", "logged"),
    [
        ("192.0.2.7", True, "", ""),
        ("192.0.2.7", True, " AUTH=<>", ", sasl_sender=<>"),
        ("192.0.2.7", True, " AUTH=john+40example.org", ", sasl_sender=john@example.org"),
        ("192.0.2.7", True, " AUTH=info+40example.org", ", sasl_sender=info@example.org"),
        ("192.0.2.7", True, " AUTH=e+3Dmc2@example.com", ", sasl_sender=<>"),
        ("192.0.2.7", True, " AUTH=nonsense", ", sasl_sender=<>"),
        ("10.1.2.3", False, " AUTH=e+3Dmc2@example.com", ", sasl_sender=e=mc2@example.com"),
    ],
)
async def test_the_submitter(
    world: LoginWorld, client_address: str, logs_in: bool, said: str, logged: str
) -> None:
    who = Source(client_address, 4711)
    client = await world.client(who=who, policy=build("mx", PolicySettings()))
    if logs_in:
        await client.auth("PLAIN", b"\0john@example.org\0summersun")
    await client.say(f"MAIL FROM:<john@example.org>{said}")
    await client.say("RCPT TO:<john@example.org>")
    assert (await client.say("DATA")).startswith("354 ")
    assert world.log[-1].partition("]")[2] == (
        ", sasl_method=PLAIN, sasl_username=john@example.org" * logs_in + logged
    )


async def test_the_submitter_while_the_directory_is_away(world: LoginWorld) -> None:
    client = await world.client(policy=build("mx", PolicySettings()))
    await client.auth("PLAIN", b"\0john@example.org\0summersun")
    await client.say("MAIL FROM:<john@example.org> AUTH=john+40example.org")
    await client.say("RCPT TO:<john@example.org>")
    world.directory.unavailable = True
    assert (await client.say("DATA")).startswith("354 ")
    assert world.log[-1].endswith(", sasl_sender=<>")
