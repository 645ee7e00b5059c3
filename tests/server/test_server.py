"""The listeners of a worker and its sessions over real sockets; fakes behind the door."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from fake_limits import UNLIMITED, FakeBans, gate
from postroad.limits.bans import Author, Ban
from postroad.limits.settings import Limits
from server_road import PATIENCE, TRANSACTION, Road, until_idle

GREETING = "220 mail.example.org ESMTP Postroad"
TOO_MANY = "421 4.7.0 mail.example.org Error: too many connections from 127.0.0.1"


@pytest.fixture
async def road() -> AsyncIterator[Road]:
    road = Road()
    yield road
    await road.close()


async def say(client: socket.socket, octets: bytes) -> None:
    await asyncio.get_running_loop().sock_sendall(client, octets)


async def hear(client: socket.socket, until: bytes | None = b"\n") -> str:
    """What the server says until these octets, or until it closes."""
    heard = b""
    async with asyncio.timeout(PATIENCE):
        while until is None or not heard.endswith(until):
            octets = await asyncio.get_running_loop().sock_recv(client, 4096)
            if not octets:
                break
            heard += octets
    return heard.decode()


async def begin(road: Road) -> socket.socket:
    """A client whose DATA was answered with 354."""
    client = await road.dial()
    await hear(client)
    await say(client, TRANSACTION[0])
    await hear(client, b"<CR><LF>.<CR><LF>\r\n")
    return client


async def test_a_client_that_ends_its_side_hears_every_reply(road: Road) -> None:
    await road.listen()
    road.spool.may_commit.clear()
    client = await begin(road)

    await say(client, TRANSACTION[1] + b"QUIT\r\n")
    client.shutdown(socket.SHUT_WR)
    await road.spool.committing.wait()
    road.spool.may_commit.set()

    assert (await hear(client, None)).splitlines() == [
        "250 2.0.0 Ok: queued as Q1",
        "221 2.0.0 Bye",
    ]
    await until_idle(road)
    assert not any("lost connection" in line for line in road.log)


async def test_a_client_that_sends_all_at_once_and_ends_its_side(road: Road) -> None:
    await road.listen()
    client = await road.dial()

    await say(client, TRANSACTION[0] + TRANSACTION[1] + b"QUIT\r\n")
    client.shutdown(socket.SHUT_WR)

    codes = [line[:4] for line in (await hear(client, None)).splitlines() if line[3] == " "]
    assert codes == ["220 ", "250 ", "250 ", "250 ", "354 ", "250 ", "221 "]
    assert len(road.queued) == 1


async def test_a_message_is_kept_when_its_client_breaks_off_in_the_commit(road: Road) -> None:
    """The client may send it again: that is its side of RFC 5321 §4.5.3.2.6."""
    await road.listen()
    road.spool.may_commit.clear()
    client = await begin(road)
    await say(client, TRANSACTION[1])
    await road.spool.committing.wait()

    reset = struct.pack("ii", 1, 0)  # close sends RST
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
    client.close()
    for _ in range(20):  # turns of the loop in which the reset arrives
        await asyncio.sleep(0)
    road.spool.may_commit.set()
    await until_idle(road)

    assert [each.message.queue_id for each in road.queued] == ["Q1"]
    assert road.log[-2:] == [
        "lost connection after END-OF-MESSAGE from unknown[127.0.0.1]",
        "disconnect from unknown[127.0.0.1] ehlo=1 mail=1 rcpt=1 data=1 commands=4",
    ]
    assert not any("error" in line for line in road.log)


def few(**limits: int) -> Limits:
    """No limit but these."""
    return replace(UNLIMITED, **limits)


@pytest.mark.parametrize(
    ("limits", "line"),
    [
        (
            few(sessions_per_address=2),
            "Connection concurrency limit exceeded: 3 from unknown[127.0.0.1]",
        ),
        (
            few(sessions_per_network=2),
            "Connection concurrency limit exceeded: 3 from 127.0.0.0/24, unknown[127.0.0.1]",
        ),
        (
            few(sessions=2),
            "Connection limit exceeded: 2 from unknown[127.0.0.1]",
        ),
        (
            few(connections_per_address=2),
            "Connection rate limit exceeded: 3 from unknown[127.0.0.1]",
        ),
    ],
)
async def test_one_client_too_many(road: Road, limits: Limits, line: str) -> None:
    await road.listen(gate=gate(limits, journal=road.events.append))
    first, second = [await road.dial() for _ in range(2)]
    greetings = [await hear(client) for client in (first, second)]
    assert greetings == [f"{GREETING}\r\n"] * 2

    assert await hear(await road.dial(), None) == f"{TOO_MANY}\r\n"
    assert len(road.log) == 3
    assert road.log[2].startswith(f"warning: {line}")

    await say(first, b"QUIT\r\n")
    await hear(first, None)
    await say(second, b"NOOP\r\n")
    assert await hear(second) == "250 2.0.0 Ok\r\n"
    road.now += 120
    assert await hear(await road.dial()) == f"{GREETING}\r\n"


@pytest.mark.parametrize("limits", [few(sessions_per_address=1), few(connections_per_address=1)])
async def test_under_tls_one_client_too_many_gets_no_handshake(road: Road, limits: Limits) -> None:
    await road.listen("submissions", gate=gate(limits))
    await road.dial()

    assert await hear(await road.dial(), None) == ""
    assert road.server.sessions == 1


async def test_a_banned_client_gets_no_session(road: Road) -> None:
    bans = FakeBans()
    bans.put(Ban("127.0.0.0/8", "10 failed logins", Author.AUTOMATIC, 0, road.now + 60), 0)
    await road.listen(gate=gate(bans=bans, journal=road.events.append))

    refused = "421 4.7.0 mail.example.org Error: no service for 127.0.0.1 at this time\r\n"
    assert [await hear(await road.dial(), None) for _ in range(3)] == [refused] * 3
    assert len(road.log) == 1
    assert "connection from unknown[127.0.0.1] refused: 127.0.0.0/8 is banned" in road.log[0]

    road.now += 61
    assert await hear(await road.dial()) == f"{GREETING}\r\n"


@pytest.mark.parametrize(
    ("limits", "trusted"),
    [
        (few(sessions_per_address=1, connections_per_address=1), True),
        (UNLIMITED, False),
    ],
    ids=["trusted", "without limits"],
)
async def test_who_is_not_counted(road: Road, limits: Limits, trusted: bool) -> None:
    await road.listen(gate=gate(limits, is_trusted=lambda address: trusted))

    clients = [await road.dial() for _ in range(3)]

    assert [await hear(client) for client in clients] == [f"{GREETING}\r\n"] * 3
