"""The workers of a runner: coroutines that live as long as it, and sleep where there is no work.

It knows nothing of the work. A worker that finds none parks until somebody rouses it; one that is
roused and finds none parks again. So a delivery costs no task of its own. Where it is known when
there is work again, a bell rings then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine

__all__ = ["Crew"]

_LONGEST_BELL = 60.0  # seconds; a clock that was set must not leave anybody asleep


class Crew:
    """Belongs to one event loop.

    Attributes:
        most: workers at most.
        stopping: whether workers are to begin nothing new.
    """

    __slots__ = (
        "_bell",
        "_bell_at",
        "_clock",
        "_group",
        "_parked",
        "_work",
        "_workers",
        "most",
        "stopping",
    )

    def __init__(
        self, work: Callable[[], Coroutine[None, None, None]], clock: Callable[[], float]
    ) -> None:
        """Without any worker yet.

        Args:
            work: what each of them does until the crew is stopping.
            clock: seconds since the epoch.
        """
        self._work = work
        self._clock = clock
        self._group: asyncio.TaskGroup | None = None
        self._workers: set[asyncio.Task[None]] = set()
        self._parked: list[asyncio.Future[None]] = []
        self._bell: asyncio.TimerHandle | None = None
        self._bell_at = 0.0  # seconds since the epoch
        self.most = 1
        self.stopping = False

    def begin(self, group: asyncio.TaskGroup) -> None:
        """Workers may come from now on, and end with this group."""
        self._group = group

    def rouse(self) -> None:
        """Have one more worker look for work, if one may."""
        while self._parked:
            sleeper = self._parked.pop()
            if not sleeper.done():
                sleeper.set_result(None)
                return
        if self._group is not None and len(self._workers) < self.most and not self.stopping:
            worker = self._group.create_task(self._work())
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)

    def rouse_at(self, at: float) -> None:
        """Have a worker look for work at this time, seconds since the epoch, or before."""
        if self._bell is not None:
            if self._bell_at <= at:
                return
            self._bell.cancel()
        delay = min(max(at - self._clock(), 0.0), _LONGEST_BELL)
        self._bell_at = at
        self._bell = asyncio.get_running_loop().call_later(delay, self._ring)

    def roused(self) -> Awaitable[None]:
        """For a worker without work: what it waits for."""
        sleeper = asyncio.get_running_loop().create_future()
        self._parked.append(sleeper)
        return sleeper

    async def stop(self, timeout: float) -> None:  # noqa: ASYNC109 - cuts off workers, not itself
        """Let workers end what they are at, and cut off those that do not in so many seconds."""
        self.stopping = True
        while self._parked:
            self.rouse()
        if self._workers:
            await asyncio.wait(self._workers, timeout=timeout)
        for worker in self._workers:
            worker.cancel()
        if self._workers:
            await asyncio.wait(self._workers)

    def close(self) -> None:
        """Nobody is roused any more."""
        if self._bell is not None:
            self._bell.cancel()

    def _ring(self) -> None:
        self._bell = None
        self.rouse()
