"""Numbers for messages, reserved ahead: `QueueIds` joined to the commits that store its limit.

A new limit is asked for while there is still room below the old one, so nobody waits for it. One
request is under way at a time. Should storage fail for long, the numbers run out, and then no
message can begin.
"""

from __future__ import annotations

import asyncio

from postroad.spool.errors import SpoolError
from postroad.spool.group_commit import GroupCommit, unattended
from postroad.spool.jobs import Reserve
from postroad.spool.queue_id import QueueIds

__all__ = ["Reservation"]


class Reservation:
    """The numbers of one shard. Lives on one loop.

    Attributes:
        pending: a request that is under way, or `None`.
    """

    def __init__(self, ids: QueueIds, commits: GroupCommit) -> None:
        """Nothing is reserved yet.

        Args:
            ids: gives the numbers, and says when it wants more.
            commits: stores limits.
        """
        self.pending: asyncio.Future[None] | None = None
        self._ids = ids
        self._commits = commits

    def extend(self) -> asyncio.Future[None]:
        """Reserve more; done when they are on stable storage, or with `SpoolError`."""
        limit = self._ids.wanted() or self._ids.last
        self.pending = self._commits.submit(Reserve(self._ids, limit))
        self.pending.add_done_callback(self._extended)
        return self.pending

    def give(self) -> tuple[int, str]:
        """The next number, and the queue identifier that spells it.

        Raises:
            SpoolError: none is left.
        """
        if self.pending is None and self._ids.wanted() is not None:
            self.extend().add_done_callback(unattended)
        number = self._ids.give()
        if number is None:
            raise SpoolError("spool: no queue identifier can be reserved")
        return number, self._ids.spell(number)

    def end(self, *, is_sound: bool) -> asyncio.Future[None]:
        """Store the last number given: the shard gives no more.

        Args:
            is_sound: see `Reserve`.
        """
        job = Reserve(self._ids, self._ids.last, is_final=True, is_sound=is_sound)
        return self._commits.submit(job)

    def _extended(self, _: asyncio.Future[None]) -> None:
        self.pending = None
