"""What the log is told of sessions that end otherwise than by QUIT."""

from __future__ import annotations

import pytest

from fake_connection import FakeConnection
from postroad.server.ending import log_closed
from postroad.server.peer import Peer
from postroad.smtp import Offer, ServerCore, SessionLimits
from session_world import World, talk

PEER = "mua.example.net[192.0.2.7]"


@pytest.mark.parametrize(
    ("commands", "hinted"),
    [((), True), (("EHLO x",), False)],
)
async def test_who_leaves_after_the_handshake_may_mistrust_us(
    world: World, commands: tuple[str, ...], hinted: bool
) -> None:
    client, _, _ = await world.connect("submission")
    await talk(client, "EHLO x", "STARTTLS", *commands)

    await client.say(b"")

    hint = f"{PEER}: no command after the TLS handshake: a mail program that does so does not"
    assert any(each.startswith(hint) for each in world.log) is hinted


async def test_without_tls_nobody_is_suspected(world: World) -> None:
    client, _, _ = await world.connect()

    await client.say(b"")

    assert f"lost connection after CONNECT from {PEER}" in world.log
    assert not any("handshake" in each for each in world.log)


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("", []),
        ("too many errors", ["too many errors after CONNECT from unknown[192.0.2.7]"]),
        ("the client speaks HTTP", ["warning: unknown[192.0.2.7]: the client speaks HTTP"]),
    ],
)
def test_why_the_core_ended_a_session(world: World, reason: str, said: list[str]) -> None:
    core = ServerCore("mail.example.org", Offer(), SessionLimits())
    peer = Peer(FakeConnection(), world.service(), core)  # type: ignore[arg-type]

    log_closed(peer, reason)

    assert world.log == said
