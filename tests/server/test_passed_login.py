"""Logins by mechanisms that a directory speaks: the session's rules hold for them too."""

from __future__ import annotations

import asyncio
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from fake_dovecot import FakeDovecot
from login_world import LATER, WELCOME, WRONG, LoginWorld, failed
from postroad.directory import DirectoryUnavailable
from postroad.directory.chain import Chain
from postroad.directory.dovecot.backend import DovecotBackend
from postroad.directory.dovecot.settings import DovecotSettings
from postroad.directory.interface import Origin
from postroad.directory.links import DomainPlan, Link, Plan
from postroad.sasl import Challenge, Proved, Refuted, Step
from sql_world import embedded_beside

JOHN = "john@example.org"


class FakePassing:
    """One mechanism: the client says a name, and whether it is right; then come the last words."""

    passed_mechanisms = ("DIGEST-MD5",)

    def __init__(self) -> None:
        self.origins: list[Origin] = []
        self.abandoned = 0

    def pass_login(self, mechanism: str, origin: Origin) -> FakeLogin:
        assert mechanism == "DIGEST-MD5"
        self.origins.append(origin)
        return FakeLogin(self)


class FakeLogin:
    def __init__(self, passing: FakePassing) -> None:
        self.passing = passing
        self.user = ""

    async def step(self, data: bytes | None) -> Step:
        if self.user:
            return Proved(self.user, "")
        if data is None:
            return Challenge(b"who?")
        name, _, word = data.decode().partition(" ")
        if word == "away":
            raise DirectoryUnavailable("it does not answer")
        if word != "right":
            return Refuted(name)
        self.user = name
        return Challenge(b"rspauth", proved=True)

    def abandon(self) -> None:
        self.passing.abandoned += 1


@pytest.fixture
async def world() -> AsyncIterator[LoginWorld]:
    world = LoginWorld()
    world.passing = FakePassing()  # type: ignore[attr-defined]
    passing = world.passing  # type: ignore[attr-defined]
    world.logins = replace(world.logins, guard=world.guard, passing=passing)
    yield world
    for task in world.tasks:
        task.cancel()
    await asyncio.gather(*world.tasks, return_exceptions=True)


async def test_it_is_offered_behind_the_others(world):
    client = await world.client(logins=replace(world.logins, mechanisms=("PLAIN",)))
    assert "250-AUTH PLAIN DIGEST-MD5\r\n" in client.features


async def test_who_is_right_is_let_in(world):
    client = await world.client()
    assert await client.auth("DIGEST-MD5", None) == f"334 {b64encode(b'who?').decode()}\r\n"
    said = b64encode(f"{JOHN} right".encode()).decode()
    assert await client.say(said) == f"334 {b64encode(b'rspauth').decode()}\r\n"
    assert await client.say("") == WELCOME
    await client.say(f"MAIL FROM:<{JOHN}>")
    assert (await client.say("RCPT TO:<lisa@example.com>")).startswith("250 ")
    assert world.guard.told == [("succeeded", "192.0.2.7", JOHN)]
    assert world.guard.attempts.unproved == 0


async def test_the_directory_is_told_where_it_comes_from(world):
    client = await world.client()
    await client.auth("DIGEST-MD5", None)
    (origin,) = world.passing.origins
    assert (origin.address, origin.secured) == ("192.0.2.7", True)
    assert origin.port
    assert origin.server_address


async def test_who_is_wrong_is_counted_and_waits(world):
    client = await world.client()
    assert await client.auth("DIGEST-MD5", f"{JOHN} wrong".encode()) == WRONG
    assert world.guard.told == [("failed", "192.0.2.7", JOHN)]
    assert world.pauses == [7.0]
    assert failed("DIGEST-MD5", JOHN) in world.log


async def test_who_is_locked_does_not_learn_that_he_is_right(world):
    world.guard.locked = True
    client = await world.client()
    assert await client.auth("DIGEST-MD5", f"{JOHN} right".encode()) == WRONG


async def test_a_directory_that_is_away(world):
    client = await world.client()
    assert await client.auth("DIGEST-MD5", f"{JOHN} away".encode()) == LATER
    assert world.guard.told == []


async def test_who_gives_up_leaves_nothing_behind(world):
    client = await world.client()
    await client.auth("DIGEST-MD5", None)
    assert (await client.say("*")).startswith("501 ")
    assert world.guard.attempts.unproved == 1
    await client.auth("DIGEST-MD5", f"{JOHN} right".encode())
    assert world.passing.abandoned == 1
    for task in world.tasks:
        task.cancel()
    await asyncio.gather(*world.tasks, return_exceptions=True)
    assert world.passing.abandoned == 2


# A chain with a Dovecot behind it

GREETING = b"VERSION\t1\t2\nMECH\tCRAM-MD5\nSPID\t9\nCUID\t1\nCOOKIE\tab\nDONE\n"


@pytest.mark.parametrize(
    ("said", "domains", "expected"),
    [
        ("john@example.org", ("example.org",), WELCOME),
        ("john", ("example.org",), WELCOME),
        ("john@example.net", ("example.org",), WRONG),  # it is not asked about that domain
        ("own@example.org", (), WRONG),  # the embedded directory has it, and comes first
        ("john@alias.example", (), WRONG),  # another name for somebody else's account
        ("john@elsewhere.example", (), WRONG),  # no domain of ours
    ],
)
async def test_a_directory_lets_in_its_own_accounts_only(
    world: LoginWorld, tmp_path: Path, said: str, domains: tuple[str, ...], expected: str
) -> None:
    def answer(asked: list[str]) -> bytes:
        return f"OK\t{asked[1]}\tuser={said}\n".encode()

    settings = DovecotSettings(socket=str(tmp_path / "auth"), mechanisms=("CRAM-MD5",))
    backend = DovecotBackend(settings, 5.0, lambda: 0.0, "example.org")
    local = {"example.org": DomainPlan(), "example.net": DomainPlan()}
    plan = Plan(domains=local | {"alias.example": DomainPlan(alias_of="example.org")})
    async with AsyncExitStack() as exits:
        embedded = embedded_beside(tmp_path, exits, {"own@example.org": "x"})
        link = Link("dovecot", backend, frozenset(domains), passing=backend)
        chain = Chain(embedded, [link], plan)
        await exits.enter_async_context(FakeDovecot(tmp_path / "auth", GREETING, answer))
        exits.push_async_callback(backend.close)
        logins = replace(world.logins, passing=chain.passing, names=chain)
        client = await world.client(logins=logins, directory=chain)
        assert await client.auth("CRAM-MD5", b64decode("eA==")) == expected
