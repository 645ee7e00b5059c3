"""Where sessions ask for the rates: at STARTTLS, MAIL, RCPT and at the end of the content."""

from __future__ import annotations

from base64 import b64encode

import pytest

from fake_connection import FakeConnection
from fake_limits import UNLIMITED, gate
from postroad.limits.gate import Gate
from postroad.limits.settings import RateSettings
from postroad.model import Client
from postroad.smtp import SessionLimits
from session_world import World, talk

LOGIN = b64encode(b"\0john@example.org\0summersun").decode()
MUA = Client("192.0.2.7", 1, "mua.example.net")
TRUSTED = Client("10.0.0.1", 1, "webmail.example.org")
MAIL, RCPT = "MAIL FROM:<john@example.org>", "RCPT TO:<john@example.org>"


def limited(world: World, count: str, per: str, limit: int) -> Gate:
    settings = RateSettings(count=count, per=per, limit=limit, window=60.0)  # type: ignore[arg-type]
    return gate(
        UNLIMITED,
        {"x": settings},
        is_trusted=lambda address: address == TRUSTED.address,
        journal=world.events.append,
    )


async def user(world: World, gate: Gate, client: Client = MUA) -> FakeConnection:
    connection, _, _ = await world.connect("submission", client, gate=gate)
    await talk(connection, "EHLO x", "STARTTLS", "EHLO x", f"AUTH PLAIN {LOGIN}")
    return connection


async def send(connection: FakeConnection, octets: int, mail: str = MAIL) -> str:
    await talk(connection, mail, RCPT, "DATA")
    body = b"x" * 60 + b"\r\n"
    return (await connection.say(body * (octets // len(body)) + b".\r\n")).strip()


async def test_what_the_small_server_guide_sets(world: World) -> None:
    """smtpd_recipient_limit = 5, smtpd_client_recipient_rate_limit = 50."""
    client, _, _ = await world.connect(
        client=MUA,
        gate=limited(world, "recipients", "client", 50),
        limits=SessionLimits(recipients=5),
    )
    await talk(client, "EHLO x")
    for _ in range(10):
        await talk(client, "MAIL FROM:<a@b.example>", *[RCPT] * 4)
        assert await talk(client, RCPT) == "250 2.1.5 Ok\r\n"
        assert await talk(client, RCPT) == "452 4.5.3 Error: too many recipients\r\n"
        await talk(client, "RSET")
    await talk(client, "MAIL FROM:<a@b.example>")
    assert await talk(client, RCPT) == "450 4.7.1 Error: too many recipients from 192.0.2.7\r\n"
    line = "warning: Recipient address rate limit exceeded: 51 from mua.example.net[192.0.2.7]"
    assert any(each.startswith(f"{line} for service smtpd") for each in world.log)


async def test_a_user_is_counted_behind_a_trusted_address_too(world: World) -> None:
    it = limited(world, "messages", "user", 1)
    webmail = await user(world, it, TRUSTED)
    assert (await talk(webmail, MAIL)).startswith("250")
    home = await user(world, it)
    refused = "450 4.7.1 Error: too much mail from john@example.org\r\n"
    assert await talk(home, MAIL) == refused
    assert await talk(webmail, "RSET", MAIL) == refused


@pytest.mark.parametrize("per", ["client", "network", "sender", "sender_domain"])
async def test_a_trusted_client_is_not(world: World, per: str) -> None:
    client, _, _ = await world.connect(client=TRUSTED, gate=limited(world, "messages", per, 1))
    await talk(client, "EHLO x")
    for _ in range(3):
        assert (await talk(client, MAIL)).startswith("250")
        await talk(client, "RSET")


async def test_too_much_content(world: World) -> None:
    client = await user(world, limited(world, "bytes", "user", 150_000))
    assert (await send(client, 90_000)).startswith("250")
    refused = "450 4.7.1 Error: too much mail data from john@example.org"
    assert await send(client, 70_000) == refused
    assert [draft.ended for draft in world.spool.drafts] == ["committed", "discarded"]
    assert any(line.startswith("Q2: reject: END-OF-MESSAGE from mua") for line in world.log)
    assert (await send(client, 30_000)).startswith("250")
    # Who says before how much it will be hears it before.
    assert await talk(client, f"{MAIL} SIZE=70000") == f"{refused}\r\n"
    assert (await talk(client, f"{MAIL} SIZE=5000")).startswith("250")


async def test_content_that_was_refused_otherwise_does_not_count(world: World) -> None:
    client = await user(world, limited(world, "bytes", "user", 100_000))
    world.spool.breaks = True
    for _ in range(3):
        assert (await send(client, 80_000)).startswith("452")
    world.spool.breaks = False
    assert (await send(client, 80_000)).startswith("250")


async def test_a_sender_is_counted_wherever_its_mail_comes_from(world: World) -> None:
    it = limited(world, "messages", "sender", 2)
    answers = []
    for number in range(3):
        client, _, _ = await world.connect(client=Client(f"198.51.{number}.7", 1), gate=it)
        answers.append(await talk(client, "EHLO x", "MAIL FROM:<News@Letters.example>"))
        answers.append(await talk(client, "RSET", "MAIL FROM:<>"))
    refused = "450 4.7.1 Error: too much mail from news@letters.example\r\n"
    assert [answer == refused for answer in answers] == [False] * 4 + [True, False]


async def test_too_many_tls_sessions(world: World) -> None:
    it = limited(world, "tls_sessions", "client", 1)
    first, _, _ = await world.connect("mx", MUA, gate=it)
    await talk(first, "EHLO x", "STARTTLS")
    assert (await talk(first, "EHLO x")).startswith("250")
    second, _, _ = await world.connect("mx", MUA, gate=it)
    await talk(second, "EHLO x")
    assert (await talk(second, "STARTTLS")).startswith("220")  # it may be one that is resumed
    assert second.closed
    third, _, _ = await world.connect("mx", MUA, gate=it)
    await talk(third, "EHLO x")
    assert await talk(third, "STARTTLS") == (
        "454 4.7.0 Error: too many new TLS sessions from mua.example.net[192.0.2.7]\r\n"
    )
    assert (await talk(third, MAIL)).startswith("250")
