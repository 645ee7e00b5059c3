"""A name server whose long answers are read in part (RFC 1035 §4.1.1, §4.2.2).

By TCP an answer may have 64 KiB: four thousand records, which are read for a tenth of a second in
which nobody else is served, and a stranger's domain can have us ask for a hundred of them. No
domain's mail needs so many. The counts in the header say how many follow, so they are lowered
before the library reads the answer: what it sees is whole, and of bounded length.
"""

from __future__ import annotations

import asyncio
import struct

import dns.message
import dns.nameserver
import dns.query
from dns._asyncbackend import Backend, DatagramSocket
from dns._asyncio_backend import Backend as AsyncioBackend

from postroad.net.byte_stream import within

__all__ = ["MOST_READ", "BoundedNameserver"]

MOST_READ = 128
"""Records of an answer that are read, of all its sections: the hundred that are taken, aliases,
and signatures. It takes four milliseconds."""

_LENGTH = 2  # octets before a message by TCP
_HEADER = 12
_COUNTS = struct.Struct("!HHH")
_COUNTS_AT = 6


class BoundedNameserver(dns.nameserver.Do53Nameserver):
    """A server that is asked by UDP, and by TCP for what is too long for that."""

    async def async_query(  # noqa: PLR0917 - as the library has it
        self,
        request: dns.message.QueryMessage,
        timeout: float,  # noqa: ASYNC109 - likewise
        source: str | None,
        source_port: int,
        max_size: bool,
        backend: Backend,  # noqa: ARG002 - ours is used
        one_rr_per_rrset: bool = False,
        ignore_trailing: bool = False,
    ) -> dns.message.Message:
        """See dnspython's `Nameserver.async_query`.

        Raises:
            OSError, EOFError, TimeoutError, dns.exception.DNSException: there is no answer.
        """
        if not max_size:
            return await super().async_query(
                request,
                timeout,
                source,
                source_port,
                max_size,
                _WholeSockets(),
                one_rr_per_rrset,
                ignore_trailing,
            )
        async with asyncio.timeout(within(timeout)):
            wire = await self._exchanged(request.to_wire())
        answer = dns.message.from_wire(_lowered(wire), ignore_trailing=True)
        if not request.is_response(answer):
            raise dns.query.BadResponse
        return answer

    async def _exchanged(self, question: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(self.address, self.port)
        try:
            writer.write(len(question).to_bytes(_LENGTH) + question)
            await writer.drain()
            length = int.from_bytes(await reader.readexactly(_LENGTH))
            return await reader.readexactly(length)
        finally:
            writer.transport.abort()


class _WholeSockets(AsyncioBackend):
    """Makes sockets to the end for whoever stops to wait, and closes them then.

    uvloop is left with one that is broken off while it is made: nobody closes it, and a loop that
    is to be closed waits for it for ever.
    """

    async def make_socket(self, *how: object, **more: object) -> DatagramSocket:
        making: asyncio.Future[DatagramSocket] = asyncio.ensure_future(
            super().make_socket(*how, **more)  # type: ignore[no-untyped-call]
        )
        try:
            return await asyncio.shield(making)
        except asyncio.CancelledError:
            making.add_done_callback(_close_unwanted)  # to wait for it here could be broken off
            raise


def _close_unwanted(making: asyncio.Future[DatagramSocket]) -> None:
    """Whoever asked for it is gone."""
    if not making.cancelled() and making.exception() is None:
        making.result().transport.close()  # type: ignore[attr-defined]  # as its `close` does


def _lowered(wire: bytes) -> bytes:
    """The message with counts that are no more than `MOST_READ` together."""
    if len(wire) < _HEADER:
        return wire
    left, counts = MOST_READ, []
    for count in _COUNTS.unpack_from(wire, _COUNTS_AT):
        counts.append(min(count, left))
        left -= counts[-1]
    return wire[:_COUNTS_AT] + _COUNTS.pack(*counts) + wire[_HEADER:]
