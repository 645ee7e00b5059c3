"""What follows when a content is read and found damaged: the message is held, its file put aside.

It is found by whoever reads, in any thread, and each time anew. The operator is told when all is
done, so that nothing is moved any more when a good file is put in its place.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Protocol

from postroad.spool.bodies import Bodies
from postroad.spool.changes import Gone
from postroad.spool.damage import Condemn
from postroad.spool.quarantine import Quarantine

__all__ = ["Commits", "DamageControl"]


class Commits(Protocol):
    """The part of group commit that is needed."""

    def submit(self, job: Condemn, /) -> asyncio.Future[Gone | None]:
        """Ask for a job."""
        ...


class DamageControl:
    """Acts on alarms. Lives on the loop it was made on.

    Args:
        commits: marks messages.
        bodies: where their files are.
        quarantine: where the damaged ones go.
        executor: whose threads move them.
        report: takes a line for the operator, on the loop.
    """

    def __init__(
        self,
        commits: Commits,
        bodies: Bodies,
        quarantine: Quarantine,
        executor: Executor,
        report: Callable[[str], None],
    ) -> None:
        self._commits = commits
        self._bodies = bodies
        self._quarantine = quarantine
        self._executor = executor
        self._report = report
        self._loop = asyncio.get_running_loop()

    def alarm(self, number: int, wrong: str) -> None:
        """Message `number` is damaged. Called from any thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody delivers any more
            self._loop.call_soon_threadsafe(self._condemn, number, wrong)

    def _condemn(self, number: int, wrong: str) -> None:
        def go_on(marked: asyncio.Future[Gone | None]) -> None:
            if marked.cancelled() or marked.exception() is not None:
                return  # it is found again when it is read again
            gone = marked.result()
            if gone is not None:  # else the message is gone, and with it its content
                self._put_aside(gone, wrong)

        self._commits.submit(Condemn(number, wrong)).add_done_callback(go_on)

    def _put_aside(self, gone: Gone, wrong: str) -> None:
        words = f"{gone.queue_id}: damaged: {wrong}; it is on hold, and not delivered"
        if not gone.filed:
            self._report(words)
            return
        try:
            moved = self._loop.run_in_executor(self._executor, self._move, gone.queue_id)
        except RuntimeError:  # the shard is closed: the next start does it
            self._report(words)
        else:
            moved.add_done_callback(lambda _: self._report(words))

    def _move(self, queue_id: str) -> None:
        with contextlib.suppress(OSError):  # the next start tries again
            self._quarantine.take(self._bodies.path(queue_id))
