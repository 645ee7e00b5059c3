"""What the log is told about TLS: established, failed, misunderstood, and left right after."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fake_connection import TLS
from postroad.model import ClientCertificate
from postroad.net.connection import TlsError
from session_world import World, talk

PEER = "mua.example.net[192.0.2.7]"
HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x8f" * 500


@pytest.mark.parametrize(
    ("agreed", "line"),
    [
        (TLS, f"Anonymous TLS connection established from {PEER}: TLSv1.3 with cipher"),
        (
            replace(TLS, server_name="mail.example.org"),
            f"Anonymous TLS connection established from {PEER} to mail.example.org: TLSv1.3 with",
        ),
        (
            replace(TLS, client_certificate=ClientCertificate("john")),
            f"Trusted TLS connection established from {PEER}: TLSv1.3 with cipher",
        ),
    ],
)
async def test_a_handshake_is_logged_as_postfix_does(
    world: World, agreed: object, line: str
) -> None:
    client, _, _ = await world.connect()
    client.agreed = agreed  # type: ignore[assignment]

    await talk(client, "EHLO x", "STARTTLS")

    assert any(each.startswith(line) for each in world.log)


async def test_a_client_that_begins_with_tls_where_smtp_does_is_told_apart(world: World) -> None:
    client, _, _ = await world.connect("submission")

    assert await client.say(HELLO) == ""

    assert client.closed
    assert world.log[-3:] == [
        (
            f"SSL_accept error from {PEER}: wrong version number (the client begins with TLS, and"
            " here SMTP begins in plain text: set it to STARTTLS, or to TLS/SSL and port 465)"
        ),
        f"lost connection after CONNECT from {PEER}",
        f"disconnect from {PEER} commands=0",
    ]


async def test_the_same_octets_later_are_a_command_like_any_other(world: World) -> None:
    client, _, _ = await world.connect()
    await talk(client, "EHLO x")

    assert await client.say(b"\x16\x03\r\n") != ""

    assert not any("SSL_accept" in each for each in world.log)


async def test_tls_that_breaks_in_mid_session_is_said(world: World) -> None:
    client, _, _ = await world.connect("submissions")

    await client.say(TlsError("tlsv1 alert unknown ca (advice)"))

    assert f"SSL_accept error from {PEER}: tlsv1 alert unknown ca (advice)" in world.log
    assert f"lost connection after CONNECT from {PEER}" in world.log
    assert client.closed
