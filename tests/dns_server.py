"""A name server over UDP for tests: one zone as text, real packets."""

from __future__ import annotations

import asyncio
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
