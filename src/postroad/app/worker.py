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
from collections.abc import Callable

import uvloop

from postroad.app.certificates import warn_of_certificates
from postroad.app.log import LogFile
from postroad.app.parts import Parts
from postroad.app.running import NOT_RELOADED, Running
from postroad.app.serving import PREFIX
from postroad.app.sockets import Sockets
from postroad.app.storage import ShardNameError, shards_of
from postroad.directory import DirectoryUnavailable, SchemaTooNew
from postroad.directory.oauth.oauth import OAuthFileError
from postroad.limits.counters import CounterMemory
from postroad.limits.database import BansUnavailable
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

_UNAVAILABLE = (DirectoryUnavailable, BansUnavailable, ShardBusy, SpoolError, OSError)


class StartError(Exception):
    """The worker cannot start, or cannot go on; the message says why.

    Attributes:
        status: the exit status: 78 where only the operator can mend it, 75 where time may, 70
            for a bug of ours.
    """

    def __init__(self, error: Exception, status: int) -> None:
        super().__init__(str(error))
        self.status = status


class Worker:
    """A worker of the server, from start to drain."""

    def __init__(
        self,
        running: Running,
        index: int,
        sockets: Sockets,
        counters: CounterMemory,
        log: LogFile,
    ) -> None:
        """A worker not yet started.

        Args:
            running: what to serve.
            index: its number, which is that of its own shard.
            sockets: its listening sockets.
            counters: the block that all workers count in.
            log: where events go.
        """
        self._running = running
        self._index = index
        self._sockets = sockets
        self._log = log
        self._parts = Parts(running, counters, log, self._give_up)
        self._stop: asyncio.Future[float] | None = None
        self._is_open = False
        self._is_behind = False  # asked to reload before it was open
        self._failed = False

    async def run(self, ready: Callable[[], None], alive: int | None) -> None:
        """Serve until told to stop.

        Args:
            ready: called once everything listens.
            alive: a descriptor that reads end-of-file when the supervisor is gone.

        Raises:
            StartError: it cannot start.
        """
        sys.unraisablehook = self._ignored
        stop = self._stop = self._watch(alive)
        try:
            await self._open()
            running = [asyncio.create_task(runner.run()) for runner in self._parts.runners]
            for task in running:  # a runner ends early only by a bug: end with it, and say so
                task.add_done_callback(lambda _: _end(stop, ORPHAN_DRAIN))
            for name, sockets in self._sockets.items():
                served = name.startswith(PREFIX)
                for each in sockets:
                    await (self._parts.sockets if served else self._parts.server).listen(name, each)
            # What exists now lives as long as the process: the collector need not look at it.
            gc.collect()
            gc.freeze()
            gc.set_threshold(*COLLECTOR)
            ready()
            await self._drain(await stop, running)
            if self._failed:
                raise StartError(RuntimeError("ended after an internal error"), os.EX_SOFTWARE)
        finally:
            await self._parts.close()
            self._log.flush()

    async def _open(self) -> None:
        try:
            await self._parts.open(self._index, self._shards())
        except (SchemaTooNew, OAuthFileError, TlsConfigurationError, ShardNameError) as error:
            raise StartError(error, os.EX_CONFIG) from error
        except _UNAVAILABLE as error:
            raise StartError(error, os.EX_TEMPFAIL) from error
        self._is_open = True
        if self._is_behind:
            self._reload()

    async def _drain(self, limit: float, running: list[asyncio.Task[None]]) -> None:
        # Together: a client that takes its time with a transaction must not use up the time of
        # deliveries, of which those cut off are made twice. What still comes in stays in the spool.
        await asyncio.gather(
            self._parts.server.drain(limit),
            *(runner.drain(limit) for runner in self._parts.runners),
        )
        await asyncio.gather(*running)

    def _ignored(self, unraisable: sys.UnraisableHookArgs) -> None:
        """One line for what nobody can catch, such as a TLS client's server name of odd octets."""
        words = f"ignored {type(unraisable.exc_value).__name__}: {unraisable.exc_value}"
        self._log(Notice("master", words, Level.WARNING))

    def _give_up(self) -> None:
        """End, so that the supervisor or the service manager starts a sound worker."""
        self._failed = True
        if self._stop is not None:
            _end(self._stop, ORPHAN_DRAIN)

    def _shards(self) -> list[int]:
        spool = self._running.configuration.spool_directory
        return shards_of(self._index, self._running.workers, spool)

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
        if not self._is_open:
            self._is_behind = True  # the file was read before it was changed, perhaps
            return
        self._log.reopen()
        try:
            waiting = self._running.reload()
            self._parts.reload()
        except (*NOT_RELOADED, OSError) as error:
            for line in str(error).splitlines():
                self._log(Notice("master", f"not reloaded: {line}", Level.ERROR))
            return
        words = f"worker {self._index} reloaded its configuration"
        if waiting:
            words += f"; changed, but only a restart takes it: {', '.join(waiting)}"
        self._log(Notice("master", words))
        if self._index == 0:
            warn_of_certificates(self._running.configuration, self._log)


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
