"""Group commit: all jobs that come while one commit syncs share the next transaction.

Theory of operation. The loop's thread runs the statements of a batch. A disk that syncs within a
fraction of a millisecond is waited for there and then: to hand the commit to a thread and be told
of its end costs more. On any other disk one writer thread of the shard runs the COMMIT, and nothing
else, and posts the result back with one `call_soon_threadsafe`; while it runs the loop collects
jobs and leaves the connection alone. So the connection has one user at a time, and it is the only
one that writes and checkpoints. Which kind of disk it is shows at each commit: after one that took
long the next ones are the thread's, and then one is tried here again.

This shape comes from the interpreter lock. The sqlite3 module gives the lock away at every step
of a statement, and the thread that wants it back from a busy loop waits up to a switch interval
each time. Worse, a loop that gives the lock up and takes it again every few dozen microseconds,
as any loop at full load does, restarts the waiter's interval each time: a thread that runs the
statements was seen to wait for seconds. The loop's own thread, in contrast, does not wait for
itself, and `Connection.commit` gives the lock away exactly once.

That leaves one wait, for the lock after the sync. `_yield` bounds it: when a batch is still out
after three milliseconds, the loop sleeps for a moment on a lock that the writer thread opens, so
that a writer which only waits for the interpreter gets it at once. The pauses grow, so that a slow
disk takes little of a busy loop's time: a seventh at ten milliseconds a sync, less beyond.

A job may have patience, and then rather shares the commit of another than asks for a sync of its
own. Nobody waits for the results of deliveries: under load they cost no sync at all. A message
waits for a moment while others are being received, because a sync for each costs more than that.

When the commit is done, the jobs are concluded in the order in which the transaction wrote what
they wanted (`jobs.Turn`), so that memory says what the database says.

A batch that fails is rolled back and tried again job by job, so that only the job at fault fails.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Generic, Protocol, TypeVar

from postroad.spool.changes import Changes
from postroad.spool.errors import CommitUnsure, SpoolError
from postroad.spool.jobs import Job, Store, Turn
from postroad.spool.ledger import Ledger
from postroad.spool.soundness import is_damage

__all__ = ["GroupCommit", "unattended"]

T = TypeVar("T")

FIRST_YIELD = 0.003  # seconds after the start of a commit
LAST_YIELD = 0.008  # the longest pause between two
YIELD = 0.0005  # seconds the loop sleeps at most: several wake-ups of a thread

SLOW = 0.002
"""Seconds that the loop may wait for a commit; some ten times what a quick disk needs."""

ELSEWHERE = 20
"""Commits that the thread makes after a slow one. A disk that is always slow holds the loop up
for one sync in so many, a checkpoint on a quick disk costs so many hand-overs."""

TURN = attrgetter("turn")

LOST = (sqlite3.Error, OSError, UnicodeError, OverflowError)


class _Waiting(Protocol):
    """A job and whoever waits for it, whatever it brings."""

    turn: Turn
    adds: bool  # new mail, for which no room is made

    def stage(self, ledger: Ledger, changes: Changes) -> None: ...
    def resolve(self, ledger: Ledger, changes: Changes) -> None: ...
    def fail(self, error: BaseException, *, unsure: bool = False) -> None: ...


class _Request(Generic[T]):
    """A job, its future, and what to do with a result that nobody waits for any more."""

    def __init__(
        self, job: Job[T], future: asyncio.Future[T], orphan: Callable[[T], object] | None
    ) -> None:
        self.turn = job.turn
        self.adds = isinstance(job, Store)
        self._job = job
        self._future = future
        self._orphan = orphan

    def stage(self, ledger: Ledger, changes: Changes) -> None:
        self._job.stage(ledger, changes)

    def resolve(self, ledger: Ledger, changes: Changes) -> None:
        try:
            result = self._job.conclude(ledger, changes)
        except sqlite3.Error as error:
            if is_damage(error):
                raise
            self.fail(error)
            return
        if not self._future.done():
            self._future.set_result(result)
        elif self._orphan is not None:
            self._orphan(result)

    def fail(self, error: BaseException, *, unsure: bool = False) -> None:
        if self._future.done():
            return
        if isinstance(error, LOST):
            lost = (CommitUnsure if unsure else SpoolError)(f"spool: {error}")
            lost.__cause__ = error
            error = lost
        self._future.set_exception(error)


class GroupCommit:
    """Runs jobs in shared transactions. Lives on one loop.

    Args:
        ledger: what the jobs work on.
        commit: commits the open transaction; called in the writer thread, or on the loop.
        close: closes the connection; called in the writer thread, at the end.
        name: of the thread.
        broken: called once, on the loop, should a bug stop the work for good; gets the error.
        may_wait: whether `commit` may be called on the loop while it is quick.
        relieve: called when the disk is full; whether it has made some room.

    Attributes:
        has_failed: whether a commit ever did, so that what is stored should be looked at.
    """

    def __init__(
        self,
        ledger: Ledger,
        commit: Callable[[], None],
        close: Callable[[], None],
        name: str,
        broken: Callable[[BaseException], None] | None = None,
        *,
        may_wait: bool = False,
        relieve: Callable[[], bool] = lambda: False,
    ) -> None:
        self._ledger = ledger
        self._relieve = relieve
        self._may_wait = may_wait
        self._elsewhere = 0  # commits that are still the thread's
        self._commit = commit
        self._close = close
        self._tell = broken
        self._loop = asyncio.get_running_loop()
        self._pending: list[_Waiting] = []
        self._singles: deque[_Waiting] = deque()
        self._batch: Sequence[_Waiting] = ()
        self._changes = Changes()
        self._is_out = False
        self._is_unsure = False  # the log may end in a commit that failed
        self.has_failed = False
        self._is_scheduled = False
        self._is_urgent = False  # somebody waits for a pending job
        self._patience: asyncio.Handle | None = None
        self._patience_ends = 0.0  # the loop's time; uvloop gives no timer for what is due at once
        self._broken: BaseException | None = None
        self._idle: asyncio.Future[None] | None = None
        self._closed: asyncio.Future[None] = self._loop.create_future()
        self._baton = threading.Lock()
        self._yielding: asyncio.TimerHandle | None = None
        self._orders: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write, name=name, daemon=True)
        self._thread.start()

    def submit(
        self, job: Job[T], orphan: Callable[[T], object] | None = None, *, patience: float = 0.0
    ) -> asyncio.Future[T]:
        """Ask for a job; its future gets the result, or `SpoolError` when storage failed.

        Args:
            job: what to do.
            orphan: called with the result when the future was cancelled meanwhile.
            patience: seconds for which the job may wait for another one to share a commit with.
        """
        future: asyncio.Future[T] = self._loop.create_future()
        request = _Request(job, future, orphan)
        if self._broken is not None:
            request.fail(SpoolError("spool: stopped after an internal error"))
            return future
        self._pending.append(request)
        if patience:
            self._wait_until(self._loop.time() + patience)
        else:
            self._is_urgent = True
            self._schedule()
        return future

    async def close(self) -> None:
        """Finish what was asked for, stop the thread and close the connection."""
        while self._is_out or self._pending or self._singles:
            if self._broken is not None:
                break
            self._hurry()
            self._idle = self._loop.create_future()
            await self._idle
        self._orders.put(False)
        await self._closed
        self._thread.join()

    def _wait_until(self, due: float) -> None:
        """Have what is pending committed then, unless another job brings it forward."""
        if self._patience is not None:
            if self._patience_ends <= due:
                return
            self._patience.cancel()
        self._patience, self._patience_ends = self._loop.call_at(due, self._hurry), due

    def _hurry(self) -> None:
        """Whatever is pending has waited long enough."""
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        if self._pending:
            self._is_urgent = True
            self._schedule()

    def _schedule(self) -> None:
        if not self._is_out and not self._is_scheduled:
            self._is_scheduled = True
            self._loop.call_soon(self._start)

    def _start(self) -> None:
        """Stage a batch and send its commit out."""
        self._is_scheduled = False
        if self._singles:
            self._batch = (self._singles.popleft(),)
        else:
            self._batch, self._pending = self._pending, []
            self._is_urgent = False
            if self._patience is not None:
                self._patience.cancel()
                self._patience = None
        self._changes = Changes()
        try:
            for request in self._batch:
                request.stage(self._ledger, self._changes)
            is_read = self._changes.is_empty()
            if not is_read:
                self._changes.write(self._ledger.connection)
        except Exception as error:  # noqa: BLE001 - whoever waits must hear of it
            self._fail(error)
            return
        if is_read:
            self._succeed()
            return
        if self._may_wait and not self._elsewhere:
            self._commit_here()
            return
        self._elsewhere = max(0, self._elsewhere - 1)
        self._is_out = True
        self._baton.acquire()
        self._yielding = self._loop.call_later(FIRST_YIELD, self._yield, FIRST_YIELD)
        self._orders.put(True)

    def _commit_here(self) -> None:
        """Wait for the disk on the loop, and see whether it is quick enough for that."""
        began, error = time.monotonic(), None
        try:
            self._commit()
        except BaseException as caught:  # noqa: BLE001 - it is passed on
            error = caught
        if time.monotonic() - began > SLOW:
            self._elsewhere = ELSEWHERE
        self._committed(error)

    def _write(self) -> None:
        """The writer thread."""
        while self._orders.get():
            error: BaseException | None = None
            try:
                self._commit()
            except BaseException as caught:  # noqa: BLE001 - it is passed on
                error = caught
            self._post(self._committed, error)
            self._baton.release()
        with contextlib.suppress(BaseException):  # all is in the log, where the next start finds it
            self._close()
        self._post(self._stopped, None)

    def _post(
        self,
        callback: Callable[[BaseException | None], None],
        error: BaseException | None,
    ) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(callback, error)

    def _yield(self, pause: float) -> None:
        """Let the writer have the interpreter, should it be waiting for that."""
        if self._baton.acquire(timeout=YIELD):
            self._baton.release()
            return
        pause = min(2 * pause, LAST_YIELD)
        self._yielding = self._loop.call_later(pause, self._yield, pause)

    def _committed(self, error: BaseException | None) -> None:
        self._is_out = False
        if self._yielding is not None:
            self._yielding.cancel()
            self._yielding = None
        if error is None:
            self._is_unsure = False  # what failed before has been overwritten
            self._succeed()
        else:
            self._is_unsure = self._is_unsure or not _is_full(error)
            self.has_failed = True
            self._fail(error)

    def _succeed(self) -> None:
        batch, self._batch = self._batch, ()
        try:
            for request in sorted(batch, key=TURN):
                request.resolve(self._ledger, self._changes)
        except Exception as error:  # noqa: BLE001 - whoever waits must hear of it
            self._break(error, batch)
        self._go_on()

    def _fail(self, error: BaseException) -> None:
        batch, self._batch = self._batch, ()
        self._roll_back()
        if not isinstance(error, LOST) or is_damage(error):
            self._break(error, batch)
        elif len(batch) > 1 or (_is_full(error) and not batch[0].adds and self._relieve()):
            self._singles.extend(batch)
        else:
            for request in batch:
                request.fail(error, unsure=self._is_unsure)
        self._go_on()

    def _roll_back(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            if self._ledger.connection.in_transaction:
                self._ledger.connection.rollback()

    def _break(self, error: BaseException, batch: Sequence[_Waiting]) -> None:
        """A bug or a broken database: nothing this shard says can be trusted from here on."""
        if self._broken is None and self._tell is not None:
            self._loop.call_soon(self._tell, error)
        self._broken = error
        for request in (*batch, *self._singles, *self._pending):
            request.fail(error)
        self._singles.clear()
        self._pending.clear()

    def _go_on(self) -> None:
        if self._is_urgent or self._singles:
            self._schedule()
        elif not self._pending and self._idle is not None and not self._idle.done():
            self._idle.set_result(None)

    def _stopped(self, _: BaseException | None) -> None:
        if not self._closed.done():
            self._closed.set_result(None)


def unattended(future: asyncio.Future[None]) -> None:
    """Nobody waits: a failure shows at the next commit, which meets the same storage."""
    if not future.cancelled():
        future.exception()


def _is_full(error: BaseException) -> bool:
    """Whether the disk had no room: then the end of the commit was never written."""
    full = sqlite3.SQLITE_FULL
    return isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", None) == full
