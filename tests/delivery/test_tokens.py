"""Bearer tokens: fetched in time, shared by workers, and never told to anybody."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from fake_issuer import Issuer, port_of, reply
from postroad.delivery.token_endpoint import TokenEndpoint
from postroad.delivery.token_settings import TokenSettings
from postroad.delivery.tokens import EARLY, PAUSE, TOKENS, Fetched, Grant, TokenRefused, Tokens
from postroad.limits.state_file import Keeper
from postroad.model import Reply

Answer = TypeVar("Answer")
JOHN = "john@example.org"


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class Fake:
    """An issuer that counts, and may change the refresh token or refuse."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.refusal = ""
        self.next_refresh = ""
        self.life = 3600.0
        self.gate = asyncio.Event()
        self.gate.set()

    async def fetch(self, refresh_token: str) -> Fetched:
        self.asked.append(refresh_token)
        await self.gate.wait()
        if self.refusal:
            raise TokenRefused(self.refusal)
        return Fetched(f"token{len(self.asked)}", self.life, self.next_refresh)


class World:
    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.said: list[str] = []
        self.issuer = Fake()
        self.keeper = Keeper(folder / "tokens.db", TOKENS, self.said.append)
        self.refresh = "refresh-of-john"
        self.tokens = self.worker()

    def worker(self) -> Tokens:
        grants = {JOHN: Grant(self.issuer, self.refresh)}
        return Tokens(grants, self.keeper, self.said.append, self.clock)

    async def close(self) -> None:
        await self.tokens.close()
        self.keeper.close()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = World(tmp_path)
    yield world
    await world.close()


async def test_one_token_for_everybody_until_it_ends(world: World) -> None:
    found = await asyncio.gather(*(world.tokens.token(JOHN) for _ in range(20)))
    assert set(found) == {"token1"}
    assert await world.worker().token(JOHN) == "token1"
    assert world.issuer.asked == ["refresh-of-john"]
    assert await world.tokens.token("nobody") is None


async def test_the_next_one_is_fetched_while_the_last_one_is_still_used(world: World) -> None:
    await world.tokens.token(JOHN)
    world.clock.now += 3600 - EARLY + 1
    world.issuer.gate.clear()
    assert await world.tokens.token(JOHN) == "token1"
    assert await world.tokens.token(JOHN) == "token1"
    world.issuer.gate.set()
    await asyncio.gather(*world.tokens._fetching.values())
    assert await world.tokens.token(JOHN) == "token2"
    assert len(world.issuer.asked) == 2


async def test_a_new_refresh_token_is_kept_and_used(world: World) -> None:
    world.issuer.next_refresh = "second"
    await world.tokens.token(JOHN)
    world.clock.now += 3600
    assert await world.worker().token(JOHN) == "token2"
    assert world.issuer.asked == ["refresh-of-john", "second"]


async def test_one_that_the_operator_wrote_takes_its_place(world: World) -> None:
    world.issuer.next_refresh = "second"
    await world.tokens.token(JOHN)
    world.refresh = "written anew"
    assert await world.worker().token(JOHN) == "token2"
    assert world.issuer.asked[-1] == "written anew"


async def test_a_rejected_token_is_not_given_again(world: World) -> None:
    first = await world.tokens.token(JOHN)
    assert isinstance(first, str)
    world.tokens.reject(JOHN, first)
    assert await world.tokens.token(JOHN) == "token2"


async def test_without_a_token_mail_waits_and_the_issuer_is_left_in_peace(world: World) -> None:
    world.issuer.refusal = "https://issuer.test: answered with 400 invalid_grant"
    for _ in range(3):
        found = await world.tokens.token(JOHN)
        assert isinstance(found, Reply)
        assert found.code == 454
    assert len(world.issuer.asked) == 1
    assert len(world.said) == 1
    assert "invalid_grant" in world.said[0]
    assert "refresh-of-john" not in world.said[0]
    world.issuer.refusal = ""
    world.clock.now += PAUSE
    assert await world.tokens.token(JOHN) == "token2"


async def test_a_file_that_cannot_be_written_is_no_token(world: World) -> None:
    async def full(question: Callable[[sqlite3.Connection], Answer]) -> Answer:
        raise TOKENS.error("the disk is full")

    world.keeper.ask = full  # type: ignore[method-assign]
    assert isinstance(await world.tokens.token(JOHN), Reply)
    assert "the disk is full" in world.said[0]


async def test_no_secret_is_shown() -> None:
    assert "secret" not in repr(Fetched("secret", 1.0, "secret"))


# The endpoint ----------------------------------------------------------------------------------


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    issuer = Issuer()
    server = await asyncio.start_server(issuer.serve, "127.0.0.1", 0)
    issuer.url = f"http://127.0.0.1:{port_of(server)}/token"
    yield issuer
    server.close()


def endpoint(issuer: Issuer, **changes: object) -> TokenEndpoint:
    given = {"endpoint": issuer.url, "client_id": "us & them", **changes}
    return TokenEndpoint(TokenSettings(**given), "client secret")  # type: ignore[arg-type]


GOOD = {"access_token": "ya29.a-b_c~d+e/f==", "token_type": "Bearer", "expires_in": 3599}


async def test_a_refresh(issuer: Issuer) -> None:
    issuer.answer = lambda: reply({**GOOD, "refresh_token": "next"})
    fetched = await endpoint(issuer, scope="mail.send").fetch("the refresh token")
    assert fetched == Fetched("ya29.a-b_c~d+e/f==", 3599.0, "next")
    ((first, headers, body),) = issuer.requests
    assert first == "POST /token HTTP/1.1"
    assert "authorization" not in headers
    assert body == (
        "grant_type=refresh_token&refresh_token=the+refresh+token&scope=mail.send"
        "&client_id=us+%26+them&client_secret=client+secret"
    )


async def test_in_our_own_name_by_basic_authentication(issuer: Issuer) -> None:
    issuer.answer = lambda: reply({**GOOD, "expires_in": "60"})
    fetched = await endpoint(issuer, client_authentication="basic").fetch("")
    assert fetched.life == 60.0
    ((_, headers, body),) = issuer.requests
    assert body == "grant_type=client_credentials"
    assert headers["authorization"].startswith("Basic ")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (reply({"error": "invalid_grant"}, "400 Bad Request"), "answered with 400 invalid_grant"),
        (reply({"error": "the refresh token!"}, "400 Bad Request"), "answered with 400"),
        (reply(b"<html>", "500 No"), "answered with 500, and no JSON"),
        (reply([1]), "and no JSON"),
        (reply({}), "the answer holds no bearer token"),
        (reply({**GOOD, "access_token": "a\r\nb"}), "holds no bearer token"),
        (reply({**GOOD, "access_token": "a" * 20_000}), "holds no bearer token"),
        (reply(b" " * 100_000), "the answer is too long"),
        (b"no HTTP at all\r\n\r\n", "127.0.0.1"),
        (b"", "127.0.0.1"),
        (reply({}, "302 Found", Location="http://127.0.0.1:1/"), "answered with 302"),
    ],
)
async def test_what_is_no_token(issuer: Issuer, answer: bytes, words: str) -> None:
    issuer.answer = lambda: answer
    with pytest.raises(TokenRefused) as caught:
        await endpoint(issuer).fetch("the refresh token")
    assert words in str(caught.value)
    assert "the refresh token" not in str(caught.value)
    assert "client secret" not in str(caught.value)


@pytest.mark.parametrize("life", [0, -1, "x", None, True, [1]])
async def test_a_life_that_is_none_is_an_hour(issuer: Issuer, life: object) -> None:
    issuer.answer = lambda: reply({**GOOD, "expires_in": life})
    assert (await endpoint(issuer).fetch("x")).life == 3600.0


async def test_who_waits_for_a_fetch_that_is_given_up_has_a_reply(world: World) -> None:
    world.issuer.gate.clear()
    waiting = asyncio.create_task(world.tokens.token(JOHN))
    await asyncio.sleep(0)  # it has begun the fetch
    await world.tokens.close()
    found = await waiting
    assert isinstance(found, Reply)
    assert found.code == 454
