"""What a flood of connections costs: refusals in a second of one processor's time.

A client connects, reads what it is told until the end, and connects again, over and over. It is
served (a greeting, then the client hangs up), refused for the number of its connections, or
refused because it is banned. The server has one worker, and its processor time is what counts:
the client's own is as long.

    python bench/flood.py [--connections N]
"""

from __future__ import annotations

import argparse
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

from peers import postroad

_TICKS = os.sysconf("SC_CLK_TCK")
_NOBODY_TRUSTED: postroad.Table = {"trusted_networks": []}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--connections", type=int, default=10_000)
    count = parser.parse_args().connections
    unlimited = {"connections_per_address": 0, "connections_per_network": 0}
    _measure("served", count, {"limits": unlimited})
    _measure("refused, too many connections", count, {"limits": {"connections_per_address": 10}})
    _measure("refused, banned", count, {"limits": unlimited}, ban=True)


def _measure(what: str, count: int, settings: postroad.Table, *, ban: bool = False) -> None:
    own: postroad.Table = {"workers": 1, "relay": _NOBODY_TRUSTED, "dns": {"reverse": False}}
    server = postroad.Postroad({**own, **settings}, listeners=("mx",))
    try:
        if ban:
            server.run("ban", "add", "127.0.0.1")
        port, pid = server.port("mx"), server.supervisor
        _flood(port, 200)  # past the limit, warm
        spent = _seconds(lambda: _flood(port, count), pid)
    finally:
        server.stop()
    print(f"{what:30} {count / spent[0]:7.0f} for each second of the server's processor time")
    print(f"{'':30} {count / spent[1]:7.0f} for each second by the clock, one after the other")


def _flood(port: int, count: int) -> None:
    for _ in range(count):
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.recv(512)


def _seconds(work: Callable[[], None], pid: int) -> tuple[float, float]:
    """Processor time of another process, and time by the clock, that something takes."""
    spent, since = _processor(pid), time.perf_counter()
    work()
    return _processor(pid) - spent, time.perf_counter() - since


def _processor(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS  # proc(5): utime, stime


if __name__ == "__main__":
    main()
