"""A listener behind a proxy that tells whom it speaks for, over real sockets and both loops."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator
from ipaddress import ip_network
from pathlib import Path

import pytest

import fake_limits
from postroad.model import Endpoint
from postroad.net import listener as listening
from postroad.net.listener import bind
from postroad.net.selfsigned import write_self_signed
from postroad.net.unix import bind_unix
from postroad.policy import Networks
from postroad.server.etrn import QueueStarting, Site
from postroad.server.extensions import Extensions
from postroad.server.server import SmtpServer
from session_world import World

PATIENCE = 30.0  # seconds; only a broken test waits so long
HERE = Networks([ip_network("127.0.0.0/8")])
NOBODY = Networks([])
V1 = b"PROXY TCP4 192.0.2.1 127.0.0.1 4711 25\r\n"
V2 = b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c" + bytes([192, 0, 2, 1, 127, 0, 0, 1, 18, 103, 0, 25])
LOCAL = b"\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00"
UNIX = b"\r\n\r\n\x00\r\nQUIT\n\x21\x31\x00\xd8" + b"/run/proxy".ljust(216, b"\0")
NAMELESS = [
    LOCAL,
    b"PROXY UNKNOWN\r\n",
    b"PROXY UNKNOWN 127.0.0.1 127.0.0.1 4711 25\r\n",
    LOCAL.replace(b"\x20", b"\x21"),  # AF_UNSPEC
    UNIX,
]
GREETING = "220 mail.example.org ESMTP Postroad\r\n"


class Proxied(World):
    """A server whose listener takes headers, on a port or a path of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.server = SmtpServer({}, self.events.append)
        self.clients: list[socket.socket] = []
        self.address: tuple[str, int] | str = ""

    async def listen(self, preset: str = "mx", path: str = "", **changes: object) -> None:
        values = {"reverse_names": False, "extensions": Extensions(proxies=HERE), **changes}
        self.server.replace({preset: self.service(preset, **values)})
        opened = bind("127.0.0.1", 0, first=True)
        if path:
            opened.close()
            opened = bind_unix(path, mode=0o600, owner=None)
        self.address = opened.getsockname()
        await self.server.listen(preset, opened)

    async def dial(self, first: bytes = b"") -> socket.socket:
        family = socket.AF_UNIX if isinstance(self.address, str) else socket.AF_INET
        client = socket.socket(family)
        client.setblocking(False)
        self.clients.append(client)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(client, self.address)
        await loop.sock_sendall(client, first)
        return client

    async def close(self) -> None:
        for client in self.clients:
            client.close()
        await self.server.drain(PATIENCE)


@pytest.fixture
async def road() -> AsyncIterator[Proxied]:
    road = Proxied()
    yield road
    await road.close()


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


@pytest.mark.parametrize(
    ("header", "shown"),
    [
        (V1, "192.0.2.1"),
        (V2, "192.0.2.1"),
        *((header, "unknown") for header in NAMELESS),
    ],
)
async def test_the_client_is_who_the_header_says(road: Proxied, header: bytes, shown: str) -> None:
    await road.listen()
    client = await road.dial(header)

    assert await hear(client) == GREETING
    assert road.log == [f"connect from unknown[{shown}]"]


@pytest.mark.parametrize("header", [V1, V2])
async def test_what_it_connected_to_is_what_the_header_says(road: Proxied, header: bytes) -> None:
    await road.listen()
    await hear(await road.dial(header))

    assert server_of(road) == ("127.0.0.1", 25)


async def test_what_it_connected_to_without_a_header(road: Proxied, tmp_path: Path) -> None:
    await road.listen()
    await hear(await road.dial(LOCAL))
    assert server_of(road) == road.address

    await road.listen(path=str(tmp_path / "s"), extensions=Extensions())
    await hear(await road.dial())
    assert server_of(road) == ("127.0.0.1", 0)


def server_of(road: Proxied) -> Endpoint:
    """Our end of the last session."""
    *_, session = road.server._sessions.values()
    return session._peer.server


async def test_what_comes_with_the_header_is_not_lost(road: Proxied) -> None:
    await road.listen()
    client = await road.dial(V2 + b"EHLO x\r\nMAIL FROM:<a@b.example>\r\nQUIT\r\n")

    heard = await hear(client, None)

    codes = [line[:4] for line in heard.splitlines() if line[3] == " "]
    assert codes == ["220 ", "250 ", "250 ", "221 "]


async def test_the_header_decides_about_trust(road: Proxied) -> None:
    """The proxy is trusted, its client is not."""
    await road.listen(trusted=HERE)
    client = await road.dial(V1 + b"EHLO x\r\nMAIL FROM:<a@b.example>\r\n")
    await hear(client, b"2.1.0 Ok\r\n")

    await asyncio.get_running_loop().sock_sendall(client, b"RCPT TO:<lisa@example.com>\r\n")

    assert await hear(client) == "554 5.7.1 <lisa@example.com>: Relay access denied\r\n"


@pytest.mark.parametrize("header", NAMELESS)
@pytest.mark.parametrize("path", [False, True])
async def test_who_is_not_named_is_nobody(
    road: Proxied, tmp_path: Path, header: bytes, path: bool
) -> None:
    """Neither the proxy nor this machine, whose networks may do all of it."""
    everything = Extensions(
        proxies=HERE,
        impostors=HERE,
        forwarders=HERE,
        etrn=QueueStarting({"example.com": Site(HERE, frozenset())}),
    )
    await road.listen(
        path=str(tmp_path / "s") if path else "",
        trusted=HERE,
        extensions=everything,
        reverse_names=True,
    )
    client = await road.dial(header + b"EHLO x\r\nMAIL FROM:<a@b.example>\r\n")

    heard = await hear(client, b"2.1.0 Ok\r\n")
    await asyncio.get_running_loop().sock_sendall(client, b"RCPT TO:<lisa@example.com>\r\n")

    assert not {"XCLIENT", "XFORWARD", "ETRN"} & set(heard.replace("-", " ").split())
    assert await hear(client) == "554 5.7.1 <lisa@example.com>: Relay access denied\r\n"


@pytest.mark.parametrize(
    ("octets", "why"),
    [
        (b"EHLO mx.example.net\r\n", "there is no PROXY header"),
        (b"PROXY TCP4 1.2.3.4 bogus 1 2\r\n", "the PROXY header cannot be read"),
        (V2[:13] + b"\x12" + V2[14:], "the PROXY header is about datagrams"),
    ],
)
async def test_without_a_header_the_connection_is_closed(
    road: Proxied, octets: bytes, why: str
) -> None:
    await road.listen()
    client = await road.dial(octets)

    with contextlib.suppress(ConnectionResetError):  # for what it sent and nobody read
        assert await hear(client, None) == ""
    assert road.log == [f"warning: unknown[127.0.0.1]: {why}"]
    assert road.server.sessions == 0


async def test_a_header_that_does_not_come(road: Proxied, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "HEADER_PATIENCE", 0.05)
    await road.listen()
    client = await road.dial(V1[:20])

    assert await hear(client, None) == ""
    assert road.log == ["warning: unknown[127.0.0.1]: no PROXY header came within 0.05 seconds"]


async def test_a_reset_before_the_header_is_nobodys_business(road: Proxied) -> None:
    await road.listen()
    client = await road.dial(V1[:20])
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()

    other = await road.dial(V1)

    assert await hear(other) == GREETING
    assert road.log == ["connect from unknown[192.0.2.1]"]


async def test_too_many_that_wait(road: Proxied, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "HEADERS_AT_ONCE", 2)
    await road.listen()
    waiting = [await road.dial() for _ in range(2)]

    assert await hear(await road.dial(), None) == ""
    assert road.log == ["warning: unknown[127.0.0.1]: 2 of its connections wait for a PROXY header"]
    await asyncio.get_running_loop().sock_sendall(waiting[0], V1)
    assert await hear(waiting[0]) == GREETING


async def test_from_others_no_header_is_taken(road: Proxied) -> None:
    elsewhere = Networks([ip_network("10.0.0.0/8")])
    await road.listen(extensions=Extensions(proxies=elsewhere))
    client = await road.dial(V1)

    assert await hear(client, b"recognized\r\n") == (
        f"{GREETING}500 5.5.2 Error: command not recognized\r\n"
    )
    assert "connect from unknown[127.0.0.1]" in road.log


async def test_those_who_wait_are_closed_with_the_listener(road: Proxied) -> None:
    await road.listen()
    client = await road.dial(V1[:20])
    other = await road.dial(V1)
    await hear(other)  # so that the first was accepted too

    await road.server.drain(0)

    assert await hear(client, None) == ""


async def test_limits_count_the_real_client(road: Proxied) -> None:
    gate = fake_limits.gate(fake_limits.Limits(sessions_per_address=1))
    await road.listen(gate=gate)
    await hear(await road.dial(V1))

    refused = await hear(await road.dial(V1), None)

    assert "421 4.7.0 mail.example.org Error: too many connections from 192.0.2.1" in refused
    assert await hear(await road.dial(V1.replace(b"192.0.2.1", b"192.0.2.2"))) == GREETING


async def test_a_unix_socket(road: Proxied, tmp_path: Path) -> None:
    await road.listen(path=str(tmp_path / "s"), extensions=Extensions())

    assert await hear(await road.dial()) == GREETING
    assert road.log == ["connect from localhost[local]"]


async def test_a_proxy_on_a_unix_socket(road: Proxied, tmp_path: Path) -> None:
    """It counts as 127.0.0.1; its client is one from elsewhere, and not trusted."""
    await road.listen(path=str(tmp_path / "s"), trusted=NOBODY)

    assert await hear(await road.dial(V2)) == GREETING
    assert road.log == ["connect from unknown[192.0.2.1]"]


# TLS --------------------------------------------------------------------------------------------


class Tls:
    """The client's side of TLS, in memory."""

    def __init__(self, certificate: Path) -> None:
        context = ssl.create_default_context(cafile=certificate)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.object = context.wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")

    def hello(self) -> bytes:
        """The first octets of the handshake."""
        with pytest.raises(ssl.SSLWantReadError):
            self.object.do_handshake()
        return self.outgoing.read()

    async def finish(self, client: socket.socket) -> None:
        while True:
            try:
                self.object.do_handshake()
            except ssl.SSLWantReadError:
                await self.pass_on(client)
            else:
                await asyncio.get_running_loop().sock_sendall(client, self.outgoing.read())
                return

    async def pass_on(self, client: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(client, self.outgoing.read())
        self.incoming.write(await loop.sock_recv(client, 65_536))

    async def read(self, client: socket.socket) -> str:
        while True:
            try:
                return self.object.read(4096).decode()
            except ssl.SSLWantReadError:
                await self.pass_on(client)


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, ssl.SSLContext]:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    write_self_signed(["localhost"], certificate, key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return certificate, context


@pytest.mark.parametrize("header", [V1, V2])
async def test_header_and_handshake_in_one_segment(
    road: Proxied, pair: tuple[Path, ssl.SSLContext], header: bytes
) -> None:
    certificate, context = pair
    await road.listen("submissions", tls_context=context)
    tls = Tls(certificate)
    client = await road.dial(header + tls.hello())

    async with asyncio.timeout(PATIENCE):
        await tls.finish(client)
        assert await tls.read(client) == GREETING

    assert road.log[0] == "connect from unknown[192.0.2.1]"
    assert "TLS connection established from unknown[192.0.2.1]: TLSv1.3" in road.log[1]


async def test_starttls_behind_a_proxy(road: Proxied, pair: tuple[Path, ssl.SSLContext]) -> None:
    certificate, context = pair
    await road.listen("submission", tls_context=context)
    client = await road.dial(V2 + b"EHLO x\r\nSTARTTLS\r\n")
    await hear(client, b"220 2.0.0 Ready to start TLS\r\n")
    tls = Tls(certificate)

    async with asyncio.timeout(PATIENCE):
        await asyncio.get_running_loop().sock_sendall(client, tls.hello())
        await tls.finish(client)
        tls.object.write(b"EHLO x\r\n")
        assert "250-AUTH PLAIN LOGIN\r\n" in await tls.read(client)


async def test_a_handshake_without_a_header(
    road: Proxied, pair: tuple[Path, ssl.SSLContext]
) -> None:
    certificate, context = pair
    await road.listen("submissions", tls_context=context)
    client = await road.dial(Tls(certificate).hello())

    with contextlib.suppress(ConnectionResetError):
        assert await hear(client, None) == ""
    assert road.log == ["warning: unknown[127.0.0.1]: there is no PROXY header"]
