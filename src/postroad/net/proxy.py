"""The header of the PROXY protocol, versions 1 and 2 (HAProxy's proxy-protocol.txt).

A proxy in front of a listener opens each connection with it, and says in it from whom the
connection really is. It is read from the socket before anything else may touch that: behind it, in
the same segment perhaps, come the client's octets, a TLS handshake for instance, and none of them
may be taken along. So this module takes exactly the header: the 15 octets that the shortest one
has, then what is still missing to its end, as far as that is known; a line of version 1 is peeked
at first. Only a whole header is looked into.

A header that names no IP address tells of nobody: the proxy's own health check (LOCAL; UNKNOWN in
version 1), a client that it does not know, one on a Unix-domain socket of its own. The connection
is then neither the proxy's nor this machine's, with what those may do, but of a client `unknown`.

Nothing here knows who may send such a header, nor what is done with the address. Why this is no
library's work is in docs/decisions/.
"""

from __future__ import annotations

import asyncio
import re
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from postroad.model import UNKNOWN, Client, Endpoint
from postroad.model.ip_address import unmapped

__all__ = ["Introduction", "ProxyHeaderError", "parse_header", "read_header"]

MAX_LINE = 107
"""Octets of a header of version 1 with its CRLF (section 2.1)."""

MAX_BLOCK = 4096
"""Octets of a header of version 2 behind its first 16. The addresses are 216 at the most; a
client's certificate and the names of the handshake may follow, and fit."""

SHORTEST = 15
"""Octets of `PROXY UNKNOWN` with its CRLF; version 2 has one more before its block."""

_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
_FIXED = 16
_PREFIX = b"PROXY "

_LINE = re.compile(  # section 2.1; leading zeros would be another spelling of a port
    r"PROXY (?:UNKNOWN(?: [!-~]+)*|TCP(?P<family>[46]) (?P<source>[0-9A-Fa-f.:]+)"
    r" (?P<target>[0-9A-Fa-f.:]+) (?P<port>0|[1-9][0-9]{0,4}) (?P<door>0|[1-9][0-9]{0,4}))\r\n"
)
_ADDRESSES: dict[str, type[IPv4Address | IPv6Address]] = {"4": IPv4Address, "6": IPv6Address}

_LOCAL, _PROXY = 0x20, 0x21  # version and command
_UNSPECIFIED = frozenset({0x00, 0x01, 0x02, 0x10, 0x20, 0x30})  # of family or of transport
_TCP4, _TCP6, _UNIX_STREAM = 0x11, 0x21, 0x31
_DATAGRAMS = frozenset({0x12, 0x22, 0x32})
_SIZES = {_TCP4: 12, _TCP6: 36, _UNIX_STREAM: 216}
"""Octets of the addresses; what is behind them is TLVs, of which we want none."""


class ProxyHeaderError(Exception):
    """There is no header where one must be, or it cannot be read. The text is for a log."""


@dataclass(frozen=True, slots=True)
class Introduction:
    """What a header says.

    Attributes:
        client: from whom the connection is; its address is `UNKNOWN` where the header names none.
        server: what the client connected to; `None` where the header does not say.
    """

    client: Client
    server: Endpoint | None = None


_NOBODY = Introduction(Client(UNKNOWN, 0))


def parse_header(header: bytes) -> Introduction:
    """From whom the connection is, and to whom.

    Args:
        header: one whole header, not an octet more.

    Raises:
        ProxyHeaderError: it is not one.
    """
    if header.startswith(_PREFIX):
        return _introduced_in_line(header)
    if not header.startswith(_SIGNATURE) or len(header) < _FIXED:
        raise ProxyHeaderError("there is no PROXY header")
    if len(header) != _FIXED + _block_length(header):
        raise ProxyHeaderError("the PROXY header does not end where it says")
    return _introduced_in_block(header[12], header[13], header[_FIXED:])


def _introduced_in_line(header: bytes) -> Introduction:
    line = _LINE.fullmatch(header.decode("latin-1")) if len(header) <= MAX_LINE else None
    if line is None:
        raise ProxyHeaderError("the PROXY header cannot be read")
    if line["family"] is None:
        return _NOBODY  # section 2.1: UNKNOWN; what else the line says is to be ignored
    family, port, door = _ADDRESSES[line["family"]], int(line["port"]), int(line["door"])
    try:
        source, target = family(line["source"]), family(line["target"])
    except ValueError:
        raise ProxyHeaderError("the PROXY header has an address that is none") from None
    if port > 65_535 or door > 65_535:
        raise ProxyHeaderError("the PROXY header has a port that is none")
    return Introduction(Client(str(unmapped(source)), port), Endpoint(str(unmapped(target)), door))


def _introduced_in_block(command: int, kind: int, block: bytes) -> Introduction:
    """Section 2.2. `kind` is family and transport."""
    if command == _LOCAL:
        return _NOBODY  # whatever the block holds
    if command != _PROXY:
        raise ProxyHeaderError("the PROXY header has a version or a command that is none")
    if kind in _UNSPECIFIED:
        return _NOBODY
    if kind in _DATAGRAMS:
        raise ProxyHeaderError("the PROXY header is about datagrams")
    if kind not in _SIZES or len(block) < _SIZES[kind]:
        raise ProxyHeaderError("the PROXY header cannot be read")
    if kind == _UNIX_STREAM:
        return _NOBODY  # a path on the proxy's machine is no address here
    family, size = (IPv4Address, 4) if kind == _TCP4 else (IPv6Address, 16)
    source, target, ports = block[:size], block[size : 2 * size], block[2 * size :]
    return Introduction(
        Client(str(unmapped(family(source))), int.from_bytes(ports[:2], "big")),
        Endpoint(str(unmapped(family(target))), int.from_bytes(ports[2:4], "big")),
    )


async def read_header(accepted: socket.socket) -> Introduction:
    """Take the header off a new connection.

    Args:
        accepted: a socket that does not block and has no transport yet.

    Returns:
        What it says, see `parse_header`.

    Raises:
        ProxyHeaderError: there is none, or it cannot be read; close the socket.
        OSError: the connection broke.
    """
    header = b""
    while len(header) < (known := _known_length(header)):
        header += await _receive(accepted, known - len(header))
    if header.startswith(_PREFIX):
        header = await _read_line(accepted, header)
    return parse_header(header)


def _known_length(header: bytes) -> int:
    """How many octets the header has for sure, by what there is of it."""
    if not (_begins(header, _PREFIX) or _begins(header, _SIGNATURE)):
        raise ProxyHeaderError("there is no PROXY header")
    if len(header) < SHORTEST or header.startswith(_PREFIX):
        return SHORTEST
    return _FIXED if len(header) < _FIXED else _FIXED + _block_length(header)


def _begins(header: bytes, signature: bytes) -> bool:
    return signature.startswith(header[: len(signature)])


def _block_length(header: bytes) -> int:
    length = int.from_bytes(header[14:_FIXED], "big")
    if length > MAX_BLOCK:
        raise ProxyHeaderError(f"the PROXY header says that {length} octets follow")
    return length


async def _read_line(accepted: socket.socket, header: bytes) -> bytes:
    """The rest of a header of version 1: all that is there belongs to it, up to its LF."""
    while not header.endswith(b"\n"):
        if len(header) >= MAX_LINE:
            raise ProxyHeaderError(f"the PROXY header has no end within {MAX_LINE} octets")
        there = await _receive(accepted, MAX_LINE - len(header), socket.MSG_PEEK)
        header += accepted.recv(there.find(b"\n") + 1 or len(there))
    return header


async def _receive(accepted: socket.socket, most: int, flags: int = 0) -> bytes:
    """What is there, at most so many octets; waits for the first one."""
    while True:
        try:
            octets = accepted.recv(most, flags)
        except (BlockingIOError, InterruptedError):
            await _until_readable(accepted)
        else:
            if not octets:
                raise ProxyHeaderError("the connection ended before its PROXY header did")
            return octets


async def _until_readable(accepted: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    readable: asyncio.Future[None] = loop.create_future()

    def wake() -> None:
        if not readable.done():
            readable.set_result(None)

    loop.add_reader(accepted, wake)
    try:
        await readable
    finally:
        loop.remove_reader(accepted)
