"""Logins without TLS, where a listener says so: behind a program that ends TLS."""

from __future__ import annotations

from base64 import b64encode

from postroad.model import LOCAL, Client
from postroad.server.extensions import Extensions
from session_world import World, talk

PLAIN = b64encode(b"\0john@example.org\0summersun").decode()
WITHOUT_TLS = {"starttls": False, "require_tls": False, "tls_context": None}


async def test_where_it_is_allowed(world: World) -> None:
    allowed = Extensions(plain_auth=True)
    client, _, _ = await world.connect("submission", extensions=allowed, **WITHOUT_TLS)

    heard = await talk(client, "EHLO x")
    assert "250-AUTH PLAIN LOGIN\r\n" in heard
    assert "STARTTLS" not in heard
    assert await talk(client, f"AUTH PLAIN {PLAIN}") == "235 2.7.0 Authentication successful\r\n"
    await talk(client, "MAIL FROM:<john@example.org>")
    assert await talk(client, "RCPT TO:<lisa@example.com>") == "250 2.1.5 Ok\r\n"


async def test_where_nobody_said_so(world: World) -> None:
    client, _, _ = await world.connect("submission", **WITHOUT_TLS)

    assert "AUTH" not in await talk(client, "EHLO x")
    assert (await talk(client, f"AUTH PLAIN {PLAIN}")).startswith("504 5.5.4 Encryption required")


async def test_by_a_unix_socket(world: World) -> None:
    """Who is on such a socket is trusted, and still sends as himself once he has logged in."""
    client, _, _ = await world.connect(
        "submission",
        client=Client(LOCAL, 0, "localhost"),
        extensions=Extensions(plain_auth=True),
        **WITHOUT_TLS,
    )
    await talk(client, "EHLO x", f"AUTH PLAIN {PLAIN}", "MAIL FROM:<lisa@example.com>")

    assert (await talk(client, "RCPT TO:<paul@example.net>")).startswith("553 5.7.1 ")
