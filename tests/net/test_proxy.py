"""The header of the PROXY protocol: what it says, and that hostile ones say nothing."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from proxyprotocol.result import ProxyResultIPv4, ProxyResultIPv6, ProxyResultLocal
from proxyprotocol.v1 import ProxyProtocolV1
from proxyprotocol.v2 import ProxyProtocolV2

from postroad.model import UNKNOWN, Client, Endpoint
from postroad.net.proxy import Introduction, ProxyHeaderError, parse_header, read_header

NOBODY = Introduction(Client(UNKNOWN, 0))


def introduced(address: str, port: int, our_address: str, our_port: int) -> Introduction:
    return Introduction(Client(address, port), Endpoint(our_address, our_port))


SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
V4 = bytes([192, 0, 2, 1, 10, 0, 0, 2]) + (4711).to_bytes(2) + (25).to_bytes(2)
V6 = b"".join(socket.inet_pton(socket.AF_INET6, f"2001:db8::{at}") for at in (1, 2)) + V4[8:]
MAPPED = socket.inet_pton(socket.AF_INET6, "::ffff:192.0.2.1") * 2 + bytes(4)
PATHS = b"/run/a".ljust(108, b"\0") + b"\xff\xfe".ljust(108, b"\0")
TLV = b"\x03\x00\x04\x00\x00\x00\x00\x20\x00\x03abc"


def block(command: int, kind: int, payload: bytes) -> bytes:
    return SIGNATURE + bytes([command, kind]) + len(payload).to_bytes(2) + payload


HEADERS = {
    b"PROXY TCP4 192.0.2.1 10.0.0.2 4711 25\r\n": introduced("192.0.2.1", 4711, "10.0.0.2", 25),
    b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n": introduced(
        "255.255.255.255", 65_535, "255.255.255.255", 65_535
    ),
    b"PROXY TCP6 2001:DB8::1 2001:db8::2 4711 25\r\n": introduced(
        "2001:db8::1", 4711, "2001:db8::2", 25
    ),
    b"PROXY TCP6 ::ffff:192.0.2.1 ::1 4711 25\r\n": introduced("192.0.2.1", 4711, "::1", 25),
    b"PROXY UNKNOWN\r\n": NOBODY,
    b"PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n": NOBODY,
    b"PROXY UNKNOWN what ever\r\n": NOBODY,
    block(0x21, 0x11, V4): introduced("192.0.2.1", 4711, "10.0.0.2", 25),
    block(0x21, 0x11, V4 + TLV): introduced("192.0.2.1", 4711, "10.0.0.2", 25),
    block(0x21, 0x21, V6): introduced("2001:db8::1", 4711, "2001:db8::2", 25),
    block(0x21, 0x21, V6 + TLV * 100): introduced("2001:db8::1", 4711, "2001:db8::2", 25),
    block(0x21, 0x21, MAPPED): introduced("192.0.2.1", 0, "192.0.2.1", 0),
    block(0x21, 0x31, PATHS): NOBODY,
    block(0x21, 0x00, b""): NOBODY,
    block(0x21, 0x10, V4): NOBODY,  # an address of no transport is to be ignored
    block(0x20, 0x00, b""): NOBODY,
    block(0x20, 0x11, V4): NOBODY,
    block(0x20, 0x00, b"\x03\x00\x01x and no TLV"): NOBODY,
    block(0x20, 0x99, b"x" * 4096): NOBODY,
}


@pytest.mark.parametrize("header", HEADERS)
def test_what_a_header_says(header: bytes) -> None:
    assert parse_header(header) == HEADERS[header]


WRONG = [
    b"",
    b"PROXY",
    b"PROXY \r\n",
    b"PROXY TCP4 192.0.2.1 10.0.0.2 4711 25\n",
    b"PROXY TCP4 192.0.2.1 10.0.0.2 4711 25",
    b"PROXY TCP4 192.0.2.1 10.0.0.2 4711 25 \r\n",
    b"PROXY TCP4  192.0.2.1 10.0.0.2 4711 25\r\n",
    b"PROXY\tTCP4 192.0.2.1 10.0.0.2 4711 25\r\n",
    b"PROXY tcp4 192.0.2.1 10.0.0.2 4711 25\r\n",
    b"PROXY TCP4 192.0.2.1 10.0.0.2 65536 25\r\n",
    b"PROXY TCP4 192.0.2.1 10.0.0.2 +4711 25\r\n",
    b"PROXY TCP4 192.0.2.1 10.0.0.2 4_711 25\r\n",
    b"PROXY TCP4 192.0.2.1 10.0.0.2 04711 25\r\n",
    b"PROXY TCP4 192.0.2.1 10.0.0.2 -1 25\r\n",
    b"PROXY TCP4 192.0.2.256 10.0.0.2 4711 25\r\n",
    b"PROXY TCP4 192.0.2.1 10.0.0 4711 25\r\n",
    b"PROXY TCP4 2001:db8::1 2001:db8::2 4711 25\r\n",
    b"PROXY TCP6 192.0.2.1 10.0.0.2 4711 25\r\n",
    b"PROXY TCP6 fe80::1%eth0 ::1 4711 25\r\n",
    b"PROXY TCP6 fe80::1%a\nb ::1 4711 25\r\n",
    "PROXY TCP4 \u0661.0.2.1 10.0.0.2 4711 25\r\n".encode(),
    b"PROXY UNKNOWN\n\r\n",
    b"PROXY UNKNOWN " + b"x" * 92 + b"\r\n",
    b"EHLO mx.example.net\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    SIGNATURE,
    SIGNATURE[:-1] + b"\r\x21\x11\x00\x0c" + V4,
    block(0x21, 0x11, V4)[:-1],
    block(0x21, 0x11, V4) + b"E",
    block(0x21, 0x11, V4[:-1]),
    block(0x21, 0x21, V4),
    block(0x21, 0x31, PATHS[:-1]),
    block(0x21, 0x12, V4),  # datagrams
    block(0x21, 0x22, V6),
    block(0x21, 0x13, V4),
    block(0x21, 0x41, V6),
    block(0x21, 0xFF, V6),
    block(0x22, 0x11, V4),
    block(0x11, 0x11, V4),
    block(0x31, 0x11, V4),
    block(0x21, 0x11, V4 + b"x" * 4085),
]


@pytest.mark.parametrize("header", WRONG)
def test_what_is_no_header(header: bytes) -> None:
    with pytest.raises(ProxyHeaderError):
        parse_header(header)


@given(st.one_of(st.binary(max_size=300), st.binary(max_size=300).map(SIGNATURE.__add__)))
def test_any_octets_are_a_header_or_not(octets: bytes) -> None:
    try:
        said = parse_header(octets)
    except ProxyHeaderError:
        return
    assert said == NOBODY or octets.startswith(SIGNATURE)


ports = st.integers(0, 65_535)


@given(st.ip_addresses(v=4), st.ip_addresses(v=4), ports, ports)
def test_what_others_write_of_ipv4(source, dest, source_port: int, dest_port: int) -> None:
    said = ProxyResultIPv4((source, source_port), (dest, dest_port), protocol=socket.SOCK_STREAM)
    for version in (ProxyProtocolV1(), ProxyProtocolV2()):
        assert parse_header(version.pack(said)) == introduced(
            str(source), source_port, str(dest), dest_port
        )


@given(st.ip_addresses(v=6), st.ip_addresses(v=6), ports, ports)
def test_what_others_write_of_ipv6(source, dest, source_port: int, dest_port: int) -> None:
    said = ProxyResultIPv6((source, source_port), (dest, dest_port), protocol=socket.SOCK_STREAM)
    shown, shown_dest = (str(each.ipv4_mapped or each) for each in (source, dest))
    for version in (ProxyProtocolV1(), ProxyProtocolV2()):
        assert parse_header(version.pack(said)) == introduced(
            shown, source_port, shown_dest, dest_port
        )


def test_what_others_write_of_themselves() -> None:
    assert parse_header(ProxyProtocolV2().pack(ProxyResultLocal())) == NOBODY


# From a socket ----------------------------------------------------------------------------------


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours, theirs:
        yield ours, theirs


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("behind", [b"", b"EHLO x\r\n", b"\x16\x03\x01" + bytes(500)])
async def test_nothing_behind_the_header_is_taken(
    ends: tuple[socket.socket, socket.socket], header: bytes, behind: bytes
) -> None:
    ours, theirs = ends
    theirs.sendall(header + behind)

    assert await read_header(ours) == HEADERS[header]

    theirs.shutdown(socket.SHUT_WR)
    assert ours.recv(1000) == behind


@pytest.mark.parametrize("header", [next(iter(HEADERS)), block(0x21, 0x21, V6 + TLV)])
async def test_a_header_that_comes_octet_by_octet(
    ends: tuple[socket.socket, socket.socket], header: bytes
) -> None:
    ours, theirs = ends
    reading = asyncio.create_task(read_header(ours))

    for octet in header:
        assert not reading.done()
        theirs.sendall(bytes([octet]))
        for _ in range(4):  # turns of the loop in which it is taken
            await asyncio.sleep(0)
    theirs.sendall(b"EHLO x\r\n")

    assert await reading == HEADERS.get(header, HEADERS[block(0x21, 0x21, V6)])
    assert ours.recv(1000) == b"EHLO x\r\n"


@pytest.mark.parametrize(
    ("octets", "why"),
    [
        (b"EHLO mx.example.net\r\n", "there is no PROXY header"),
        (b"GET / HTTP/1.1\r\n\r\n", "there is no PROXY header"),
        (b"\r\n\r\n\x00\r\nQUIX", "there is no PROXY header"),
        (b"PROXYX", "there is no PROXY header"),
        (b"PROXY TCP4 192.0.2.1", "the connection ended before its PROXY header did"),
        (b"PRO", "the connection ended before its PROXY header did"),
        (b"", "the connection ended before its PROXY header did"),
        (block(0x21, 0x11, V4)[:-1], "the connection ended before its PROXY header did"),
        (b"PROXY TCP4 " + b"1" * 200, "the PROXY header has no end within 107 octets"),
        (SIGNATURE + b"\x21\x11\xff\xff", "the PROXY header says that 65535 octets follow"),
        (b"PROXY TCP4 1 2 3 4\r\n", "the PROXY header has an address that is none"),
    ],
)
async def test_what_is_no_header_is_said(
    ends: tuple[socket.socket, socket.socket], octets: bytes, why: str
) -> None:
    ours, theirs = ends
    theirs.sendall(octets)
    theirs.shutdown(socket.SHUT_WR)

    with pytest.raises(ProxyHeaderError) as caught:
        await read_header(ours)

    assert str(caught.value) == why
