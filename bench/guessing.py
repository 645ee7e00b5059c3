"""How long NOOP takes while many clients guess passwords, beside how long it takes in peace.

The round trip is measured on one connection to one worker, over and over; the guessers, in a
process of their own, log in over TLS with wrong passwords as fast as the server lets them. Ends
with status 1 when the 99th percentile under guessing is ten times the one in peace, or more.

    python bench/guessing.py [--guessers N] [--samples N] [--rounds N] [--scheme NAME]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import socket
import ssl
import statistics
import sys
import time
from base64 import b64encode
from dataclasses import dataclass

import uvloop

from peers import postroad
from peers.crowd import Pipe, crowd

_MOST = 10.0  # times the 99th percentile in peace
_FEWEST = 1.0  # guesses answered a second
_USER = "john@example.org"
_A_CONNECTION = 80  # NOOPs: a few more would count as idling
_PAUSE = 0.001  # seconds between two NOOPs, so that the asker itself does not fill a core
_TIME_LIMIT = 120.0
_MAX_GUESSERS = 500


def main() -> int:
    """Measure, print, and return the exit status."""
    options = _options()
    guessers = min(options.guessers, _MAX_GUESSERS)
    server = postroad.Postroad({"workers": 1}, listeners=("mx", "submissions"))
    try:
        server.run(
            *("user", "add", _USER, "--password-stdin", "--scheme", options.scheme),
            text="summersun\n",
        )
        rounds = [
            _round(server.port("mx"), server.port("submissions"), guessers, options.samples)
            for _ in range(options.rounds)
        ]
    finally:
        server.stop()
    # The best of the peaceful figures: a noisy moment in peace must not excuse one under guessing.
    peace = min(each.peace for each in rounds)
    ratio = statistics.median(each.guessing for each in rounds) / peace
    print(f"p99 of NOOP under guessing ({options.scheme}) to the best p99 in peace: {ratio:.1f}")
    if min(each.answered for each in rounds) < _FEWEST:
        print(f"fewer than {_FEWEST:g} guesses a second were answered: that was no guessing")
        return 1
    return int(ratio >= _MOST)


@dataclass(frozen=True, slots=True)
class Round:
    """The 99th percentiles of one round in seconds, and guesses answered a second."""

    peace: float
    guessing: float
    answered: float


def _round(port: int, login_port: int, guessers: int, samples: int) -> Round:
    idle = _percentile(_noops(port, samples))
    with crowd(_guess_all, login_port, guessers, within=_TIME_LIMIT) as guesses:
        started = time.perf_counter()
        busy = _percentile(_noops(port, samples))
        answered = guesses() / (time.perf_counter() - started)
    print(
        f"p99 of {samples} NOOPs: {idle * 1000:.2f} ms in peace, {busy * 1000:.2f} ms while "
        f"{guessers} clients guess ({answered:.1f} guesses answered a second)"
    )
    return Round(idle, busy, answered)


def _percentile(times: list[float]) -> float:
    return statistics.quantiles(times, n=100)[98]


def _noops(port: int, samples: int) -> list[float]:
    """Seconds of each round trip."""
    times: list[float] = []
    while len(times) < samples:
        with socket.create_connection(("127.0.0.1", port), timeout=_TIME_LIMIT) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.recv(4096)
            for _ in range(_A_CONNECTION):
                started = time.perf_counter()
                connection.sendall(b"NOOP\r\n")
                reply = connection.recv(4096)
                times.append(time.perf_counter() - started)
                if not reply.startswith(b"250"):
                    raise ConnectionError(f"NOOP was answered with {reply!r}")
                time.sleep(_PAUSE)
    return times


def _guess_all(port: int, guessers: int, pipe: Pipe) -> None:
    uvloop.run(_Guessers(port, pipe).run(guessers))


class _Guessers:
    """Clients that try one password after another, and how many answers they got."""

    def __init__(self, port: int, pipe: Pipe) -> None:
        self._port = port
        self._pipe = pipe
        self._answers = 0
        self._answered = asyncio.Event()
        self._context = ssl.create_default_context()
        self._context.check_hostname = False
        self._context.verify_mode = ssl.CERT_NONE

    async def run(self, guessers: int) -> None:
        """Guess until the parent ends this process."""
        tasks = [asyncio.create_task(self._guess(number)) for number in range(guessers)]
        await self._answered.wait()
        self._answers = 0
        self._pipe.send("ready")
        while tasks:
            await asyncio.sleep(0.05)
            if self._pipe.poll():
                self._pipe.recv()
                self._pipe.send(self._answers)

    async def _guess(self, number: int) -> None:
        """One client: connections one after the other, guesses until each is closed."""
        while True:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await self._connection(number)
            await asyncio.sleep(0.1)

    async def _connection(self, number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, ssl=self._context)
        try:
            await reader.readuntil(b"\r\n")
            writer.write(b"EHLO guesser.test\r\n")
            while (await reader.readuntil(b"\r\n"))[3:4] == b"-":
                pass
            while True:
                # Half of them guess at a name that exists, half at one that does not.
                name = _USER if number % 2 else f"nobody{number}@example.org"
                guess = b64encode(f"\0{name}\0guess{self._answers}".encode())
                writer.write(b"AUTH PLAIN " + guess + b"\r\n")
                if not await reader.readuntil(b"\r\n"):
                    return
                self._answers += 1
                self._answered.set()
        finally:
            writer.close()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--guessers", type=int, default=50)
    parser.add_argument("--samples", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scheme", default="ARGON2ID")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
