"""Messages a second through Postfix and through Postroad, in turn, on the same machine.

Postfix's `smtp-source` sends, the server under test takes each message, makes it durable, and
relays it to Postfix's `smtp-sink`; the clock runs until the sink has the last one. Both servers
keep their queue on the same file system and sync before they acknowledge. Rounds alternate so that
a noisy machine disturbs both alike. The figure of `smtp-source` straight into `smtp-sink` is the
limit that no server can pass here.

    python bench/relay.py [--messages N] [--rounds N] [--sessions N] [--workers N] [--profile]
"""

from __future__ import annotations

import argparse
import io
import os
import pstats
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Protocol, TypeVar

from peers import postfix, postroad, sinks
from peers.waiting import until

_TIME_LIMIT = 300.0  # seconds for one round, warm-up included
_WARM_UP = 200  # messages before the clock starts: processes start, caches fill
_TOP = 10


@dataclass(frozen=True, slots=True)
class Load:
    """What one round sends."""

    messages: int
    sessions: int
    size: int


def main() -> None:
    """Run the rounds and print the figures."""
    options = _options()
    load = Load(options.messages, options.sessions, options.size)
    print(_conditions(load, options.workers))
    if options.profile:
        _profile(load)
        return
    with ExitStack() as stack:
        figures: dict[str, list[float]] = {name: [] for name in ("limit", "postfix", "postroad")}
        sink = stack.enter_context(_running(sinks.Sink))
        ports = {
            "limit": sink.port,
            "postfix": stack.enter_context(_running(lambda: _postfix(sink.port))).port,
            "postroad": stack.enter_context(
                _running(lambda: _postroad(sink.port, options.workers))
            ).port("mx"),
        }
        for _ in range(options.rounds):
            for name, port in ports.items():
                figures[name].append(_round(port, sink, load))
                print(f"{name:9} {figures[name][-1]:8.0f} messages/s", flush=True)
    _summary(figures)


def _summary(figures: dict[str, list[float]]) -> None:
    median = {name: statistics.median(values) for name, values in figures.items()}
    print("\nmedian of rounds, messages/s until the last is delivered")
    print(f"  smtp-source -> smtp-sink              {median['limit']:8.0f}")
    print(f"  smtp-source -> Postfix -> smtp-sink   {median['postfix']:8.0f}")
    print(f"  smtp-source -> Postroad -> smtp-sink  {median['postroad']:8.0f}")
    pairs = zip(figures["postroad"], figures["postfix"], strict=True)
    ratios = sorted(ours / theirs for ours, theirs in pairs)
    spread = f"{ratios[0]:.1f} to {ratios[-1]:.1f}"
    print(f"ratio of Postroad to Postfix: median {statistics.median(ratios):.1f} ({spread})")


def _round(port: int, sink: sinks.Sink, load: Load) -> float:
    """Messages a second from the first connection to the last delivery.

    Raises:
        TimeoutError: the sink did not get them all in time.
    """
    _deliver(port, sink, Load(_WARM_UP, load.sessions, load.size))
    started = time.perf_counter()
    _deliver(port, sink, load)
    return load.messages / (time.perf_counter() - started)


def _deliver(port: int, sink: sinks.Sink, load: Load) -> None:
    target = sink.messages() + load.messages
    sinks.send(port, load.messages, sessions=load.sessions, size=load.size, within=_TIME_LIMIT)
    until(lambda: sink.messages() >= target, within=_TIME_LIMIT, what="delivery of every message")


def _postfix(sink_port: int) -> postfix.Postfix:
    """Postfix as a relay to one next hop: no content filter, no chroot, its default limits."""
    return postfix.Postfix(
        {
            "relayhost": f"[127.0.0.1]:{sink_port}",
            "smtpd_relay_restrictions": "permit_mynetworks, reject",
        }
    )


def _postroad(sink_port: int, workers: int) -> postroad.Postroad:
    return postroad.Postroad(_settings(sink_port, workers), listeners=("mx",))


def _settings(sink_port: int, workers: int) -> postroad.Table:
    """Postroad for the same job: the loopback network is trusted, everything goes to the sink."""
    return {"workers": workers, "relay": {"smarthost": f"[127.0.0.1]:{sink_port}"}}


def _profile(load: Load) -> None:
    """One round through a single worker under cProfile, then its ten dearest functions.

    The profiler slows every call, so the figure of this round means nothing.
    """
    with ExitStack() as stack:
        sink = stack.enter_context(_running(sinks.Sink))
        profile = Path(stack.enter_context(TemporaryDirectory())) / "profile"
        wrapper = [sys.executable, "-m", "cProfile", "-o", str(profile), "-m", "postroad"]
        server = postroad.Postroad(_settings(sink.port, 1), listeners=("mx",), command=wrapper)
        try:
            _round(server.port("mx"), sink, load)
        finally:
            server.end()
        print(_top(profile))
        server.stop()


def _top(profile: Path) -> str:
    text = io.StringIO()
    statistics_ = pstats.Stats(str(profile), stream=text).strip_dirs()
    statistics_.sort_stats(pstats.SortKey.TIME).print_stats(_TOP)
    return text.getvalue()


def _conditions(load: Load, workers: int) -> str:
    place = gettempdir()
    kind = subprocess.run(
        ["stat", "-f", "-c", "%T", place], capture_output=True, text=True, check=True
    ).stdout.strip()
    return (
        f"{load.messages} messages of {load.size} octets a round, {load.sessions} sessions, "
        f"a connection each\nqueues in {place} ({kind}), {os.cpu_count()} cores, "
        f"workers = {workers} (0: one per core)\n"
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--messages", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--size", type=int, default=4096)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--profile", action="store_true", help="profile one worker instead")
    return parser.parse_args()


class _Peer(Protocol):
    def stop(self) -> None: ...


Running = TypeVar("Running", bound=_Peer)


@contextmanager
def _running(start: Callable[[], Running]) -> Iterator[Running]:
    peer = start()
    try:
        yield peer
    finally:
        peer.stop()


if __name__ == "__main__":
    main()
