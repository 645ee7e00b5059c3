"""Name servers for tests, real packets: one that answers from a zone, and one that says anything.

The second also answers over TCP, on the same port, because that is where long answers go.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import cast

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.zone


class DnsServer(asyncio.DatagramProtocol):
    """Answers from a zone; `rcode` makes it refuse, `silent` makes it say nothing."""

    def __init__(self, origin: str, text: str) -> None:
        self.zone = dns.zone.from_text(text, origin, relativize=False, check_origin=False)
        self.rcode: dns.rcode.Rcode | None = None
        self.silent = False
        self.questions = 0
        self._transport: asyncio.DatagramTransport | None = None

    async def start(self) -> str:
        """Listen on a free port; returns the server as `[dns].servers` writes it."""
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: self, local_addr=("127.0.0.1", 0)
        )
        host, port = transport.get_extra_info("sockname")[:2]
        return f"{host}:{port}"

    def stop(self) -> None:
        assert self._transport is not None
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.questions += 1
        if self.silent:
            return
        assert self._transport is not None
        self._transport.sendto(self._answer(dns.message.from_wire(data)).to_wire(), addr)

    def _answer(self, query: dns.message.Message) -> dns.message.Message:
        response = dns.message.make_response(query, recursion_available=True)
        if self.rcode is not None:
            response.set_rcode(self.rcode)
            return response
        question = query.question[0]
        found = self.zone.get_rrset(question.name, question.rdtype)
        if found is not None:
            response.answer.append(found)
            return response
        if question.name not in self.zone:
            response.set_rcode(dns.rcode.NXDOMAIN)
        soa = self.zone.get_rrset(self.zone.origin, dns.rdatatype.SOA)
        response.authority.append(soa)
        return response


Lie = Callable[[dns.message.Message], dns.message.Message | bytes]


class Liar(asyncio.DatagramProtocol):
    """Says whatever `lie` makes of a question: a message, or octets that are none."""

    def __init__(self, lie: Lie) -> None:
        self.lie = lie
        self.questions: list[str] = []
        self._datagrams: asyncio.DatagramTransport | None = None
        self._streams: asyncio.Server | None = None

    async def start(self) -> str:
        """Listen on a free port; returns the server as `[dns].servers` writes it."""
        self._streams = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        address = self._streams.sockets[0].getsockname()
        await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, local_addr=address)
        return f"{address[0]}:{address[1]}"

    def stop(self) -> None:
        assert self._datagrams is not None
        assert self._streams is not None
        self._datagrams.close()
        self._streams.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._datagrams = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        assert self._datagrams is not None
        octets = self._answer(data, "udp")
        if len(octets) > 1232:  # say that there is more by TCP
            short = dns.message.make_response(dns.message.from_wire(data))
            short.flags |= dns.flags.TC
            octets = short.to_wire()
        self._datagrams.sendto(octets, addr)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            data = await reader.readexactly(int.from_bytes(await reader.readexactly(2)))
            octets = self._answer(data, "tcp")
            writer.write(len(octets).to_bytes(2) + octets)
            await writer.drain()
        writer.close()

    def _answer(self, data: bytes, road: str) -> bytes:
        query = dns.message.from_wire(data)
        question = query.question[0]
        kind = dns.rdatatype.to_text(question.rdtype)
        self.questions.append(f"{road} {question.name} {kind}")
        said = self.lie(query)
        return said if isinstance(said, bytes) else said.to_wire(max_size=65_535)
