"""What a queue of a million deferred messages costs: memory, time, and the speed of new mail.

A spool is filled (see `filled_spool`), and a server is started on it, beside one whose queue is
empty. Both relay new mail to Postfix's `smtp-sink`, in turn, so that a noisy machine disturbs both
alike, while the full one goes on with the retries that its schedule brings. Then the listings are
timed, and at last fifty thousand messages become due at once.

    python bench/million.py [--messages N] [--domains N] [--size N] [--new N] [--rounds N]

Ends with status 1 when a limit is passed.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from filled_spool import Filling, fill
from peers import postroad, sinks
from peers.waiting import until

_TIME_LIMIT = 600.0  # seconds for any single step
_SESSIONS = 20
_SIZE = 4096  # octets of new mail
_DUE = 50_000  # messages that become due at once
_LEAST_SHARE = 80.0  # per cent of the speed with an empty queue
_MOST_START = 5.0  # seconds more than with an empty queue
_MOST_MEMORY = 150.0  # MB more than with an empty queue
_COUNT_DUE = "SELECT count(*) FROM recipient WHERE next_attempt <= ?"


@dataclass(frozen=True, slots=True)
class Figure:
    """A measurement and what it may be; without a bound it is there to be known."""

    name: str
    value: float
    unit: str
    least: float | None = None
    most: float | None = None

    @property
    def is_wrong(self) -> bool:
        """Whether a bound is exceeded."""
        return (self.least is not None and self.value < self.least) or (
            self.most is not None and self.value > self.most
        )

    def __str__(self) -> str:
        bounds = [f"at least {self.least:g}"] if self.least is not None else []
        bounds += [f"at most {self.most:g}"] if self.most is not None else []
        judged = (
            f"  ({', '.join(bounds)}: {'EXCEEDED' if self.is_wrong else 'ok'})" if bounds else ""
        )
        return f"{self.name:58} {self.value:10.1f} {self.unit}{judged}"


def main() -> int:
    """Measure, print, and return the exit status."""
    options = _options()
    wrong = 0
    for figure in _figures(options):
        print(figure, flush=True)
        wrong += figure.is_wrong
    return min(wrong, 1)


def _figures(options: argparse.Namespace) -> Iterator[Figure]:
    with ExitStack() as stack:
        sink = stack.enter_context(_sink())
        empty = stack.enter_context(_server(sink))
        full = stack.enter_context(_server(sink))
        full.end()
        began = time.monotonic()
        shard = full.state / "spool" / "0"
        filling = Filling(options.messages, options.domains, options.size, time.time())
        asyncio.run(fill(shard, filling))
        yield Figure(f"filling: {options.messages} messages", time.monotonic() - began, "s")
        yield Figure("size of the database", (shard / "spool.db").stat().st_size / 1e6, "MB")
        yield from _start(empty, full)
        yield from _speed(empty, full, sink, options)
        yield from _memory(empty, full, "after the load")
        yield from _listings(full, options.messages)
        yield from _all_due(full, sink, min(_DUE, options.messages))
        yield from _memory(empty, full, "after all was due")


def _start(empty: postroad.Postroad, full: postroad.Postroad) -> Iterator[Figure]:
    """From the start of the process to the first greeting."""
    empty.end()
    without = _timed(empty.start)
    full.start()
    full.end()
    clean = _timed(full.start)
    yield Figure("start, empty queue", without, "s")
    yield Figure("start, after a clean stop", clean, "s", most=without + _MOST_START)
    full.kill_all()
    after_crash = _timed(full.start)
    yield Figure("start, after a kill", after_crash, "s", most=without + 4 * _MOST_START)
    yield from _memory(empty, full, "at rest")


def _speed(
    empty: postroad.Postroad,
    full: postroad.Postroad,
    sink: sinks.Sink,
    options: argparse.Namespace,
) -> Iterator[Figure]:
    """Messages a second until the sink has the last one, in alternating rounds."""
    for server in (empty, full):
        _relay(server, sink, 200)
    rounds = [
        (_relay(empty, sink, options.new), _relay(full, sink, options.new))
        for _ in range(options.rounds)
    ]
    without = statistics.median(rate for rate, _ in rounds)
    with_it = statistics.median(rate for _, rate in rounds)
    yield Figure("relaying, empty queue", without, "messages/s")
    yield Figure("relaying beside the full queue", with_it, "messages/s")
    yield Figure("that is", 100 * with_it / without, "% of it", least=_LEAST_SHARE)


def _relay(server: postroad.Postroad, sink: sinks.Sink, count: int) -> float:
    before = sink.messages()
    began = time.monotonic()
    sinks.send(server.port("mx"), count, sessions=_SESSIONS, size=_SIZE, within=_TIME_LIMIT)
    until(
        lambda: sink.messages() >= before + count, within=_TIME_LIMIT, what="all mail in the sink"
    )
    return count / (time.monotonic() - began)


def _listings(server: postroad.Postroad, count: int) -> Iterator[Figure]:
    """Each command as an operator runs it, its output thrown away; and what it takes of memory."""
    none = _command(server, "queue", "list", "--limit", "1")[0]
    yield Figure("queue list --limit 1: mostly Python's own start", none, "s")
    for words in (
        ("list",),
        ("list", "--json"),
        ("list", "--sender", "sender77@example.org"),
        ("list", "--domain", "d7.example.net"),
        ("list", "--reason", "no such words"),
        ("list", "--held"),
        ("count",),
        ("hold", "--sender", "sender77@example.org"),
        ("release", "--all"),
    ):
        seconds, memory = _command(server, "queue", *words)
        yield Figure(f"queue {' '.join(words)}", seconds, "s")
        if words == ("list", "--json"):
            yield Figure("  its memory", memory, "MB", most=100.0)
            yield Figure("  messages a second", count / seconds, "messages/s")
    waits = _while_listing(server)
    yield Figure("longest wait for a greeting during a whole listing", waits, "ms")
    log = server.state / "spool" / "0" / "spool.db-wal"
    yield Figure("size of the write-ahead log", log.stat().st_size / 1e6, "MB", most=200.0)


def _while_listing(server: postroad.Postroad) -> float:
    """Milliseconds that a new client waits for its greeting at the most, the queue being listed."""
    longest = 0.0
    argv = _argv(server, "queue", "list", "--json")
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL) as listing:
        while listing.poll() is None:
            began = time.monotonic()
            with socket.create_connection(("127.0.0.1", server.port("mx")), timeout=60) as client:
                client.recv(512)
            longest = max(longest, time.monotonic() - began)
            time.sleep(0.25)
    return 1000 * longest


def _all_due(server: postroad.Postroad, sink: sinks.Sink, count: int) -> Iterator[Figure]:
    """Many messages due at once: how soon each was tried or put off, and new mail meanwhile."""
    server.end()
    shard = server.state / "spool" / "0" / "spool.db"
    with closing(sqlite3.connect(shard)) as connection, connection:
        connection.execute(
            "UPDATE recipient SET next_attempt = ? WHERE id IN"
            " (SELECT id FROM recipient ORDER BY id LIMIT ?)",
            (time.time() - 60, count),
        )
    server.start()
    began = time.monotonic()
    now = time.time() - 30
    rate = _relay(server, sink, 2000)
    with closing(sqlite3.connect(f"{shard.as_uri()}?mode=ro", uri=True)) as reader:
        until(
            lambda: not reader.execute(_COUNT_DUE, (now,)).fetchone()[0],
            within=_TIME_LIMIT,
            what="every message that was due dealt with",
        )
    seconds = time.monotonic() - began
    yield Figure(f"{count} due at once: dealt with", count / seconds, "messages/s")
    yield Figure("  new mail relayed meanwhile", rate, "messages/s")


def _memory(empty: postroad.Postroad, full: postroad.Postroad, when: str) -> Iterator[Figure]:
    without, with_it = _resident(empty), _resident(full)
    yield Figure(f"memory {when}, empty queue", without, "MB")
    yield Figure(f"memory {when}, full queue", with_it, "MB", most=without + _MOST_MEMORY)


def _resident(server: postroad.Postroad) -> float:
    """Megabytes that all processes of a server have in memory."""
    total = 0
    for pid in (server.supervisor, *server.workers()):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                total += int(line.split()[1])
    return total * 1024 / 1e6


def _timed(step: Callable[[], None]) -> float:
    began = time.monotonic()
    step()
    return time.monotonic() - began


def _argv(server: postroad.Postroad, *words: str) -> Sequence[str]:
    return [sys.executable, "-m", "postroad", "--config", str(server.configuration), *words]


def _command(server: postroad.Postroad, *words: str) -> tuple[float, float]:
    """Seconds and megabytes that a command takes."""
    began = time.monotonic()
    with subprocess.Popen(_argv(server, *words), stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(words)}: status {process.returncode}")
    return time.monotonic() - began, usage.ru_maxrss * 1024 / 1e6


@contextmanager
def _sink() -> Iterator[sinks.Sink]:
    sink = sinks.Sink()
    try:
        yield sink
    finally:
        sink.stop()


@contextmanager
def _server(sink: sinks.Sink) -> Iterator[postroad.Postroad]:
    """One worker that relays to the sink."""
    settings: postroad.Table = {
        "workers": 1,
        "relay": {"smarthost": f"[127.0.0.1]:{sink.port}"},
        "limits": {"sessions": 0},
    }
    server = postroad.Postroad(settings, listeners=("mx",))
    try:
        yield server
    finally:
        server.stop()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--messages", type=int, default=1_000_000, help="in the full queue")
    parser.add_argument("--domains", type=int, default=1000, help="that they are for")
    parser.add_argument("--size", type=int, default=1024, help="octets of each")
    parser.add_argument("--new", type=int, default=5000, help="messages relayed in a round")
    parser.add_argument("--rounds", type=int, default=5, help="of relaying, with each queue")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
