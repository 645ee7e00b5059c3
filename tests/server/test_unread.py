"""Clients that never read what they are told, and clients whose TLS ends too early."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from fake_counters import MemoryCounters
from fake_limits import UNLIMITED, gate
from peers.certificates import Authority
from postroad.model import Client
from postroad.net.certificates import KeyPair
from postroad.net.connecting import connect
from postroad.net.connection import Connection
from postroad.net.settings import TlsSettings
from postroad.net.tls_server import Certificates, ServerTls
from postroad.smtp import SessionLimits
from server_road import PATIENCE, TRANSACTION, Road, until_idle
from session_world import World, talk

HELLO = b"EHLO x\r\n"
FLOODS = {
    "commands of the core": b"NOOP\r\n",
    "long answers": HELLO,
    "chunks": b"BDAT 2\r\n\r\n",
}
LITTLE = 400_000
"""Octets: the answers to one portion, and what an event loop keeps before it says so."""


@pytest.fixture
async def road() -> AsyncIterator[Road]:
    road = Road()
    yield road
    await road.close()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(params=["plain", "tls"])
def preset(request: pytest.FixtureRequest) -> str:
    return "submissions" if request.param == "tls" else "mx"


async def dial(road: Road, preset: str, authority: Authority, **changes: object) -> Connection:
    """A client of a new listener: under TLS, if that is the listener's way."""
    issued = authority.issue("mail.example.org", "localhost")
    certificates = Certificates(TlsSettings(), [KeyPair(issued.chain, issued.key)])
    front = ServerTls(certificates).context(client_certificates=False)
    await road.listen("mx", tls_context=front, implicit_tls=preset == "submissions", **changes)
    trust = ssl.create_default_context(cafile=authority.certificate)
    return await connect(
        *road.address,
        timeout=PATIENCE,
        tls=trust if preset == "submissions" else None,
        name="localhost",
    )


async def hear(client: Connection, until: bytes | None) -> bytes:
    """What the server says until these octets, or until it closes."""
    heard = b""
    while (until is None or until not in heard) and (octets := await client.read(PATIENCE)):
        heard += octets
    return heard


async def leave(client: Connection) -> None:
    client.abort()
    await client.gone()


async def say_all(client: Connection, octets: bytes) -> None:
    client.write(octets)
    await hear(client, b"354 ")


@pytest.mark.parametrize("flood", FLOODS)
async def test_who_never_reads_costs_little_and_not_for_long(
    monkeypatch: pytest.MonkeyPatch, road: Road, authority: Authority, preset: str, flood: str
) -> None:
    unsent: list[int] = []
    waited: list[float] = []
    write, drain = Connection.write, Connection.drain

    def watched(connection: Connection, data: bytes) -> None:
        write(connection, data)
        if connection is not client and connection._transport is not None:
            unsent.append(connection._transport.get_write_buffer_size())

    async def hasty(connection: Connection, timeout: float) -> None:  # noqa: ASYNC109
        waited.append(timeout)
        await drain(connection, 0.05)  # nothing is read any more, however long it waits

    counters = MemoryCounters()
    limits = SessionLimits(timeout=PATIENCE, errors=0, soft_errors=0)
    guarded = gate(replace(UNLIMITED, sessions_per_address=5), counters=counters)
    client = await dial(road, preset, authority, limits=limits, gate=guarded)
    await hear(client, b"220 ")
    client._pause()  # from now on it reads nothing
    monkeypatch.setattr(Connection, "write", watched)
    monkeypatch.setattr(Connection, "drain", hasty)
    client.write(HELLO + b"MAIL FROM:<a@b.example>\r\nRCPT TO:<john@example.org>\r\n")
    client.write(FLOODS[flood] * (8_000_000 // len(FLOODS[flood])))

    async with asyncio.timeout(PATIENCE):
        await until_idle(road)
        await leave(client)

    assert any(line.startswith("timeout after ") for line in road.log)
    assert "disconnect from unknown[127.0.0.1]" in road.log[-1]
    assert 0 < max(unsent) < LITTLE
    assert max(waited) <= PATIENCE
    assert counters.enter("sessions of address", "127.0.0.1") == 1, "its place is free"


async def test_who_reads_hears_the_answer_to_each_of_many(
    road: Road, authority: Authority, preset: str
) -> None:
    limits = SessionLimits(errors=0, soft_errors=0)
    client = await dial(road, preset, authority, limits=limits)
    await hear(client, b"220 ")
    client.write(b"NOOP\r\n" * 200_000 + HELLO * 1000 + b"QUIT\r\n")

    heard = await hear(client, None)

    await leave(client)
    assert heard.count(b"250 2.0.0 Ok\r\n") == 200_000
    assert heard.count(b"250-mail.example.org\r\n") == 1000
    assert heard.endswith(b"221 2.0.0 Bye\r\n")


async def test_a_place_is_taken_until_the_connection_is_gone(world: World) -> None:
    counters = MemoryCounters()
    guarded = gate(replace(UNLIMITED, sessions_per_user=5), counters=counters)
    mua = Client("192.0.2.7", 1, "mua.example.net")
    connection, _, _ = await world.connect("submission", mua, gate=guarded)
    connection.may_go.clear()
    login = "AUTH PLAIN AGpvaG5AZXhhbXBsZS5vcmcAc3VtbWVyc3Vu"
    assert await talk(connection, "EHLO x", "STARTTLS", "EHLO x", login)
    await talk(connection, "QUIT")

    for _ in range(5):
        await asyncio.sleep(0)
    assert not world.tasks[0].done()
    assert counters.enter("sessions of user", "john@example.org") == 2
    assert not any("disconnect" in line for line in world.log)

    connection.may_go.set()
    await world.tasks[0]
    assert counters.enter("sessions of user", "john@example.org") == 2
    assert "disconnect" in world.log[-1]


@pytest.mark.parametrize("rest", [b"", b".", b".\r"])
@pytest.mark.parametrize("notice", [True, False])
async def test_the_end_of_the_stream_is_no_end_of_data(
    road: Road, authority: Authority, preset: str, rest: bytes, notice: bool
) -> None:
    """Nor is TLS's own (close_notify): whoever cuts a connection must not cut a message short."""
    client = await dial(road, preset, authority)
    await say_all(client, TRANSACTION[0])
    client.write(b"Subject: x\r\n\r\nThe first half\r\n" + rest)
    if notice:
        client.close()
    else:
        assert client._transport is not None
        client._transport.write_eof()

    await until_idle(road)

    await leave(client)
    assert road.queued == []
    assert [draft.ended for draft in road.spool.drafts] == ["discarded"]
    assert any(line.startswith("lost connection after DATA") for line in road.log)


async def test_who_ends_its_side_of_tls_hears_every_reply(
    road: Road, authority: Authority, preset: str
) -> None:
    client = await dial(road, preset, authority)
    road.spool.may_commit.clear()
    await say_all(client, TRANSACTION[0])
    client.write(TRANSACTION[1] + b"QUIT\r\n")
    if client._stream is not None:
        client._stream.finish()  # close_notify, and no more than that
        client._send(client._stream)
    else:
        assert client._transport is not None
        client._transport.write_eof()
    await road.spool.committing.wait()
    road.spool.may_commit.set()

    heard = await hear(client, None)

    await leave(client)
    assert heard == b"250 2.0.0 Ok: queued as Q1\r\n221 2.0.0 Bye\r\n"
    assert len(road.queued) == 1
