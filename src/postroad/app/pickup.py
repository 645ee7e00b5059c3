"""Picks up what programs of this machine left in the drop.

One of these for a server, in its first worker, so that nobody else takes the same file. It is woken
by a pipe, and looks by itself now and then. It says when which files are taken, in fair shares;
`pickup_porter` brings each to the door, and `pickup_disposal` sees to what becomes of it.

Once a message is in the spool its file is removed before the queue hears of it: `collection` tells
why no crash in between makes two of it, or none.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from postroad.app.pickup_allowance import Allowance, user_of
from postroad.app.pickup_disposal import Disposal
from postroad.app.pickup_drop import RETRY, OpenDrop
from postroad.app.pickup_porter import SERVICE, Doors, Porter
from postroad.app.running import Running
from postroad.maildrop.collection import Collection
from postroad.maildrop.shares import MOST_TAKEN, Shares
from postroad.model import Recipient
from postroad.model.journal import Journal, Level, Notice
from postroad.spool import Choice, Claimed, Inventory, SpoolError, shard_directories

__all__ = ["Pickup", "known"]

TOGETHER = 8
"""Messages that are queued at once: they share syncs of the spool."""

REST = 0.2
"""Seconds between two looks into an empty drop, however often somebody wakes us."""

Known = Callable[[Sequence[str]], frozenset[str]]
"""Which of these queue IDs are in the spool. Blocks."""


class Pickup:
    """Belongs to the event loop of a server's first worker."""

    def __init__(
        self,
        running: Running,
        journal: Journal,
        *,
        doors: Doors,
        queued: Callable[[Claimed], None],
        known: Known,
        has_room: Callable[[int], bool] = lambda _: True,
        wrote_to: Callable[[Sequence[Recipient]], None] = lambda _: None,
        clock: Callable[[], float] = time.time,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nothing is opened yet.

        Args:
            running: what to serve.
            journal: where events go.
            doors: makes the door that messages go in by.
            queued: told of each message that is durable and whose file is gone.
            known: which messages are in the spool.
            has_room: whether the disks take a message of so many octets.
            wrote_to: told of the recipients of what was queued.
            clock: seconds since the epoch.
            elapsed: seconds since some moment, by a clock that nobody sets.
        """
        self._running = running
        self._journal = journal
        self._known = known
        self._clock = clock
        self._woken = asyncio.Event()
        self._drop = OpenDrop(self._woken.set, self._recover, warn=self._warn, error=self._error)
        self._stopping = False
        self._task: asyncio.Task[None] | None = None
        self._allowance = Allowance(clock)
        self._is_held = False  # whether somebody's files wait for the next hour
        self._files = Disposal(elapsed, warn=self._warn, error=self._error)
        self._porter = Porter(
            running,
            self._say,
            doors=doors,
            queued=queued,
            has_room=has_room,
            wrote_to=wrote_to,
            allowance=self._allowance,
            disposal=self._files,
            clock=clock,
        )

    async def start(self) -> None:
        """Undo what a crash left half done, and begin. Before the queue begins."""
        await self._drop.keep(self._running.configuration)
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End what is under way, and take nothing more."""
        self._stopping = True
        self._woken.set()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
        self._files.settle(at_once=True)
        self._drop.close()

    def replace(self, running: Running) -> None:
        """Go by what is running now, from the next look on."""
        self._running = running
        self._porter.replace(running)
        self._drop.renew()  # programs are told anew, too
        self._woken.set()

    async def _recover(self, collection: Collection) -> None:
        """Remove files whose message is in the spool: they are what a crash left of it."""
        try:
            begun = await asyncio.to_thread(collection.begun)
        except FileNotFoundError:  # there was no drop yet
            return
        named = [each.queue_id for each in begun if each.queue_id]
        if not named:
            return
        known = await asyncio.to_thread(self._known, named)
        for each in begun:
            if each.queue_id in known:
                await self._files.remove(collection, each)
                self._say(f"{each.queue_id}: was queued before")

    async def _run(self) -> None:
        while not self._stopping:
            self._woken.clear()
            self._files.settle()
            found = 0
            try:
                await self._drop.keep(self._running.configuration)
                found = await self._round()
            except (OSError, SpoolError) as error:
                self._files.complain(f"mail of local programs cannot be picked up: {error}")
            except Exception as error:  # noqa: BLE001 - a bug in one round ends no other
                self._error(f"a round failed: {type(error).__name__}: {error}")
            if not found and not self._stopping:
                await asyncio.sleep(REST)
                await self._wait()

    async def _wait(self) -> None:
        limit = self._running.configuration.sendmail.interval
        pauses = self._files.pauses
        if not self._drop.is_whole:
            pauses.append(RETRY)
        if self._is_held:
            pauses.append(self._allowance.pause)
        if pauses:
            first = min(pauses)
            limit = max(1.0, min(first, limit or first))
        try:
            async with asyncio.timeout(limit or None):
                await self._woken.wait()
        except TimeoutError:
            return

    async def _round(self) -> int:
        """Take what is there; how many messages were dealt with."""
        collection = self._drop.collection
        if collection is None:
            return 0
        waits = self._files.waits
        begun = await asyncio.to_thread(collection.begun)
        found = [each for each in begun if waits.is_due(each.name)]
        strange: list[str] = []
        if not waits or len(begun) < len(waits) + TOGETHER:
            shares = Shares(self._allowed)
            found += await asyncio.to_thread(collection.take, self._clock(), strange, shares)
            self._tell_of_held(shares.held)
            for words in strange:
                self._files.complain(words)
        for at in range(0, len(found), TOGETHER):
            if self._stopping:
                break
            portion = found[at : at + TOGETHER]
            await asyncio.gather(*(self._porter.deal_with(collection, each) for each in portion))
        names = {each.name for each in (*begun, *found)}
        waits.keep(names)
        self._porter.keep(names)
        return len(found) + len(strange)

    def _allowed(self, uid: int) -> int:
        limit = self._running.configuration.sendmail.messages_per_user
        return self._allowance.left(uid, limit)

    def _tell_of_held(self, held: set[int]) -> None:
        """Whose files stay in `new`: once in an hour for each who sent enough in it."""
        self._is_held = bool(held)
        for uid in held:
            if self._allowed(uid) < MOST_TAKEN and self._allowance.is_news(uid):
                self._warn(f"user {user_of(uid).name} has sent enough in this hour; the rest waits")

    def _say(self, words: str) -> None:
        self._journal(Notice(SERVICE, words))

    def _warn(self, words: str) -> None:
        self._journal(Notice(SERVICE, words, Level.WARNING))

    def _error(self, words: str) -> None:
        self._journal(Notice(SERVICE, words, Level.ERROR))


def known(spool: Path, queue_ids: Sequence[str]) -> frozenset[str]:
    """Which of these messages are in the spool; implements `Known`.

    Args:
        spool: its directory.
        queue_ids: any number.

    Raises:
        SpoolError: it cannot be read.
    """
    inventory = Inventory(shard_directories(spool))
    found = inventory.list(Choice(frozenset(queue_ids)))
    return frozenset(each.queue_id for each in found)
