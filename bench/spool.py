"""Messages per second through one spool shard: commit, settle, and both with a loop at full load.

    python bench/spool.py [--waiters 20] [--messages 10000] [--load 0] [DIRECTORY]

`--load` keeps the loop busy beside the spool: microseconds of Python in every turn of the loop.
Each waiter commits one message of 4 KiB after the other and settles it without waiting for that.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

import uvloop

from postroad.model import Address, Addressee, Envelope
from postroad.spool import Done, Shard, SpoolSettings

SWITCH_INTERVAL = 0.001  # as the server sets it
CONTENT = os.urandom(4096)
ENVELOPE = Envelope(Address("john", "example.org"))
RECIPIENT = Addressee(Address("jane", "example.net"), Address("jane", "example.net"))


async def send(shard: Shard, count: int, times: list[float]) -> None:
    """Commit and settle messages in turn."""
    settling: set[asyncio.Task[list[str]]] = set()
    for _ in range(count):
        start = time.perf_counter()
        draft = shard.begin()
        draft.write(CONTENT)
        claimed = await draft.commit(ENVELOPE, [RECIPIENT], time.time())
        times.append(time.perf_counter() - start)
        task = asyncio.ensure_future(shard.settle([Done(claimed.recipients[0].id)]))
        settling.add(task)
        task.add_done_callback(settling.discard)
    await asyncio.gather(*settling)


async def load(microseconds: float) -> None:
    """Python in every turn of the loop, as sessions and deliveries make it."""
    while True:
        end = time.perf_counter() + microseconds / 1e6
        while time.perf_counter() < end:
            pass
        await asyncio.sleep(0)


async def measure(directory: Path, options: argparse.Namespace) -> None:
    """One run on a new shard."""
    shard = await Shard.open(directory / "shard", 0, SpoolSettings(), time.time)
    busy = asyncio.ensure_future(load(options.load)) if options.load else None
    times: list[float] = []
    each = options.messages // options.waiters
    start, used = time.perf_counter(), time.process_time()
    await asyncio.gather(*(send(shard, each, times) for _ in range(options.waiters)))
    elapsed, used = time.perf_counter() - start, time.process_time() - used
    if busy is not None:
        busy.cancel()
    await shard.close()
    times.sort()
    middle, late = times[len(times) // 2], times[len(times) * 99 // 100]
    rate, share = len(times) / elapsed, used / len(times)
    print(
        f"{options.waiters} waiters, load {options.load:g} us: {rate:,.0f} messages/s, "
        f"{share * 1e6:.0f} us of processor each; commit takes {middle * 1e3:.2f} ms, "
        f"99 in 100 under {late * 1e3:.2f} ms, at most {times[-1] * 1e3:.2f} ms"
    )


def main() -> None:
    """Read the options and run once."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("directory", nargs="?", type=Path, help="on the disk to measure")
    parser.add_argument("--waiters", type=int, default=20)
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--load", type=float, default=0.0)
    options = parser.parse_args()
    sys.setswitchinterval(SWITCH_INTERVAL)
    with tempfile.TemporaryDirectory(dir=options.directory or Path.cwd()) as directory:
        uvloop.run(measure(Path(directory), options))


if __name__ == "__main__":
    main()
