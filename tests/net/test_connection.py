"""The byte stream under every session: deadlines, back-pressure, and the upgrade to TLS.

Every test runs on both event loops (conftest.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connection_pair import PATIENCE, Pair, echo, read_all
from postroad.net.byte_stream import READ_BUFFER
from postroad.net.connection import Connection, TlsError
from postroad.net.listener import BindError, bind
from postroad.net.selfsigned import self_signed


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = self_signed(("localhost",), datetime.now(UTC))
    (folder / "key.pem").write_bytes(key)
    (folder / "certificate.pem").write_bytes(certificate)
    return folder / "certificate.pem"


@pytest.fixture
def server_tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    return context


@pytest.fixture
def client_tls(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certificate)


async def nothing(connection: Connection) -> None:
    await connection.read(PATIENCE)


async def test_octets_go_both_ways() -> None:
    async with Pair(echo) as client:
        client.write(b"hello")

        assert await read_all(client, 5) == b"hello"
        assert client.peer.address == "127.0.0.1"


async def test_both_know_their_ends() -> None:
    seen = asyncio.get_running_loop().create_future()

    async def look(connection: Connection) -> None:
        await connection.read(PATIENCE)
        seen.set_result((connection.peer.port, connection.local))

    async with Pair(look) as client:
        assert not client.unread
        client.write(b"x")
        port, local = await seen
        assert client.local == ("127.0.0.1", port)
    assert local == ("127.0.0.1", client.peer.port)


async def test_what_nobody_has_read_yet() -> None:
    async with Pair(echo) as client:
        client.write(b"hello" * 20_000)
        await client.read(PATIENCE)
        while not client.unread:  # noqa: ASYNC110 - nobody reads, so that nobody would be woken
            await asyncio.sleep(0)
        await read_all(client, 1)


async def test_a_silent_peer_is_a_timeout_and_the_stream_lives_on() -> None:
    async with Pair(echo) as client:
        with pytest.raises(TimeoutError):
            await client.read(0.01)

        client.write(b"late")
        assert await read_all(client, 4) == b"late"


async def test_a_short_deadline_after_a_long_one_is_kept() -> None:
    async with Pair(echo) as client:
        client.write(b"x")
        await client.read(3600)

        with pytest.raises(TimeoutError):
            await client.read(0.01)


async def test_no_deadline() -> None:
    async with Pair(echo) as client:
        client.write(b"x")

        assert await client.read(float("inf")) == b"x"


async def test_end_of_file_comes_after_what_was_sent() -> None:
    async def say(connection: Connection) -> None:
        connection.write(b"bye")

    async with Pair(say) as client:
        assert await read_all(client, 3) == b"bye"
        assert await client.read(PATIENCE) == b""
        assert client.is_closed


async def test_a_busy_reader_holds_the_peer_back() -> None:
    seen: list[int] = []
    done = asyncio.Event()

    async def busy(connection: Connection) -> None:
        await done.wait()
        while data := await connection.read(PATIENCE):
            seen.append(len(data))

    size = 64 * READ_BUFFER
    async with Pair(busy) as client:
        client.write(b"x" * size)
        with pytest.raises(TimeoutError):
            await client.drain(0.05)
        done.set()
        await client.drain(PATIENCE)
        client.close()

    assert sum(seen) == size
    assert max(seen) <= 2 * READ_BUFFER


async def test_starttls(server_tls: ssl.SSLContext, client_tls: ssl.SSLContext) -> None:
    async def serve(connection: Connection) -> None:
        assert await connection.read(PATIENCE) == b"STARTTLS\r\n"
        await connection.start_tls(
            server_tls, server_side=True, timeout=PATIENCE, invitation=b"220 go\r\n"
        )
        assert connection.tls is not None
        await echo(connection)

    async with Pair(serve) as client:
        client.write(b"STARTTLS\r\n")
        assert await client.read(PATIENCE) == b"220 go\r\n"
        await client.start_tls(client_tls, server_side=False, timeout=PATIENCE, name="localhost")
        client.write(b"x" * 100_000)

        assert await read_all(client, 100_000) == b"x" * 100_000
        assert client.tls is not None
        assert client.tls.version == "TLSv1.3"


async def test_implicit_tls(server_tls: ssl.SSLContext, client_tls: ssl.SSLContext) -> None:
    async def serve(connection: Connection) -> None:
        await connection.start_tls(server_tls, server_side=True, timeout=PATIENCE)
        await echo(connection)

    async with Pair(serve, implicit_tls=True) as client:
        await client.start_tls(client_tls, server_side=False, timeout=PATIENCE, name="localhost")
        client.write(b"x")

        assert await client.read(PATIENCE) == b"x"


async def test_a_handshake_that_is_there_before_anybody_looks(
    server_tls: ssl.SSLContext, client_tls: ssl.SSLContext
) -> None:
    looked = asyncio.Event()

    async def serve(connection: Connection) -> None:
        await looked.wait()
        assert connection.peer.address == "127.0.0.1"
        await connection.start_tls(server_tls, server_side=True, timeout=PATIENCE)
        await echo(connection)

    async with Pair(serve, implicit_tls=True) as client:
        handshake = asyncio.ensure_future(
            client.start_tls(client_tls, server_side=False, timeout=PATIENCE, name="localhost")
        )
        for _ in range(20):  # turns of the loop in which the server's socket could be read
            await asyncio.sleep(0)
        looked.set()
        await handshake
        client.write(b"x")

        assert await client.read(PATIENCE) == b"x"


async def refuse(context: ssl.SSLContext, connection: Connection, limit: float) -> str:
    """Expect the handshake to fail; why."""
    with pytest.raises(TlsError) as caught:
        await connection.start_tls(context, server_side=True, timeout=limit)
    return str(caught.value)


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"EHLO plain.example\r\n", "wrong version number (the client speaks plain text"),
        (b"GET / HTTP/1.1\r\n\r\n", "http request"),
        (b"\x16\x03\x01\x00\x05hello", ""),
    ],
)
async def test_garbage_for_a_handshake(
    server_tls: ssl.SSLContext, sent: bytes, reason: str
) -> None:
    reasons: list[str] = []

    async def serve(connection: Connection) -> None:
        reasons.append(await refuse(server_tls, connection, PATIENCE))

    async with Pair(serve, implicit_tls=True) as client:
        client.write(sent)
        with contextlib.suppress(ConnectionError):
            while await client.read(PATIENCE):
                pass

    assert reasons[0].startswith(reason)


async def test_a_handshake_that_never_comes(server_tls: ssl.SSLContext) -> None:
    async def serve(connection: Connection) -> None:
        assert "sent nothing for 0.05 s" in await refuse(server_tls, connection, 0.05)

    async with Pair(serve, implicit_tls=True) as client:
        with contextlib.suppress(ConnectionError):
            assert await client.read(PATIENCE) == b""


async def test_plain_text_before_the_invitation_is_not_kept(server_tls: ssl.SSLContext) -> None:
    async def serve(connection: Connection) -> None:
        await connection.read(PATIENCE)
        connection.data_received(b"MAIL FROM:<injected@example.net>\r\n")
        assert "plain text" in await refuse(server_tls, connection, PATIENCE)

    async with Pair(serve) as client:
        client.write(b"STARTTLS\r\n")


async def test_an_untrusted_certificate_is_named(server_tls: ssl.SSLContext) -> None:
    async def serve(connection: Connection) -> None:
        # In TLS 1.3 the server may be done before the client has looked at the certificate.
        with contextlib.suppress(ConnectionError):
            await connection.start_tls(server_tls, server_side=True, timeout=PATIENCE)
            assert await connection.read(PATIENCE) == b""

    async with Pair(serve, implicit_tls=True) as client:
        with pytest.raises(TlsError, match="self-signed certificate"):
            await client.start_tls(
                ssl.create_default_context(), server_side=False, timeout=PATIENCE, name="localhost"
            )


@pytest.fixture
def taken() -> Iterator[int]:
    listening = bind("127.0.0.1", 0, first=True)
    yield listening.getsockname()[1]
    listening.close()


async def test_a_taken_port_is_not_joined_by_another_server(taken: int) -> None:
    with pytest.raises(
        BindError, match=f"cannot listen on 127.0.0.1:{taken}: address already in use"
    ):
        bind("127.0.0.1", taken, first=True)


async def test_workers_of_one_server_share_a_port(taken: int) -> None:
    bind("127.0.0.1", taken, first=False).close()


async def test_a_port_of_another_machine() -> None:
    with pytest.raises(BindError, match="cannot listen on"):
        bind("192.0.2.1", 2525, first=True)


class Gone:
    """The transport of a client that reset its connection before it was accepted."""

    def __init__(self) -> None:
        self.aborted = False

    def get_extra_info(self, name: str) -> None:
        return None

    def abort(self) -> None:
        self.aborted = True


async def test_a_client_without_an_address_is_never_served() -> None:
    connection = Connection()
    transport = Gone()

    connection.connection_made(transport)  # type: ignore[arg-type]

    assert transport.aborted
    assert connection.is_closed


async def test_a_read_may_follow_one_that_had_no_time() -> None:
    """What is due at once is no timer in uvloop, and does not know when it is due."""
    connection = Connection()

    connection._arm(0.0)
    connection._arm(PATIENCE)
    connection._arm(PATIENCE)

    connection._disarm()
    assert connection._timer is None
