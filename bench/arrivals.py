"""How long a message takes from our `250` for it to its arrival at the next hop.

One process sends and takes, so that both moments are read from one clock. Each message is known by
its recipient's number. `smtp-sink` cannot say when a message came, hence the next hop of our own:
it takes everything, offers pipelining, and looks at nothing but recipients and the end of content.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

__all__ = ["NextHop", "serving", "trickle"]

_TIME_LIMIT = 60.0  # seconds for the last message to arrive
_RECIPIENT = re.compile(rb"RCPT TO:<(\d+)@", re.IGNORECASE)
_END = b"\r\n.\r\n"
_GREETING = b"220 sink.test ESMTP\r\n"
_EHLO = b"250-sink.test\r\n250-PIPELINING\r\n250 8BITMIME\r\n"
_ANSWERS = {
    b"EHLO": _EHLO,
    b"HELO": b"250 sink.test\r\n",
    b"DATA": b"354 Go on\r\n",
    b"QUIT": b"221 Bye\r\n",
}
_OK = b"250 Ok\r\n"


class NextHop:
    """Takes all mail and remembers when each message was complete.

    Attributes:
        arrivals: seconds of `time.perf_counter`, by the recipient's number.
    """

    def __init__(self) -> None:
        self.arrivals: dict[int, float] = {}
        self._arrived = asyncio.Condition()
        self._clients: set[asyncio.Task[None]] = set()

    async def has(self, numbers: range) -> None:
        """Wait until all messages of these numbers came."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: self.arrivals.keys() >= set(numbers))

    async def end(self) -> None:
        """Wait until every client has gone."""
        while self._clients:
            await asyncio.wait(self._clients)

    def begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A client came."""
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._clients.add(task)
        task.add_done_callback(self._clients.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client, until it goes."""
        writer.write(_GREETING)
        number = 0
        while line := await reader.readline():
            verb = line[:4].upper()
            if found := _RECIPIENT.match(line):
                number = int(found[1])
            writer.write(_ANSWERS.get(verb, _OK))
            if verb == b"DATA":
                await reader.readuntil(_END)
                self.arrivals[number] = time.perf_counter()
                writer.write(_OK)
                async with self._arrived:
                    self._arrived.notify_all()
            elif verb == b"QUIT":
                break
        writer.close()


@asynccontextmanager
async def serving(next_hop: NextHop, port: int) -> AsyncIterator[None]:
    """A next hop that listens on a port of 127.0.0.1; whoever connects to it has to go first."""
    server = await asyncio.start_server(next_hop.begin, "127.0.0.1", port)
    try:
        yield
        await next_hop.end()
    finally:
        server.close()


async def trickle(
    port: int, next_hop: NextHop, numbers: range, *, rate: float, size: int
) -> list[float]:
    """Send messages at a steady pace, a connection each.

    Args:
        port: of the server under test.
        next_hop: where it delivers to.
        numbers: of the messages; each only once for a next hop.
        rate: messages a second.
        size: octets of each.

    Returns:
        For each message the seconds from the `250` to its arrival; below zero where the server
        delivered before its `250` was read.

    Raises:
        TimeoutError: not all arrived in time.
    """
    sent: dict[int, float] = {}
    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for place, number in enumerate(numbers):
            await asyncio.sleep(max(0.0, began + place / rate - time.perf_counter()))
            group.create_task(_send(port, number, size, sent))
    async with asyncio.timeout(_TIME_LIMIT):
        await next_hop.has(numbers)
    return [next_hop.arrivals[number] - sent[number] for number in numbers]


async def _send(port: int, number: int, size: int, sent: dict[int, float]) -> None:
    """One message over a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    line = b"x" * 70 + b"\r\n"
    content = b"Subject: light\r\n\r\n" + line * (size // len(line)) + b".\r\n"
    recipient = b"RCPT TO:<%d@sink.test>\r\n" % number
    await reader.readline()
    commands = (b"HELO source.test\r\n", b"MAIL FROM:<source@source.test>\r\n", recipient)
    for command in (*commands, b"DATA\r\n", content):
        writer.write(command)
        reply = await reader.readline()
        if reply[:1] not in b"23":
            raise RuntimeError(f"message {number} was refused: {reply!r}")
    sent[number] = time.perf_counter()
    writer.write(b"QUIT\r\n")
    await reader.readline()
    writer.close()
