"""Jobs whose result somebody must take: claims, new messages, and files whose rows are gone.

Whoever asks may be cancelled while the transaction is on its way, and the database has done then
what nobody was told. So each of these results can be handed back: what was claimed is released, and
the file of a message that is gone is removed all the same.

It must not know who asks. Jobs that bring nothing to hold go to `GroupCommit` directly.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor
from typing import TypeVar

from postroad.spool.bodies import Bodies
from postroad.spool.changes import Gone
from postroad.spool.claim import Claim
from postroad.spool.group_commit import GroupCommit, unattended
from postroad.spool.jobs import Job, Release, Settle, Store, Take
from postroad.spool.removing import Remove, Removed
from postroad.spool.window import Altered

__all__ = ["Grants"]

T = TypeVar("T")
R = TypeVar("R")

SETTLE_PATIENCE = 0.02  # seconds; a crash within them repeats deliveries, and loses nothing


class Grants:
    """Asks for such jobs. Lives on one loop; each call raises `SpoolError` when storage failed.

    Args:
        commits: runs them.
        bodies: where large contents are.
        executor: whose threads remove their files.
    """

    def __init__(self, commits: GroupCommit, bodies: Bodies, executor: Executor) -> None:
        self._commits = commits
        self._bodies = bodies
        self._executor = executor

    def claim(self, job: Take) -> Awaitable[Claim]:
        """Recipients that are the caller's until settled or released."""
        return self._granted(job, self._release_claim)

    def store(self, job: Store, patience: float) -> Awaitable[range]:
        """A message whose recipients are the caller's; see `GroupCommit.submit` for patience."""
        return self._granted(job, self._release, patience)

    def settle(self, job: Settle) -> Awaitable[list[str]]:
        """The queue identifiers of messages that are gone now, with their files."""
        return self._seen_to(job, self._remove, SETTLE_PATIENCE)

    def remove(self, job: Remove) -> Awaitable[Altered]:
        """How much was removed, with the files of messages that are gone now."""
        return self._seen_to(job, self._remove_all)

    async def _granted(
        self, job: Job[T], hand_back: Callable[[T], object], patience: float = 0.0
    ) -> T:
        """Run a job; what a cancelled caller cannot take is handed back."""
        future = self._commits.submit(job, hand_back, patience=patience)
        try:
            return await future
        except asyncio.CancelledError:
            _pass_on(future, hand_back)
            raise

    async def _seen_to(self, job: Job[T], see_to: Callable[[T], R], patience: float = 0.0) -> R:
        """Run a job; what it brings is seen to, for a cancelled caller as well."""
        future = self._commits.submit(job, see_to, patience=patience)
        try:
            result = await future
        except asyncio.CancelledError:
            _pass_on(future, see_to)
            raise
        return see_to(result)

    def _release(self, ids: Sequence[int]) -> None:
        self._commits.submit(Release(ids)).add_done_callback(unattended)

    def _release_claim(self, claim: Claim) -> None:
        self._release(
            [recipient.id for claimed in claim.messages for recipient in claimed.recipients]
        )

    def _remove_all(self, removed: Removed) -> Altered:
        self._remove(removed.gone)
        return removed.altered

    def _remove(self, gone: Sequence[Gone]) -> list[str]:
        """Delete files whose rows are gone. What fails, or comes too late, recovery does."""
        for message in gone:
            if message.filed:
                self._executor.submit(self._bodies.remove, message.queue_id)
        return [message.queue_id for message in gone]


def _pass_on(future: asyncio.Future[T], take: Callable[[T], object]) -> None:
    """Give away what came while its caller was being cancelled, if anything did."""
    if not future.cancelled() and future.exception() is None:
        take(future.result())
