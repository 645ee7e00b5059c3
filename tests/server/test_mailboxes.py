"""Full mailboxes: mail from outside is refused for now, and our users' mail is taken."""

from __future__ import annotations

import pytest

from postroad.model import Address, Client, Reply
from session_world import World, talk


class Full:
    """One mailbox is full beyond so many octets; remembers what it was asked."""

    def __init__(self, free: int = 0) -> None:
        self.free = free
        self.asked: list[tuple[str, int]] = []

    async def refusal(self, address: Address, size: int) -> Reply | None:
        self.asked.append((str(address), size))
        return None if size < self.free else Reply.of(452, "4.2.2", f"<{address}>: mailbox is full")


@pytest.mark.parametrize(
    ("free", "parameter", "answer"),
    [
        (0, "", "452 4.2.2 <john@example.org>: mailbox is full\r\n"),
        (100, " SIZE=100", "452 4.2.2 <john@example.org>: mailbox is full\r\n"),
        (100, " SIZE=99", "250 2.1.5 Ok\r\n"),
        (100, "", "250 2.1.5 Ok\r\n"),
    ],
)
async def test_asked_at_rcpt(world: World, free: int, parameter: str, answer: str) -> None:
    client, _, _ = await world.connect(mailboxes=Full(free))
    await talk(client, "EHLO mx.example.net", f"MAIL FROM:<ann@example.com>{parameter}")
    assert await talk(client, "RCPT TO:<john@example.org>") == answer
    refused = [line for line in world.log if "452 4.2.2" in line and "RCPT" in line]
    assert len(refused) == answer.startswith("452")


async def test_not_asked_of_what_policy_refuses(world: World) -> None:
    full = Full()
    client, _, _ = await world.connect(mailboxes=full)
    await talk(client, "EHLO mx.example.net", "MAIL FROM:<ann@example.com>")
    assert (await talk(client, "RCPT TO:<x@elsewhere.test>")).startswith("554")
    assert full.asked == []


async def test_not_asked_of_trusted_clients(world: World) -> None:
    full = Full()
    client, _, _ = await world.connect(mailboxes=full, client=Client("10.0.0.1", 4000))
    await talk(client, "EHLO x", "MAIL FROM:<john@example.org>")
    assert (await talk(client, "RCPT TO:<john@example.org>")).startswith("250")
    assert full.asked == []
