"""The end of a connection: the last words get through, and who does not take them is cut off."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Awaitable, Callable

import pytest

from connection_pair import PATIENCE, Pair
from peers.certificates import Authority
from postroad.net.byte_stream import PORTION
from postroad.net.certificates import KeyPair
from postroad.net.connection import Connection
from postroad.net.listener import UNSENT, bind
from postroad.net.settings import TlsSettings
from postroad.net.tls_server import Certificates, ServerTls

LONG = b"x" * 8_000_000  # far more than both kernels take for a peer that does not read

Tls = tuple[ssl.SSLContext, ssl.SSLContext] | None


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    authority = Authority(tmp_path_factory.mktemp("tls"))
    issued = authority.issue("mail.example.org", "localhost")
    certificates = Certificates(TlsSettings(), [KeyPair(issued.chain, issued.key)])
    front = ServerTls(certificates).context(client_certificates=False)
    return front, ssl.create_default_context(cafile=authority.certificate)


@pytest.fixture(params=["plain", "tls"])
def tls(request: pytest.FixtureRequest, contexts: Tls) -> Tls:
    return contexts if request.param == "tls" else None


def pair(tls: Tls, handle: Callable[[Connection], Awaitable[None]]) -> Pair:
    """A server that does this, after the handshake if there is one."""

    async def serve(connection: Connection) -> None:
        if tls is not None:
            await connection.start_tls(tls[0], server_side=True, timeout=PATIENCE)
        await handle(connection)

    return Pair(serve, implicit_tls=tls is not None)


async def shake_hands(tls: Tls, client: Connection) -> None:
    if tls is not None:
        context = tls[1]
        await client.start_tls(context, server_side=False, timeout=PATIENCE, name="localhost")


async def test_who_never_reads_is_cut_off(monkeypatch: pytest.MonkeyPatch, tls: Tls) -> None:
    monkeypatch.setattr("postroad.net.byte_stream.LAST_WORDS", 0.01)
    ended = asyncio.Event()

    async def serve(connection: Connection) -> None:
        connection.write(LONG)
        connection.close()
        async with asyncio.timeout(PATIENCE):
            await connection.gone()
        assert connection.is_closed
        ended.set()

    async with pair(tls, serve) as client:
        await shake_hands(tls, client)
        async with asyncio.timeout(2 * PATIENCE):
            await ended.wait()


async def test_who_reads_gets_all_of_it(monkeypatch: pytest.MonkeyPatch, tls: Tls) -> None:
    monkeypatch.setattr("postroad.net.byte_stream.LAST_WORDS", PATIENCE)

    async def serve(connection: Connection) -> None:
        connection.write(LONG)
        connection.close()
        connection.close()  # harmless
        await connection.gone()

    heard = 0
    async with pair(tls, serve) as client:
        await shake_hands(tls, client)
        while octets := await client.read(PATIENCE):
            assert len(octets) <= PORTION
            heard += len(octets)

    assert heard == len(LONG)


async def test_whoever_waits_for_the_end_and_is_cancelled_cuts_the_peer_off(tls: Tls) -> None:
    waiting = asyncio.Event()
    ended = asyncio.Event()

    async def serve(connection: Connection) -> None:
        connection.write(LONG)
        connection.close()
        leaving = asyncio.ensure_future(connection.gone())
        await asyncio.sleep(0)
        waiting.set()
        leaving.cancel()
        await asyncio.wait([leaving])
        await connection.gone()  # at once
        assert leaving.cancelled()
        ended.set()

    async with pair(tls, serve) as client:
        await shake_hands(tls, client)
        await waiting.wait()
        async with asyncio.timeout(PATIENCE):
            await ended.wait()


async def test_nothing_is_left_to_wait_for(tls: Tls) -> None:
    async def serve(connection: Connection) -> None:
        connection.abort()
        await connection.gone()
        await connection.gone()

    async with pair(tls, serve) as client:
        await shake_hands(tls, client)


def test_the_kernel_keeps_little_for_who_never_reads() -> None:
    with bind("127.0.0.1", 0, first=True) as listening, socket.socket() as client:
        listening.setblocking(True)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        client.connect(listening.getsockname())
        accepted, _ = listening.accept()
        with accepted:
            accepted.setblocking(False)
            assert send_all_it_takes(accepted) < 2 * UNSENT


def send_all_it_takes(sending: socket.socket) -> int:
    taken = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            taken += sending.send(bytes(1024))
    return taken
