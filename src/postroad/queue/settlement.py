"""Writes results to the spool, many at a time and one write at a time.

It knows results, not deliveries. Whatever collects while one write runs shares the next, so the
faster mail flows the fewer syncs each message costs. Results are not dropped when a write
fails: they are written again after a pause, because a recipient that is never settled would stay
claimed, and be delivered twice after a restart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from postroad.model.journal import Journal, Level, Notice, Removed
from postroad.queue.alarm import Alarm
from postroad.spool import Done, Retry, SpoolError

__all__ = ["Settlement", "Settling"]

_FIRST_PAUSE = 1.0  # seconds after a failed write
_LONGEST_PAUSE = 30.0
_NEVER = float("inf")


class Settling(Protocol):
    """The part of the spool that takes results."""

    async def settle(self, results: Sequence[Done | Retry]) -> list[str]:
        """Write results durably; returns the queue ids of which nothing is left."""
        ...


class Settlement:
    """Collects results and writes them."""

    def __init__(
        self, spool: Settling, journal: Journal, settled: Callable[[int, float], None]
    ) -> None:
        """Take what it needs.

        Args:
            spool: where results go.
            journal: where events go.
            settled: told after each write: how many results it held, and the earliest time at
                which one of them is to be tried again (infinity: none).
        """
        self._spool = spool
        self._journal = journal
        self._settled = settled
        self._alarm = Alarm()
        self._results: list[Done | Retry] = []
        self._pause = 0.0
        self._closed = False

    def put(self, result: Done | Retry) -> None:
        """Have a result written soon."""
        self._results.append(result)
        if not self._pause:
            self._alarm.ring()

    def hurry(self) -> None:
        """Write now, even if the last write failed a moment ago."""
        self._alarm.ring()

    def close(self) -> None:
        """Write what is there, once, and end `run`."""
        self._closed = True
        self._alarm.ring()

    async def run(self) -> None:
        """Write until closed."""
        while not self._closed:
            await self._alarm.sleep(self._pause or _NEVER)
            await self._write()

    async def _write(self) -> None:
        while self._results:
            results, self._results = self._results, []
            try:
                removed = await self._spool.settle(results)
            except SpoolError as error:
                self._results[:0] = results
                self._pause = min(max(self._pause * 2, _FIRST_PAUSE), _LONGEST_PAUSE)
                words = f"{len(results)} results could not be written to the spool: {error}"
                self._journal(Notice("qmgr", words, Level.ERROR))
                return
            self._pause = 0.0
            for queue_id in removed:
                self._journal(Removed("qmgr", queue_id))
            due = min((each.at for each in results if isinstance(each, Retry)), default=_NEVER)
            self._settled(len(results), due)
