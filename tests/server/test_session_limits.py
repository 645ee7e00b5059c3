"""Where sessions ask the gate and the guard: at MAIL, at RCPT, at logins, and at their end."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from fake_connection import FakeConnection
from fake_counters import MemoryCounters
from fake_limits import UNLIMITED, FakeBans, FakeFamiliar, gate
from postroad.limits.gate import Gate
from postroad.limits.guessing import Guard
from postroad.limits.settings import GuessingSettings
from postroad.model import Client
from postroad.server.logins import Logins
from session_world import World, talk

RIGHT = b64encode(b"\0john@example.org\0summersun").decode()
MAIL, RCPT = "MAIL FROM:<a@b.example>", "RCPT TO:<john@example.org>"
MUA = Client("192.0.2.7", 1, "mua.example.net")
OTHERS = [Client(f"198.51.{number}.7", 1) for number in range(100)]


class Guarded(World):
    """A listener with a real gate and a real guard, over counters in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.counters = MemoryCounters()
        self.bans = FakeBans()
        self.guard = Guard(
            settings=GuessingSettings(),
            counters=self.counters,
            bans=self.bans,
            familiar=FakeFamiliar(),
            is_trusted=lambda address: False,
            journal=self.events.append,
        )

    def gate(self, **limits: int) -> Gate:
        return gate(
            replace(UNLIMITED, **limits),
            counters=self.counters,
            bans=self.bans,
            journal=self.events.append,
        )

    async def user(self, client: Client = MUA, **limits: int) -> FakeConnection:
        """A client under TLS that may log in."""
        given = {"gate": self.gate(**limits), "logins": Logins(guard=self.guard)}
        connection, _, _ = await self.connect("submission", client, **given)
        await talk(connection, "EHLO x", "STARTTLS", "EHLO x")
        return connection

    async def fail(self, connection: FakeConnection, user: str = "john@example.org") -> str:
        guess = b64encode(f"\0{user}\0wrong".encode()).decode()
        return await talk(connection, f"AUTH PLAIN {guess}")


@pytest.fixture
async def world() -> AsyncIterator[Guarded]:
    world = Guarded()
    yield world
    for task in world.tasks:
        task.cancel()


async def test_too_much_mail(world: Guarded) -> None:
    client, _, _ = await world.connect(client=MUA, gate=world.gate(messages_per_network=2))
    await talk(client, "EHLO x", MAIL, "RSET", MAIL, "RSET")
    refused = "450 4.7.1 Error: too much mail from 192.0.2.7"
    assert await talk(client, MAIL) == f"{refused}\r\n"
    assert await talk(client, RCPT) == "503 5.5.1 Error: need MAIL command\r\n"
    assert any(
        line.startswith(f"NOQUEUE: reject: MAIL from mua.example.net[192.0.2.7]: {refused}")
        for line in world.log
    )
    world.now += 2 * 3600
    assert await talk(client, MAIL) == "250 2.1.0 Ok\r\n"


async def test_too_many_recipients(world: Guarded) -> None:
    client, _, _ = await world.connect(client=MUA, gate=world.gate(recipients_per_network=2))
    await talk(client, "EHLO x", MAIL, RCPT)
    await talk(client, "RCPT TO:<nobody@example.org>")
    refused = "450 4.7.1 Error: too many recipients from 192.0.2.7"
    assert await talk(client, RCPT) == f"{refused}\r\n"
    line = f"NOQUEUE: reject: RCPT from mua.example.net[192.0.2.7]: {refused}; from=<a@b.example>"
    assert any(each.startswith(line) for each in world.log)
    # What was taken before is not lost.
    assert (await talk(client, "DATA")).startswith("354 ")


async def test_mail_of_a_user_is_counted_for_the_user(world: Guarded) -> None:
    client = await world.user(messages_per_user=1, recipients_per_user=1, messages_per_network=1)
    await talk(client, f"AUTH PLAIN {RIGHT}", "MAIL FROM:<john@example.org>", RCPT)
    assert await talk(client, RCPT) == (
        "450 4.7.1 Error: too many recipients from john@example.org\r\n"
    )
    assert await talk(client, "RSET", "MAIL FROM:<john@example.org>") == (
        "450 4.7.1 Error: too much mail from john@example.org\r\n"
    )


@pytest.mark.parametrize("end", ["QUIT", None])
async def test_a_user_has_so_many_sessions(world: Guarded, end: str | None) -> None:
    first, second = [await world.user(sessions_per_user=1) for _ in range(2)]
    assert (await talk(first, f"AUTH PLAIN {RIGHT}")).startswith("235 ")
    assert await talk(second, f"AUTH PLAIN {RIGHT}") == (
        "421 4.7.0 mail.example.org Error: too many sessions of john@example.org\r\n"
    )
    assert second.closed

    if end is None:
        await first.say(b"")  # it went away
    else:
        await talk(first, end)
    await world.tasks[0]
    third = await world.user(sessions_per_user=1)
    assert (await talk(third, f"AUTH PLAIN {RIGHT}")).startswith("235 ")


async def test_auth_floods(world: Guarded) -> None:
    client = await world.user(logins_per_address=2)
    await talk(client, "AUTH PLAIN", "*", "AUTH PLAIN", "*")
    assert await talk(client, "AUTH PLAIN") == (
        "450 4.7.1 Error: too many AUTH commands from 192.0.2.7\r\n"
    )
    world.now += 120
    assert await talk(client, "AUTH PLAIN") == "334 \r\n"


@pytest.mark.parametrize("user", ["john@example.org", "nobody@example.org"])
async def test_a_guesser_waits_longer_and_is_banned(world: Guarded, user: str) -> None:
    answers, alive = [], None
    open_before = await world.user()
    while len(answers) < 10:
        if alive is None or alive.closed:
            alive = await world.user()
        answers.append(await world.fail(alive, user))

    assert {answer.splitlines()[0] for answer in answers} == {
        "535 5.7.8 Error: authentication failed: wrong name or password"
    }
    assert world.pauses == [1, 2, 4, 8, 16, 16, 16, 16, 16, 16]
    assert alive is not None
    assert alive.closed  # with the answer that brought the ban
    assert list(world.bans.bans) == ["192.0.2.7"]
    assert sum("banned 192.0.2.7 until" in line for line in world.log) == 1

    banned = "421 4.7.0 mail.example.org Error: no service for 192.0.2.7 at this time\r\n"
    assert await talk(open_before, f"AUTH PLAIN {RIGHT}") == banned


async def test_an_attack_from_everywhere_locks_strangers_out_and_nobody_else(
    world: Guarded,
) -> None:
    home = await world.user()
    assert (await talk(home, f"AUTH PLAIN {RIGHT}")).startswith("235 ")

    for client in OTHERS[:40]:
        await world.fail(await world.user(client))

    stranger = await world.user(OTHERS[50])
    wrong = await world.fail(stranger)
    # The right password is refused in the same words, after the same kind of wait.
    assert await talk(stranger, f"AUTH PLAIN {RIGHT}") == wrong
    assert (await talk(await world.user(), f"AUTH PLAIN {RIGHT}")).startswith("235 ")
