"""New mail while thousands of slow clients hang on: the rate with them beside the rate without.

Each slow client begins a transaction, and then sends one octet of its content a second. Rounds
alternate: first nobody hangs on, then everybody does. Ends with status 1 when the rate with them
falls below half of the rate without, or when the server gave one of them up.

    python bench/slow.py [--clients N] [--messages N] [--rounds N]
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import time
from typing import cast

import uvloop

from peers import postroad, sinks
from peers.crowd import Pipe, crowd
from peers.waiting import until

_LEAST = 0.5  # of the rate without them
_INTERVAL = 1.0  # seconds between two octets of a slow client
_AT_ONCE = 100  # clients that connect together
_WARM_UP = 200
_TIME_LIMIT = 300.0  # seconds for any single step
_MAX_CLIENTS = 8_000
_OPENING = (
    b"EHLO slow.test",
    b"MAIL FROM:<slow@source.test>",
    b"RCPT TO:<sink@sink.test>",
    b"DATA",
)


def main() -> int:
    """Measure, print, and return the exit status."""
    options = _options()
    clients = min(options.clients, _MAX_CLIENTS)
    sink = sinks.Sink()
    server = postroad.Postroad(_settings(sink), listeners=("mx",))
    try:
        ratios = [
            _round(server.port("mx"), sink, clients, options.messages)
            for _ in range(options.rounds)
        ]
    finally:
        server.stop()
        sink.stop()
    ratio = statistics.median(ratios)
    print(f"rate with {clients} slow clients to the rate without: median {ratio:.2f}")
    return int(ratio < _LEAST)


def _round(port: int, sink: sinks.Sink, clients: int, messages: int) -> float:
    alone = _rate(port, sink, messages)
    with crowd(_hang_on, port, clients, within=_TIME_LIMIT) as still_there:
        crowded = _rate(port, sink, messages)
        held = still_there()
    print(f"{alone:6.0f} messages/s alone, {crowded:6.0f} with {held} of {clients} slow clients")
    if held < clients:
        sys.exit(f"the server gave up {clients - held} slow clients")
    return crowded / alone


def _rate(port: int, sink: sinks.Sink, messages: int) -> float:
    _send(port, sink, _WARM_UP)
    started = time.perf_counter()
    _send(port, sink, messages)
    return messages / (time.perf_counter() - started)


def _send(port: int, sink: sinks.Sink, messages: int) -> None:
    target = sink.messages() + messages
    sinks.send(port, messages, within=_TIME_LIMIT)
    until(lambda: sink.messages() >= target, within=_TIME_LIMIT, what="delivery of every message")


def _settings(sink: sinks.Sink) -> postroad.Table:
    return {
        "workers": 0,
        "relay": {"smarthost": f"[127.0.0.1]:{sink.port}"},
        "limits": {"sessions": 0},
    }


def _hang_on(port: int, clients: int, pipe: Pipe) -> None:
    uvloop.run(_crowd_of(port, clients, pipe))


async def _crowd_of(port: int, clients: int, pipe: Pipe) -> None:
    crowd: list[_SlowClient] = []
    while len(crowd) < clients:
        batch = [_SlowClient() for _ in range(min(_AT_ONCE, clients - len(crowd)))]
        await asyncio.gather(*(each.begin(port) for each in batch))
        crowd += batch
    pipe.send(len(crowd))
    slice_ = max(1, clients // 100)
    while True:  # until the parent ends this process
        for at in range(0, clients, slice_):
            for each in crowd[at : at + slice_]:
                each.drip()
            await asyncio.sleep(_INTERVAL * slice_ / clients)
        if pipe.poll():
            pipe.recv()
            pipe.send(sum(each.connected for each in crowd))


class _SlowClient(asyncio.Protocol):
    """One connection in the middle of its content."""

    def __init__(self) -> None:
        self.connected = False
        self._transport: asyncio.Transport | None = None
        self._steps = iter((*_OPENING, None))
        self._ready = asyncio.get_running_loop().create_future()

    async def begin(self, port: int) -> None:
        """Connect and get as far as the 354."""
        await asyncio.get_running_loop().create_connection(lambda: self, "127.0.0.1", port)
        async with asyncio.timeout(_TIME_LIMIT):
            await self._ready

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the event loop."""
        self.connected = True
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Called by the event loop: each reply is answered by the next command."""
        if not data.endswith(b"\r\n") or self._transport is None:
            return
        step = next(self._steps, None)
        if step is not None:
            self._transport.write(step + b"\r\n")
        elif not self._ready.done():
            self._ready.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the event loop."""
        self.connected = False
        if not self._ready.done():
            self._ready.set_exception(exc or ConnectionResetError("the server hung up"))

    def drip(self) -> None:
        """Send one octet of content."""
        if self._transport is not None and self.connected:
            self._transport.write(b"x")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--clients", type=int, default=2000)
    parser.add_argument("--messages", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
