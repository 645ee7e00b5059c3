"""Postfix and Postroad as relays, in turn, on the same machine: how fast, and at what cost.

Postfix's `smtp-source` sends, the server under test takes each message, makes it durable, and
relays it to Postfix's `smtp-sink`; the clock runs until the sink has the last one. Both servers
keep their queue on the same file system and sync before they acknowledge. Rounds alternate so that
a noisy machine disturbs both alike. The figure of `smtp-source` straight into `smtp-sink` is the
limit that no server can pass here. Light load is measured with a sender and a next hop of our own
(`arrivals.py`).

    python bench/relay.py [--scenario NAME ...] [--rounds N] [--workers N] [--profile]
"""

from __future__ import annotations

import argparse
import asyncio
import io
import os
import platform
import pstats
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Protocol, TypeVar

from arrivals import NextHop, serving, trickle
from figures import Figure, light_told, loads_told
from peers import postfix, postroad, sinks
from peers.ports import free_port
from peers.waiting import until
from processor_time import usage_of
from scenarios import LIGHT, LOADS, Light, Load

_TIME_LIMIT = 300.0  # seconds for one round
_WARM_UP = 200  # messages before the clock starts: processes start, caches fill
_LEAST_WARM_UP = 20
_TOP = 10


@dataclass(frozen=True, slots=True)
class Target:
    """Something that takes mail: a port on 127.0.0.1, and the process that began the others."""

    port: int
    root: int


def main() -> None:
    """Run the rounds and print the figures."""
    options = _options()
    chosen = options.scenario or [*(each.name for each in LOADS), LIGHT.name]
    loads = [_scaled(load, options) for load in LOADS if load.name in chosen]
    print(_conditions(options.workers))
    if options.profile:
        _profile(loads[0] if loads else LOADS[0])
        return
    if loads:
        print(loads_told(_measure(loads, options.rounds, options.workers)))
    if LIGHT.name in chosen:
        print(light_told(LIGHT, asyncio.run(_light(LIGHT, options.rounds, options.workers))))


# As fast as it goes -----------------------------------------------------------------------------


def _measure(
    loads: Sequence[Load], rounds: int, workers: int
) -> dict[Load, dict[str, list[Figure]]]:
    """All rounds of all loads: for each load, what each server made of it."""
    measured: dict[Load, dict[str, list[Figure]]] = {}
    with ExitStack() as stack:
        sink, targets = _start(stack, workers)
        for load in loads:
            figures = measured[load] = {name: [] for name in targets}
            for _ in range(rounds):
                for name, target in targets.items():
                    figure = _round(target, sink, load)
                    figures[name].append(figure)
                    print(f"{load.name:9} {name:9} {figure}", flush=True)
    return measured


def _start(stack: ExitStack, workers: int) -> tuple[sinks.Sink, Mapping[str, Target]]:
    sink = stack.enter_context(_running(sinks.Sink))
    theirs = stack.enter_context(_running(lambda: _postfix(sink.port)))
    ours = stack.enter_context(_running(lambda: _postroad(sink.port, workers)))
    return sink, {
        "limit": Target(sink.port, sink.pid),
        "postfix": Target(theirs.port, theirs.master),
        "postroad": Target(ours.port("mx"), ours.supervisor),
    }


def _round(target: Target, sink: sinks.Sink, load: Load) -> Figure:
    """From the first connection to the last delivery, after a warm-up.

    Raises:
        RuntimeError: the server refused or dropped a message.
        TimeoutError: the sink did not get them all in time.
    """
    few = max(min(_WARM_UP, load.messages // 10), _LEAST_WARM_UP)
    _deliver(target.port, sink, replace(load, messages=few))
    before, started = usage_of(target.root), time.perf_counter()
    _deliver(target.port, sink, load)
    elapsed = time.perf_counter() - started
    used = usage_of(target.root).since(before)
    count = load.messages
    return Figure(count / elapsed, used.seconds / count * 1e6, used.waits / count)


def _deliver(port: int, sink: sinks.Sink, load: Load) -> None:
    target = sink.messages() + load.messages
    try:
        sinks.send(
            port,
            load.messages,
            sessions=load.sessions,
            size=load.size,
            within=_TIME_LIMIT,
            kept=load.kept,
        )
    except subprocess.CalledProcessError as error:
        raise RuntimeError(f"smtp-source: {error.stderr.decode(errors='replace')}") from error
    until(lambda: sink.messages() >= target, within=_TIME_LIMIT, what="delivery of every message")


# Light load -------------------------------------------------------------------------------------


async def _light(light: Light, rounds: int, workers: int) -> dict[str, list[float]]:
    """Seconds from `250` to arrival of all messages of all rounds, for each server."""
    next_hop, port = NextHop(), free_port()
    delays: dict[str, list[float]] = {"postfix": [], "postroad": []}
    async with serving(next_hop, port):
        with ExitStack() as stack:
            theirs = stack.enter_context(_running(lambda: _postfix(port)))
            ours = stack.enter_context(_running(lambda: _postroad(port, workers)))
            ports = {"postfix": theirs.port, "postroad": ours.port("mx")}
            number = 0
            for _ in range(rounds):
                for name, server in ports.items():
                    for warming, count in ((True, _LEAST_WARM_UP), (False, light.messages)):
                        numbers = range(number, number + count)
                        number += count
                        took = await trickle(
                            server, next_hop, numbers, rate=light.rate, size=light.size
                        )
                        if not warming:
                            delays[name] += took
    return delays


# The servers ------------------------------------------------------------------------------------


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
            _round(Target(server.port("mx"), server.supervisor), sink, load)
        finally:
            server.end()
        print(_top(profile))
        server.stop()


def _top(profile: Path) -> str:
    text = io.StringIO()
    statistics_ = pstats.Stats(str(profile), stream=text).strip_dirs()
    statistics_.sort_stats(pstats.SortKey.TIME).print_stats(_TOP)
    return text.getvalue()


def _conditions(workers: int) -> str:
    place = gettempdir()
    kind = subprocess.run(
        ["stat", "-f", "-c", "%T", place], capture_output=True, text=True, check=True
    ).stdout.strip()
    return (
        f"queues in {place} ({kind}), {os.cpu_count()} cores, workers = {workers} "
        f"(0: one per core), Python {platform.python_version()} of {sys.base_prefix}\n"
    )


def _scaled(load: Load, options: argparse.Namespace) -> Load:
    """A load with what the command line says otherwise."""
    return load if options.messages is None else replace(load, messages=options.messages)


def _options() -> argparse.Namespace:
    names = [*(each.name for each in LOADS), LIGHT.name]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--scenario", action="append", choices=names, help="one or more; all")
    parser.add_argument("--messages", type=int, help="of a round, instead of the scenario's own")
    parser.add_argument("--rounds", type=int, default=5)
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
