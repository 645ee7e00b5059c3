"""Writes to the spool what became of recipients, many at a time and one write at a time.

It knows results and recipients given back, not deliveries. Whatever collects while one write runs
shares the next, so the faster mail flows the fewer syncs each message costs. Nothing is dropped
when a write fails: it is written again after a pause, because a recipient that is never settled
would stay claimed, and be delivered twice after a restart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from postroad.model.journal import Journal, Level, Notice
from postroad.model.message_events import Removed
from postroad.queue.alarm import Alarm
from postroad.spool import Done, Retry, SpoolError

__all__ = ["Settlement", "Settling"]

_FIRST_PAUSE = 1.0  # seconds after a failed write
_LONGEST_PAUSE = 30.0
_NEVER = float("inf")


class Settling(Protocol):
    """The part of the spool that takes recipients back."""

    async def settle(self, results: Sequence[Done | Retry]) -> list[str]:
        """Write results durably; returns the queue ids of which nothing is left."""
        ...

    async def release(self, recipient_ids: Sequence[int]) -> None:
        """Take recipients back untried, so that a later claim finds them."""
        ...


class Settlement:
    """Collects what is to be written, and writes it."""

    def __init__(
        self, spool: Settling, journal: Journal, settled: Callable[[int, float], None]
    ) -> None:
        """Take what it needs.

        Args:
            spool: where results go.
            journal: where events go.
            settled: told after each write: how many results it held, and the earliest time at
                which the spool has mail because of it (infinity: no mail).
        """
        self._spool = spool
        self._journal = journal
        self._settled = settled
        self._alarm = Alarm()
        self._results: list[Done | Retry] = []
        self._returned: list[int] = []
        self._pause = 0.0
        self._closed = False

    def put(self, result: Done | Retry) -> None:
        """Have a result written soon."""
        self._results.append(result)
        self._ring()

    def give_back(self, recipient_ids: Sequence[int]) -> None:
        """Have claimed recipients released soon: there is no room for them."""
        self._returned += recipient_ids
        self._ring()

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

    def _ring(self) -> None:
        if not self._pause:
            self._alarm.ring()

    async def _write(self) -> None:
        """Write until nothing is left, or a write fails."""
        while self._results or self._returned:
            results, self._results = self._results, []
            returned, self._returned = self._returned, []
            try:
                if results:
                    await self._settle(results)
                    results = []
                if returned:
                    await self._spool.release(returned)
                    self._settled(0, 0.0)
            except SpoolError as error:
                self._results[:0] = results
                self._returned[:0] = returned
                self._pause = min(max(self._pause * 2, _FIRST_PAUSE), _LONGEST_PAUSE)
                words = f"results could not be written to the spool: {error}"
                self._journal(Notice("qmgr", words, Level.ERROR))
                return
            self._pause = 0.0

    async def _settle(self, results: Sequence[Done | Retry]) -> None:
        for queue_id in await self._spool.settle(results):
            self._journal(Removed("qmgr", queue_id))
        due = min((each.at for each in results if isinstance(each, Retry)), default=_NEVER)
        self._settled(len(results), due)
