"""LMTP as a server: a neighbour hands over mail for users here (RFC 2033)."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from fake_connection import FakeConnection
from postroad.model import LOCAL, Client
from postroad.policy import Networks
from session_world import World, talk

NEIGHBOUR = Client(LOCAL, 0, "localhost")
NOBODY = Networks([])


async def connected(world: World, **changes: object) -> FakeConnection:
    changes = {"client": NEIGHBOUR, "trusted": NOBODY, **changes}
    client, _, banner = await world.connect("lmtp", **changes)
    assert banner == "220 mail.example.org LMTP Postroad\r\n"
    await talk(client, "LHLO mta.example.org")
    return client


async def test_what_is_announced(world: World) -> None:
    client = await connected(world)

    assert (await talk(client, "LHLO mta")).splitlines() == [
        "250-mail.example.org",
        "250-PIPELINING",
        "250-SIZE 52428800",
        "250-ENHANCEDSTATUSCODES",
        "250-8BITMIME",
        "250-DSN",
        "250-SMTPUTF8",
        "250-CHUNKING",
        "250-BINARYMIME",
        "250 LIMITS RCPTMAX=1000",
    ]


@pytest.mark.parametrize("command", ["EHLO x", "HELO x"])
async def test_no_smtp_is_spoken(world: World, command: str) -> None:
    client = await connected(world)

    assert (await talk(client, command)).startswith("500 5.5.2 ")


async def test_each_recipient_has_its_reply(world: World) -> None:
    client = await connected(world)
    await talk(client, "MAIL FROM:<a@b.example>", "RCPT TO:<john@example.org>")
    assert (await talk(client, "RCPT TO:<nobody@example.org>")).startswith("550 5.1.1 ")
    await talk(client, "RCPT TO:<info@example.org>", "DATA")

    answer = await client.say(b"Subject: x\r\n\r\nbody\r\n.\r\n")

    assert answer.splitlines() == ["250 2.0.0 Ok: queued as Q1"] * 2
    octets = world.spool.drafts[0].octets
    assert octets.startswith(b"Received: from mta.example.org (localhost [local])")
    assert b"with LMTP id Q1" in octets
    assert b"Message-ID" not in octets, "it is not ours to complete"
    assert "connect from localhost[local]" in world.log


async def test_each_recipient_has_the_refusal(world: World) -> None:
    client = await connected(world)
    await talk(client, "MAIL FROM:<a@b.example>")
    await talk(client, "RCPT TO:<john@example.org>", "RCPT TO:<info@example.org>", "DATA")
    world.spool.breaks = True

    answer = await client.say(b"Subject: x\r\n\r\nbody\r\n.\r\n")

    assert answer.splitlines() == ["452 4.3.1 Insufficient system storage"] * 2


async def test_without_recipients_there_is_no_content(world: World) -> None:
    """RFC 2033 §4.2."""
    client = await connected(world)
    await talk(client, "MAIL FROM:<a@b.example>", "RCPT TO:<nobody@example.org>")

    assert await talk(client, "DATA") == "503 5.5.1 Error: no valid recipients\r\n"


async def test_nothing_is_relayed_not_even_for_a_neighbour(world: World) -> None:
    client = await connected(world)
    await talk(client, "MAIL FROM:<john@example.org>")

    assert await talk(client, "RCPT TO:<lisa@example.com>") == (
        "554 5.7.1 <lisa@example.com>: Relay access denied\r\n"
    )


async def test_a_stranger_hands_over_nothing(world: World) -> None:
    client = await connected(world, client=Client("192.0.2.7", 1))
    await talk(client, "MAIL FROM:<a@b.example>")

    assert await talk(client, "RCPT TO:<john@example.org>") == (
        "554 5.7.1 <mua.example.net[192.0.2.7]>: Client host rejected: Access denied\r\n"
    )


async def test_a_trusted_network_is_a_neighbour(world: World) -> None:
    trusted = Networks([ip_network("192.0.2.0/24")])
    client = await connected(world, client=Client("192.0.2.7", 1), trusted=trusted)
    await talk(client, "MAIL FROM:<a@b.example>")

    assert await talk(client, "RCPT TO:<john@example.org>") == "250 2.1.5 Ok\r\n"


async def test_a_unix_socket_on_an_smtp_listener_is_trusted(world: World) -> None:
    """Its mode says who may write to it; such a client may relay, as a program of this machine."""
    client, _, _ = await world.connect(client=NEIGHBOUR, trusted=NOBODY)
    await talk(client, "EHLO x", "MAIL FROM:<a@b.example>")

    assert await talk(client, "RCPT TO:<lisa@example.com>") == "250 2.1.5 Ok\r\n"
