"""A spool shard: the messages one worker has accepted and not yet delivered.

The face of the package. It joins the database (`schema`, `ledger`), the files (`bodies`), group
commit and what is asked of it (`grants`, `reservation`, the jobs of operators), and drafts. It owns
what outlives a call: the lock that keeps a second process out, the writer thread, and the threads
that sync files. It must not know what delivery is, when a recipient should be tried again, or who
asks.

A directory holds `lock`, `spool.db` (with SQLite's `-wal` and `-shm`) and `bodies/`. Directories
have mode 0700 and files 0600.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from postroad.model import Content
from postroad.model.durable import DISK, Durable, Operation
from postroad.spool.aside import Aside
from postroad.spool.claim import Choice, Claim, Done, Retry
from postroad.spool.content import UNREADABLE, Reader, Recent
from postroad.spool.damage_control import DamageControl
from postroad.spool.draft import Desk, Draft
from postroad.spool.errors import SpoolError
from postroad.spool.grants import Grants
from postroad.spool.group_commit import GroupCommit
from postroad.spool.hastening import Hasten, Hastened
from postroad.spool.holding import Free, Hold, Sifted
from postroad.spool.jobs import Release, Settle, Store, Take
from postroad.spool.ledger import Ledger
from postroad.spool.opening import DATABASE, Opened, commit, findings, identity_of, open_in_thread
from postroad.spool.quarantine import Quarantine
from postroad.spool.queue_id import QueueIds
from postroad.spool.removing import Remove
from postroad.spool.requeueing import Requeue
from postroad.spool.reservation import Reservation
from postroad.spool.returning import Return
from postroad.spool.room import Room
from postroad.spool.settings import SpoolSettings
from postroad.spool.window import Altered, Part, Place, all_windows

__all__ = ["Shard"]

S = TypeVar("S", bound="Part")

FILE_THREADS = 4  # large contents synced, or removed, at once


class Shard:
    """An open shard. Lives on the loop it was opened on.

    Attributes:
        damaged: queue identifiers of messages whose file was missing or cut short at open. They
            stay in the queue, are not claimed, and can be listed and deleted.
    """

    def __init__(
        self,
        directory: Path,
        number: int,
        settings: SpoolSettings,
        clock: Callable[[], float],
        *,
        durable: Durable,
        parts: Opened,
        broken: Callable[[BaseException], None] | None,
        report: Callable[[str], None],
        relieve: Callable[[], bool],
    ) -> None:
        """Private: use `open`."""
        database = directory / DATABASE
        self.damaged = tuple(parts.recovered.damaged)
        self._lock = parts.lock
        self._clock = clock
        self._bodies = parts.bodies
        self._recent = Recent()
        self._reader = Reader(database)
        self._executor = ThreadPoolExecutor(FILE_THREADS, f"spool-{number}-files")
        self._ledger = Ledger(
            parts.connection, parts.bodies, self._recent, self._reader, self._alarm
        )
        ids = QueueIds(number, clock, parts.recovered.mark)
        self._is_closed = False
        identity = identity_of(database)
        self._commits = GroupCommit(
            self._ledger,
            lambda: commit(durable, database, identity, parts.connection),
            lambda: durable.perform(Operation.CHECKPOINT, database, parts.connection.close),
            f"spool-{number}",
            broken,
            may_wait=durable is DISK,  # another gate may keep a step waiting
            relieve=relieve,
        )
        self._reservation = Reservation(ids, self._commits)
        self._grants = Grants(self._commits, parts.bodies, self._executor)
        quarantine = Quarantine(directory, durable)
        self._damage_control = DamageControl(
            self._commits, parts.bodies, quarantine, self._executor, report
        )
        self._desk = Desk(self, parts.bodies, self._executor, settings.inline_limit, clock)

    @classmethod
    async def open(
        cls,
        directory: Path,
        number: int,
        settings: SpoolSettings,
        clock: Callable[[], float],
        durable: Durable | None = None,
        *,
        broken: Callable[[BaseException], None] | None = None,
        report: Callable[[str], None] = lambda _: None,
        relieve: Callable[[], bool] = lambda: False,
    ) -> Shard:
        """Open a shard, creating it where there is none, and put right what a crash left.

        Args:
            directory: the shard's own.
            number: the shard's number, part of its queue identifiers; 0 to 1295, always the same
                for a directory.
            settings: the inline limit.
            clock: seconds since the epoch.
            durable: the gate for every durable step; an open one unless a test brings another.
            broken: called once, on the loop, when a bug or a broken database stopped the shard;
                gets the error. Every call but `close` fails from then on, and only a new start
                helps, which saves what can be saved.
            report: takes one line for the operator about each thing found damaged; on the loop.
            relieve: called on the loop when the disk is full; whether it has made some room.

        Raises:
            ShardBusy: another process has it open.
            SpoolError: it cannot be used.
        """
        gate = durable or DISK
        parts = await open_in_thread(directory, number, gate)
        shard = cls(
            directory,
            number,
            settings,
            clock,
            durable=gate,
            parts=parts,
            broken=broken,
            report=report,
            relieve=relieve,
        )
        for words in findings(parts):
            report(words)
        try:
            await shard._reservation.extend()
        except BaseException:
            await shard.close()
            raise
        return shard

    def begin(self) -> Draft:
        """A new message.

        Raises:
            SpoolError: the shard is closed, or storage has failed for so long that no queue
                identifier is left.
        """
        self.check_open()
        number, queue_id = self._reservation.give()
        return Draft(number, queue_id, self._desk)

    def aside(self, room: Room | None = None) -> Aside:
        """A place for a content that belongs to no message yet; see there."""
        return Aside(self._bodies.directory, self._executor, room)

    async def claim(self, now: float, limit: int) -> Claim:
        """Take due recipients that nobody holds, the longest due first.

        Args:
            now: seconds since the epoch.
            limit: recipients at most, over all messages.

        Raises:
            SpoolError: the database cannot be read.
        """
        self.check_open()
        return await self._grants.claim(Take(now, limit))

    async def settle(self, results: Sequence[Done | Retry]) -> list[str]:
        """Record results of claimed recipients, durably.

        Args:
            results: one for each recipient. Recipients that nobody holds are passed over.

        Returns:
            The queue identifiers of the messages of which nothing is left.

        Raises:
            SpoolError: storage failed; the recipients are still claimed.
        """
        self.check_open()
        if not results:
            return []
        return await self._grants.settle(Settle(results))

    async def release(self, recipient_ids: Sequence[int]) -> None:
        """Hand back claimed recipients without an attempt; they are due when they were.

        What is held stays so: an operator's release is `free`.

        Raises:
            SpoolError: storage failed; the recipients are still claimed.
        """
        self.check_open()
        await self._commits.submit(Release(recipient_ids))

    async def hasten(self, choice: Choice) -> Hastened:
        """Make deferred recipients due now.

        Returns:
            How many were made due, and how many stay as they are: because their sender asked for
            that, and because they are held.

        Raises:
            SpoolError: storage failed; some may have been made due.
        """
        now = self._clock()
        return await self._windows(lambda place: self._commits.submit(Hasten(choice, now, place)))

    async def hold(self, choice: Choice, reason: str) -> Sifted:
        """Keep messages back until they are released; they do not expire meanwhile.

        Deliveries under way go on, and their results count. Nothing more of a message is begun.

        Args:
            choice: which.
            reason: why, for the queue listing; not empty.

        Returns:
            How many are held now, and how many of those that were meant were so before.

        Raises:
            SpoolError: storage failed; some may be held.
            ValueError: there is no reason.
        """
        if not reason:
            raise ValueError("a message is held for a reason")
        now = self._clock()
        return await self._windows(
            lambda place: self._commits.submit(Hold(choice, now, place, reason))
        )

    async def free(self, choice: Choice) -> Sifted:
        """Release held messages. They are as old as if they had never been held.

        Args:
            choice: which of them.

        Returns:
            How many were released, and how many of those that were meant were not held.

        Raises:
            SpoolError: storage failed; some may be released.
        """
        now = self._clock()
        return await self._windows(lambda place: self._commits.submit(Free(choice, now, place)))

    async def requeue(self, choice: Choice) -> Altered:
        """Let recipients begin anew: due now, without past attempts, in a message that is as new.

        Args:
            choice: which.

        Returns:
            How many, and how many of them the queue has: of these the attempt under way goes on.

        Raises:
            SpoolError: storage failed; some may have begun anew.
        """
        now = self._clock()
        return await self._windows(lambda place: self._commits.submit(Requeue(choice, now, place)))

    async def give_up(self, choice: Choice, reason: str) -> Altered:
        """Have the mail for recipients returned to its sender by the queue.

        Args:
            choice: which.
            reason: the reply that speaks for it, as text: `550 5.7.1 …`.

        Returns:
            How many, and how many of them the queue has: these only if their attempt fails.

        Raises:
            SpoolError: storage failed; some may have been given up.
        """
        now = self._clock()
        return await self._windows(
            lambda place: self._commits.submit(Return(choice, now, place, reason))
        )

    async def remove(self, choice: Choice) -> Altered:
        """Remove recipients, even those in a delivery attempt, and messages that have none left.

        An attempt under way may still succeed; its result is passed over.

        Args:
            choice: which.

        Returns:
            How many.

        Raises:
            SpoolError: storage failed; some may have been removed.
        """
        now = self._clock()
        return await self._windows(lambda place: self._grants.remove(Remove(choice, now, place)))

    def withheld(self, recipient_ids: Sequence[int]) -> frozenset[int]:
        """Which of these claimed recipients are not to be begun: an operator was faster.

        Their message was held, or they were removed or given up, since they were claimed. They are
        to be handed back by `release`.
        """
        return frozenset(self._ledger.withheld(recipient_ids))

    async def delete(self, queue_ids: Sequence[str]) -> int:
        """Remove messages with all their recipients; see `remove`.

        Returns:
            How many of the messages were there.

        Raises:
            SpoolError: storage failed; some may have been removed.
        """
        self.check_open()
        count = 0
        for start in range(0, len(queue_ids), Remove.SIZE):
            names = frozenset(queue_ids[start : start + Remove.SIZE])
            count += (await self.remove(Choice(names))).messages
        return count

    async def close(self) -> None:
        """Finish what is under way and give the directory up. May be called twice."""
        if self._is_closed:
            return
        self._is_closed = True
        with contextlib.suppress(SpoolError):
            await self._commits.submit(Release(()))  # whatever was asked for before has ended then
            # What the queue still has is due again. So the next open need not look for it.
            await self._commits.submit(Release(list(self._ledger.claimed)))
            sound = not self._commits.has_failed
            await self._reservation.end(is_sound=sound)
        await self._commits.close()
        await asyncio.get_running_loop().run_in_executor(None, self._executor.shutdown)
        self._reader.close()
        os.close(self._lock)

    async def store(self, job: Store, patience: float) -> range:
        """For drafts: commit a message."""
        self.check_open()
        return await self._grants.store(job, patience)

    def keep(self, job: Store) -> Content:
        """For drafts: the content of a message that was just committed."""
        if job.octets is not None:
            self._recent.put(job.number, job.octets)
        return self._ledger.content(
            job.number, job.queue_id, job.size, job.checksum, filed=job.octets is None
        )

    async def _windows(self, ask: Callable[[Place], Awaitable[S]]) -> S:
        """All windows of a change, one after the other."""
        self.check_open()
        return await all_windows(ask)

    def _alarm(self, number: int, wrong: str) -> None:
        """A content is damaged. Called from any thread."""
        if wrong == UNREADABLE:  # so may be other pages: the next start is to look
            self._commits.has_failed = True
        self._damage_control.alarm(number, wrong)

    def check_open(self) -> None:
        """Raise `SpoolError` when the shard is closed."""
        if self._is_closed:
            raise SpoolError("spool: closed")
