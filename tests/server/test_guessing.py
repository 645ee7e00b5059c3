"""Who guesses passwords, and who is banned: the real guard beside logins."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from fake_counters import MemoryCounters
from fake_directory import FakeDirectory
from fake_limits import FakeBans, FakeFamiliar
from login_world import WELCOME, WRONG, LoginWorld, challenge_of, in_base64, log_in_as
from postroad.limits.bans import Author, Ban
from postroad.limits.guessing import Guard as RealGuard
from postroad.limits.settings import GuessingSettings
from postroad.model import Client as Source
from postroad.sasl import Secret, SecretKind
from scram_client import ScramClient


@pytest.fixture
async def world() -> AsyncIterator[LoginWorld]:
    world = LoginWorld()
    yield world
    await world.end()


class SlowDirectory(FakeDirectory):
    """Wrong passwords take until `go`; right ones no time, as those that are remembered."""

    def __init__(self) -> None:
        super().__init__(users={"john@example.org": "summersun", "admin@example.org": "root"})
        self.go = asyncio.Event()
        self.checks = 0

    async def authenticate(
        self, name: str, password: str, *more: object, **named: bool
    ) -> str | None:
        self.checks += 1
        user = await super().authenticate(name, password)
        if user is None:
            await self.go.wait()
        return user


def real_guard() -> tuple[RealGuard, FakeBans]:
    bans = FakeBans()
    guard = RealGuard(
        settings=GuessingSettings(),
        counters=MemoryCounters(),
        bans=bans,
        familiar=FakeFamiliar(),  # type: ignore[arg-type]
        is_trusted=lambda address: False,
        journal=lambda event: None,
    )
    return guard, bans


async def turns(count: int = 50) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def burst(world: LoginWorld, wrong: int) -> tuple[list[str], str]:
    """Wrong passwords from one address at the same moment, and the right one after them."""
    guard, _ = real_guard()
    world.directory = directory = SlowDirectory()

    async def pause(seconds: float) -> None:
        world.pauses.append(seconds)
        if directory.checks > wrong and not directory.go.is_set():
            directory.go.set()
        await turns()

    logins = replace(world.logins, guard=guard, secrets=directory)
    clients = [await world.client(logins=logins, pause=pause) for _ in range(wrong + 1)]
    guesses = [
        asyncio.create_task(client.auth("PLAIN", b"\0john@example.org\0wrong"))
        for client in clients[:-1]
    ]
    await turns()
    right = await clients[-1].auth("PLAIN", b"\0john@example.org\0summersun")
    directory.go.set()
    return await asyncio.gather(*guesses), right


async def test_fifty_guesses_at_once_are_fifty_guesses(world: LoginWorld) -> None:
    guesses, right = await burst(world, 49)
    assert all(answer.startswith(WRONG) for answer in [*guesses, right])


async def test_who_is_right_beside_few_who_are_wrong_is_let_in_at_once(world: LoginWorld) -> None:
    guesses, right = await burst(world, 5)
    assert right == WELCOME
    assert all(answer == WRONG for answer in guesses)
    assert 0.05 not in world.pauses


async def test_many_who_are_right_at_once_are_all_let_in(world: LoginWorld) -> None:
    guard, _ = real_guard()
    logins = replace(world.logins, guard=guard)
    clients = [await world.client(logins=logins) for _ in range(40)]
    right = b"\0john@example.org\0summersun"
    answers = await asyncio.gather(*(client.auth("PLAIN", right) for client in clients))
    assert answers == [WELCOME] * 40
    assert world.pauses == []


async def test_who_is_banned_before_its_proof_is_not_told_that_it_was_right(
    world: LoginWorld,
) -> None:
    guard, bans = real_guard()
    client, scram = await world.client(logins=replace(world.logins, guard=guard)), ScramClient()
    challenge = challenge_of(await client.auth("SCRAM-SHA-256", scram.first()))
    bans.put(Ban("192.0.2.7", "", Author.AUTOMATIC, 0.0, None), 0)
    assert (await client.say(in_base64(scram.final(challenge)))).startswith(WRONG)


async def test_exchanges_without_a_proof_are_counted(world: LoginWorld) -> None:
    guard, bans = real_guard()
    logins = replace(world.logins, guard=guard)
    for _ in range(70):  # what ends well, or is counted as a failure, is no such exchange
        client = await world.client(logins=logins)
        assert await client.scram("SCRAM-SHA-256", ScramClient()) == WELCOME
    for number in range(59):
        client = await world.client(logins=logins)
        name = "john@example.org" if number % 2 else "nobody@example.org"
        assert (await client.auth("SCRAM-SHA-256", ScramClient(name).first())).startswith("334 ")
        answer = await client.say("*" if number % 3 else in_base64(b"nonsense"))
        assert answer.startswith("501 ")
    assert bans.bans == {}
    client = await world.client(logins=logins)
    await client.auth("SCRAM-SHA-256", ScramClient().first())
    assert list(bans.bans) == ["192.0.2.7"]


# Users whom the operator has banned


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256"])
@pytest.mark.parametrize("other", ["john@example.org", "JOHN@Example.ORG"])
async def test_nobody_acts_as_a_banned_user(world: LoginWorld, mechanism: str, other: str) -> None:
    world.guard.banned.add("john@example.org")
    client = await world.client(logins=replace(world.logins, guard=world.guard))
    answer = await log_in_as(client, mechanism, other, "admin@example.org", "rootsecret")
    assert answer == WRONG
    assert world.pauses == [7]
    assert world.guard.told == [("failed", "192.0.2.7", "admin@example.org")]


class Nicknames(FakeDirectory):
    """Takes `john` for john@example.org."""

    async def authenticate(
        self, name: str, password: str, *more: object, **named: bool
    ) -> str | None:
        return await super().authenticate(f"{name}@example.org", password)

    async def secret(self, name: str, kind: SecretKind) -> tuple[str, Secret] | None:
        return await super().secret(f"{name}@example.org", kind)


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "CRAM-MD5"])
@pytest.mark.parametrize("banned", ["john", "john@example.org", None])
async def test_a_banned_user_is_known_by_every_name(
    world: LoginWorld, mechanism: str, banned: str | None
) -> None:
    world.directory = directory = Nicknames()
    if banned:
        world.guard.banned.add(banned)
    logins = replace(world.logins, guard=world.guard, secrets=directory)
    client = await world.client(logins=logins)
    if mechanism == "CRAM-MD5":
        answer = await client.cram("john", "summersun")
    else:
        answer = await log_in_as(client, mechanism, "", "john", "summersun")
    assert answer == (WRONG if banned else WELCOME)
    assert world.pauses == ([7] if banned else [])


class Spellings:
    """Drops the domain, as a directory does with `username_format = "%n"`."""

    async def login_names(self, name: str) -> tuple[str, ...]:
        key = f"{name.partition('@')[0]}@example.org"
        return (key,) if key.startswith("john@") else (name, key)


@pytest.mark.parametrize("user", ["john", "nobody"])
async def test_a_guesser_is_delayed_whichever_spelling_it_takes(
    world: LoginWorld, user: str
) -> None:
    guard, _ = real_guard()
    logins = replace(world.logins, guard=guard, names=Spellings())
    for number in range(5):
        client = await world.client(logins=logins, who=Source(f"198.51.{number}.1", 1025))
        answer = await client.auth("PLAIN", f"\0{user}@a{number}.example\0wrong".encode())
        assert answer == WRONG
    assert world.pauses == [1.0, 2.0, 4.0, 8.0, 16.0]
    client = await world.client(logins=logins, who=Source("203.0.113.1", 1025))
    scram = ScramClient(f"{user}@b.example")
    challenge = challenge_of(await client.auth("SCRAM-SHA-256", scram.first()))
    assert (await client.say(in_base64(scram.final(challenge)))).startswith(WRONG)
    assert world.pauses[-1] == 16.0
