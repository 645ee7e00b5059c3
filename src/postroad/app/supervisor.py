"""Keeps N identical workers running: forks them, restarts the dead, passes signals on.

Theory of operation. The supervisor is synchronous, has no threads and no event loop, and touches
neither mail nor network, so forking it is safe and it has little to die of. Each worker holds the
read end of a pipe whose write end is the supervisor's alone: end-of-file there means that the
supervisor is gone, by whatever death, and the worker drains and exits rather than live on as an
orphan that nobody can stop. A second pipe carries one octet back when the worker is ready.

A worker that dies is replaced at once the first time; one that keeps dying is replaced after
growing pauses. A worker that ends with a configuration error (exit status 78) before it was ever
ready would do so again: everything stops and the status is the supervisor's own.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field

from postroad.app.systemd import notify
from postroad.model.journal import Journal, Level, Notice

__all__ = ["Lifeline", "Supervisor"]

GRACE = 40.0
"""Seconds for workers to drain before they are killed; a little over a worker's own limit."""

MAX_PAUSE = 30.0
STEADY = 60.0
"""A worker that lived this many seconds starts with a clean record."""


@dataclass(frozen=True, slots=True)
class Lifeline:
    """A worker's ends of the two pipes: `alive` to read, `ready` to write."""

    alive: int
    ready: int

    def report_ready(self) -> None:
        """Tell the supervisor that this worker serves."""
        with contextlib.suppress(BrokenPipeError):  # it died meanwhile, as `alive` is about to say
            os.write(self.ready, b"R")


@dataclass(slots=True)
class _Child:
    """A worker as the supervisor sees it."""

    index: int
    pid: int = 0
    started: float = 0.0
    ready: bool = False
    deaths: int = 0
    restart_at: float = 0.0
    pipes: list[int] = field(default_factory=list)


class Supervisor:
    """Runs workers until told to stop."""

    def __init__(
        self,
        workers: int,
        work: Callable[[int, Lifeline], int],
        *,
        reload: Callable[[], bool],
        stop_listening: Callable[[], None],
        journal: Journal,
        announce: Callable[[], None],
        buried: Callable[[int], None] = lambda _: None,
    ) -> None:
        """A supervisor that has not forked yet.

        Args:
            workers: how many.
            work: what a worker does in its process, given its index; returns the exit status.
            reload: reads the configuration again; whether it is good enough for the workers.
            stop_listening: closes our copies of the listening sockets.
            journal: where events go.
            announce: called once, when every worker is ready for the first time.
            buried: given the index of each worker that is dead.
        """
        self._children = [_Child(index) for index in range(workers)]
        self._work = work
        self._reload = reload
        self._stop_listening = stop_listening
        self._journal = journal
        self._announce = announce
        self._buried = buried
        self._announced = False
        self._stopping = False
        self._status = 0
        self._selector = selectors.DefaultSelector()
        self._wakeup = os.pipe()

    def run(self) -> int:
        """Fork, watch, restart; return when all workers are gone.

        Returns:
            The exit status for the process.
        """
        for descriptor in self._wakeup:
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(self._wakeup[1], warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, lambda _number, _frame: None)
        self._selector.register(self._wakeup[0], selectors.EVENT_READ, None)
        for child in self._children:
            self._spawn(child)
        deadline = float("inf")
        while any(child.pid for child in self._children) or not self._stopping:
            self._wait()
            if self._stopping and deadline == float("inf"):
                deadline = time.monotonic() + GRACE
            if time.monotonic() > deadline:
                self._signal(signal.SIGKILL)
            self._restart()
        return self._status

    def _wait(self) -> None:
        pending = [c.restart_at for c in self._children if not c.pid and not self._stopping]
        timeout = max(0.0, min(pending) - time.monotonic()) if pending else 1.0
        ready = [(key.data, key.fd) for key, _ in self._selector.select(timeout)]
        for child, descriptor in ready:
            if child is not None:
                self._hear(child, descriptor)
        # Signals come last: they may bury a child and close what was just read.
        if (None, self._wakeup[0]) in ready:
            self._take_signals()

    def _take_signals(self) -> None:
        numbers = set(os.read(self._wakeup[0], 256))
        if numbers & {signal.SIGTERM, signal.SIGINT}:
            self._stop()
        if signal.SIGHUP in numbers and not self._stopping and self._reload():
            self._signal(signal.SIGHUP)
        if signal.SIGCHLD in numbers:
            self._reap()

    def _stop(self) -> None:
        if not self._stopping:
            notify("STOPPING=1")
            self._stop_listening()
        self._stopping = True
        self._signal(signal.SIGTERM)

    def _signal(self, number: signal.Signals) -> None:
        for child in self._children:
            if child.pid:
                os.kill(child.pid, number)

    def _spawn(self, child: _Child) -> None:
        alive_read, alive_write = os.pipe()
        ready_read, ready_write = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            shed = [alive_write, ready_read, *self._wakeup]
            shed += [descriptor for each in self._children for descriptor in each.pipes]
            self._become_worker(child.index, Lifeline(alive_read, ready_write), shed)
        os.close(alive_read)
        os.close(ready_write)
        child.pid, child.started, child.ready = pid, time.monotonic(), False
        child.pipes = [alive_write, ready_read]
        self._selector.register(ready_read, selectors.EVENT_READ, child)

    def _become_worker(self, index: int, lifeline: Lifeline, shed: list[int]) -> None:
        """In the child: shed all that is the supervisor's, work, and never return.

        A forgotten write end of any worker's pipe would hide the supervisor's death from it.
        """
        status = os.EX_SOFTWARE
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            self._selector.close()
            for descriptor in shed:
                os.close(descriptor)
            status = self._work(index, lifeline)
        except BaseException as error:  # noqa: BLE001 - the last chance to say what happened
            words = f"worker {index} failed: {type(error).__name__}: {error}"
            self._journal(Notice("master", words, Level.ERROR))
            traceback.print_exception(error)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    def _hear(self, child: _Child, descriptor: int) -> None:
        """A worker says that it is ready, or its end of the pipe is closed."""
        if os.read(descriptor, 16) and not child.ready:
            child.ready = True
            if not self._announced and all(each.ready for each in self._children):
                self._announced = True
                notify("READY=1")
                self._announce()
        else:
            self._selector.unregister(descriptor)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            for child in self._children:
                if child.pid == pid:
                    self._bury(child, os.waitstatus_to_exitcode(status))

    def _bury(self, child: _Child, status: int) -> None:
        now = time.monotonic()
        never_ready = not child.ready
        for descriptor in child.pipes:
            if descriptor in self._selector.get_map():
                self._selector.unregister(descriptor)
            os.close(descriptor)
        child.pipes = []
        child.pid = 0
        self._buried(child.index)
        if self._stopping:
            return
        if status == os.EX_CONFIG and never_ready and not self._announced:
            self._status = status
            self._stop()
            return
        child.deaths = 1 if now - child.started > STEADY else child.deaths + 1
        pause = 0.0 if child.deaths == 1 else min(MAX_PAUSE, 2.0 ** (child.deaths - 2))
        child.restart_at = now + pause
        how = f"signal {-status}" if status < 0 else f"status {status}"
        again = f"in {pause:.0f} s" if pause else "at once"
        self._journal(
            Notice(
                "master", f"worker {child.index} ended by {how}; restarted {again}", Level.WARNING
            )
        )

    def _restart(self) -> None:
        now = time.monotonic()
        for child in self._children:
            if not child.pid and not self._stopping and child.restart_at <= now:
                self._spawn(child)
