"""The life of a worker process: start, serve, reload on SIGHUP, drain on SIGTERM.

A worker owns the shard with its own number and those whose worker exists no more. When it is told
to stop, or its supervisor is gone, it accepts nothing more, lets transactions and deliveries end,
writes down what became of them, and exits.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import time
from collections.abc import Callable

import uvloop

from postroad.app.log import LogFile
from postroad.app.parts import Parts
from postroad.app.sockets import Sockets
from postroad.config import Configuration, ConfigurationError
from postroad.delivery.credentials import CredentialsError
from postroad.directory import DirectoryUnavailable, SchemaTooNew
from postroad.model.journal import Level, Notice
from postroad.net.tls import TlsConfigurationError
from postroad.spool import ShardBusy, SpoolError

__all__ = ["StartError", "Worker", "run_worker"]

DRAIN = 30.0
"""Seconds for transactions and deliveries to end after SIGTERM."""

ORPHAN_DRAIN = 5.0
"""The same when the supervisor died: a successor may be waiting for our ports and shards."""

SWITCH_INTERVAL = 0.001
"""Seconds for which a thread may hold the interpreter while another waits: the spool's thread
wakes after each sync with senders waiting for its word, and the usual 5 ms is an age there."""

COLLECTOR = (50_000, 20, 100)
"""When the cycle collector looks: a message leaves no cycles behind, and looking costs some
hundredths of the time at the interpreter's own settings."""

_UNUSABLE = (
    CredentialsError,
    DirectoryUnavailable,
    SchemaTooNew,
    ShardBusy,
    SpoolError,
    TlsConfigurationError,
)


class StartError(Exception):
    """The worker cannot start; the message says why. Starting again would not help."""


class Worker:
    """A worker of the server, from start to drain."""

    def __init__(
        self,
        configuration: Configuration,
        again: Callable[[], Configuration],
        index: int,
        sockets: Sockets,
        log: LogFile,
    ) -> None:
        """A worker not yet started.

        Args:
            configuration: what to serve.
            again: reads the configuration anew.
            index: its number, which is that of its own shard.
            sockets: its listening sockets.
            log: where events go.
        """
        self._configuration = configuration
        self._again = again
        self._index = index
        self._sockets = sockets
        self._log = log
        self._parts = Parts(configuration, log)

    async def run(self, ready: Callable[[], None], alive: int | None) -> None:
        """Serve until told to stop.

        Args:
            ready: called once everything listens.
            alive: a descriptor that reads end-of-file when the supervisor is gone.

        Raises:
            StartError: it cannot start.
        """
        parts = self._parts
        try:
            await parts.open(self._index, self._shards())
            stop = self._watch(alive)
            running = [asyncio.create_task(runner.run()) for runner in parts.runners]
            for task in running:  # a runner ends early only by a bug: end with it, and say so
                task.add_done_callback(lambda _: _end(stop, ORPHAN_DRAIN))
            for name, sockets in self._sockets.items():
                for each in sockets:
                    await parts.server.listen(name, each)
            # What exists now lives as long as the process: the collector need not look at it.
            gc.collect()
            gc.freeze()
            gc.set_threshold(*COLLECTOR)
            ready()
            await self._drain(await stop, running)
        except _UNUSABLE as error:
            raise StartError(str(error)) from error
        finally:
            await parts.close()
            self._log.flush()

    async def _drain(self, limit: float, running: list[asyncio.Task[None]]) -> None:
        end = time.monotonic() + limit
        await self._parts.server.drain(limit)
        rest = max(0.0, end - time.monotonic())
        await asyncio.gather(*(runner.drain(rest) for runner in self._parts.runners))
        await asyncio.gather(*running)

    def _shards(self) -> list[int]:
        """Our own shard, and those whose worker exists no more, dealt out evenly."""
        count = self._configuration.worker_count
        folder = self._configuration.spool_directory
        found = {int(each.name) for each in folder.glob("[0-9]*") if each.name.isdigit()}
        adopted = sorted(n for n in found if n >= count and n % count == self._index)
        return [self._index, *adopted]

    def _watch(self, alive: int | None) -> asyncio.Future[float]:
        """Listen for signals; the future's result is the time to drain."""
        loop = asyncio.get_running_loop()
        stop: asyncio.Future[float] = loop.create_future()

        def orphaned(descriptor: int) -> None:
            if not os.read(descriptor, 16):
                loop.remove_reader(descriptor)
                _end(stop, ORPHAN_DRAIN)

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, _end, stop, DRAIN)
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        if alive is not None:
            loop.add_reader(alive, orphaned, alive)
        return stop

    def _reload(self) -> None:
        self._log.reopen()
        try:
            self._parts.reload(self._again())
        except (ConfigurationError, CredentialsError, TlsConfigurationError) as error:
            for line in str(error).splitlines():
                self._log(Notice("master", f"not reloaded: {line}", Level.ERROR))
        else:
            self._log(Notice("master", f"worker {self._index} reloaded its configuration"))


def _end(stop: asyncio.Future[float], limit: float) -> None:
    if not stop.done():
        stop.set_result(limit)


def run_worker(worker: Worker, ready: Callable[[], None], alive: int | None) -> int:
    """Run a worker in this process until it is told to stop.

    Args:
        worker: the worker.
        ready: called once everything listens.
        alive: a descriptor that reads end-of-file when the supervisor is gone.

    Returns:
        The exit status.

    Raises:
        StartError: it cannot start.
    """
    sys.setswitchinterval(SWITCH_INTERVAL)
    uvloop.run(worker.run(ready, alive))
    return os.EX_OK
