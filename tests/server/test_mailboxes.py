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
        self.counted: list[int] = []
        self.came: list[int] = []

    def claims(self) -> Full:
        return self

    def count(self, size: int) -> None:
        self.counted.append(size)

    def taken(self, size: int) -> None:
        self.came.append(size)

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


async def test_told_of_what_was_taken_only(world: World) -> None:
    full = Full(100)
    client, _, _ = await world.connect(mailboxes=full)
    await talk(client, "EHLO mx.example.net", "MAIL FROM:<ann@example.com> SIZE=99")
    await talk(client, "RCPT TO:<john@example.org>", "RSET")
    assert (full.counted, full.came) == ([99], [])
    await talk(client, "MAIL FROM:<ann@example.com> SIZE=50", "RCPT TO:<john@example.org>")
    assert (await talk(client, "DATA")).startswith("354")
    assert (await talk(client, "Subject: x\r\n\r\nx\r\n.")).startswith("250")
    assert full.counted == [99, 50]
    assert full.came == [len("Subject: x\r\n\r\nx\r\n")]
