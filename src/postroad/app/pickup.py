"""Picks up what programs of this machine left in the drop, and brings it to the door.

One of these for a server, in its first worker, so that nobody else takes the same file. It is woken
by a pipe, and looks by itself now and then. What the door refuses for now stays with us and is
tried again, later each time, for as long as the queue would try; what it refuses for good, or for
that long, goes back to its sender; what is no message, or may not be sent, is set aside and said.

Once a message is in the spool its file is removed before the queue hears of it: `collection` tells
why no crash in between makes two of it, or none.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from postroad.app.parcel import bring, returned_letter
from postroad.app.pickup_allowance import HOUR, Allowance, user_of
from postroad.app.pickup_drop import RETRY, OpenDrop
from postroad.app.pickup_waits import FIRST_PAUSE, Waits
from postroad.app.running import Running
from postroad.app.sparing import Sparing
from postroad.config.sendmail import origin_of
from postroad.intake import Door, Source
from postroad.intake.door import Refusal
from postroad.maildrop.collection import Broken, Collection, Found, Parcel
from postroad.maildrop.shares import MOST_TAKEN, Shares
from postroad.maildrop.submission import Denied, Submission, User, submission
from postroad.model import Login, Recipient, Reply
from postroad.model.fault import place_of
from postroad.model.journal import Journal, Level, Notice
from postroad.model.letter import Origin
from postroad.spool import Choice, Claimed, Inventory, SpoolError, shard_directories

__all__ = ["Pickup", "known"]

SERVICE = "pickup"
"""How the log names it, as Postfix's does."""

TOGETHER = 8
"""Messages that are queued at once: they share syncs of the spool."""

REST = 0.2
"""Seconds between two looks into an empty drop, however often somebody wakes us."""

UNREADABLE = Reply.of(550, "5.1.3", "Bad recipient address syntax")

Doors = Callable[[Callable[[Claimed], None]], Door]
"""Makes a door, given who is told of each message that came in by it."""

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
        self._queued = queued
        self._known = known
        self._has_room = has_room
        self._wrote_to = wrote_to
        self._clock = clock
        self._committed: dict[str, Claimed] = {}
        self._door = doors(self._commits)
        self._returns = doors(queued)  # notices to senders are mail as any other
        self._aside = Sparing(self._error, elapsed)
        self._waiting = Sparing(self._warn, elapsed, "files that wait")
        self._woken = asyncio.Event()
        self._drop = OpenDrop(self._woken.set, self._recover, warn=self._warn, error=self._error)
        self._stopping = False
        self._task: asyncio.Task[None] | None = None
        self._waits = Waits(elapsed)
        self._leftover: set[str] = set()  # files whose message is queued
        self._told: set[str] = set()  # files whose unreadable recipients were returned
        self._allowance = Allowance(clock)
        self._is_held = False  # whether somebody's files wait for the next hour

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
        self._aside.settle(at_once=True)
        self._waiting.settle(at_once=True)
        self._drop.close()

    def replace(self, running: Running) -> None:
        """Go by what is running now, from the next look on."""
        self._running = running
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
                await self._remove(collection, each)
                self._say(f"{each.queue_id}: was queued before")

    # The loop --------------------------------------------------------------------------------

    async def _run(self) -> None:
        while not self._stopping:
            self._woken.clear()
            self._aside.settle()
            self._waiting.settle()
            found = 0
            try:
                await self._drop.keep(self._running.configuration)
                found = await self._round()
            except (OSError, SpoolError) as error:
                self._aside.say(f"mail of local programs cannot be picked up: {error}")
            except Exception as error:  # noqa: BLE001 - a bug in one round ends no other
                self._error(f"a round failed: {type(error).__name__}: {error}")
            if not found and not self._stopping:
                await asyncio.sleep(REST)
                await self._wait()

    async def _wait(self) -> None:
        limit = self._running.configuration.sendmail.interval
        times = (self._waits.first(), self._aside.pause, self._waiting.pause)
        pauses = [each for each in times if each is not None]
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
        begun = await asyncio.to_thread(collection.begun)
        found = [each for each in begun if self._waits.is_due(each.name)]
        strange: list[str] = []
        if not self._waits or len(begun) < len(self._waits) + TOGETHER:
            shares = Shares(self._allowed)
            found += await asyncio.to_thread(collection.take, self._clock(), strange, shares)
            self._tell_of_held(shares.held)
            for words in strange:
                self._aside.say(words)
        for at in range(0, len(found), TOGETHER):
            if self._stopping:
                break
            portion = found[at : at + TOGETHER]
            await asyncio.gather(*(self._deal_with(collection, each) for each in portion))
        names = {each.name for each in (*begun, *found)}
        self._waits.keep(names)
        self._told &= names
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

    async def _deal_with(self, collection: Collection, found: Found) -> None:
        """One file. Whatever is wrong with it holds up no other."""
        try:
            if found.name in self._leftover:
                await self._remove(collection, found)
                return
            limit = self._running.configuration.limits.message_size
            parcel = await asyncio.to_thread(collection.open, found, limit)
            try:
                await self._bring(collection, found, parcel)
            finally:
                parcel.close()
        except Broken as error:
            await self._put_aside(collection, found, str(error))
        except FileNotFoundError:
            return
        except (OSError, SpoolError) as error:
            self._later(found, str(error))
        except Exception as error:  # noqa: BLE001 - a bug that one meets holds up no other
            self._later(found, f"it met a bug: {place_of(error)}")

    # One message -----------------------------------------------------------------------------

    async def _bring(self, collection: Collection, found: Found, parcel: Parcel) -> None:
        configuration = self._running.configuration
        user, origin = user_of(parcel.uid), origin_of(configuration)
        made = submission(parcel.slip, user, configuration.sendmail, origin)
        if isinstance(made, Denied):
            await self._put_aside(collection, found, made.why)
        elif not made.recipients and not made.unreadable:
            await self._put_aside(collection, found, "no recipient")
        elif self._allowance.is_used_up(user.uid, configuration.sendmail.messages_per_user):
            self._later(found, f"user {user.name} has sent enough in this hour", pause=HOUR / 12)
        elif not self._has_room(parcel.size):
            self._later(found, "the disks have no room")
        else:
            await self._submit(collection, found, parcel, user, made)

    async def _submit(
        self, collection: Collection, found: Found, parcel: Parcel, user: User, made: Submission
    ) -> None:
        if made.unreadable and found.name not in self._told:
            await self._return(found, parcel, made, made.unreadable, UNREADABLE)
            self._told.add(found.name)
        if not made.recipients:
            await self._remove(collection, found)
            return
        returned = user.name in self._running.configuration.sendmail.taken_before
        source = Source(
            SERVICE,
            login=Login(f"uid={user.uid}", "local"),
            submission=not (parcel.slip.is_gateway or returned),
            userid=user.uid,
            origin=Origin.NEIGHBOUR if returned else Origin.OURS,
        )
        entry = self._door.open(source, made.envelope, made.recipients, parcel.left)
        try:
            named = await asyncio.to_thread(collection.name, found, entry.queue_id)
            sender = made.envelope.sender_text
            self._say(f"{entry.queue_id}: uid={user.uid} from=<{sender}>")
            if made.plain:
                words = "get the sender's return path; one of their own would be too long"
                self._say(f"{entry.queue_id}: {made.plain} recipients {words}")
            configuration = self._running.configuration
            await bring(parcel, entry, made, configuration)
            reply = await entry.commit()
        finally:
            entry.discard()
        await self._answered(collection, named, parcel, made, reply)

    async def _answered(
        self,
        collection: Collection,
        named: Found,
        parcel: Parcel,
        made: Submission,
        reply: Reply,
    ) -> None:
        claimed = self._committed.pop(named.queue_id, None)
        if claimed is not None:
            await self._remove(collection, named)
            self._queued(claimed)
            self._allowance.count(parcel.uid)
            self._wrote_to(made.recipients)
        elif reply.is_positive:
            await self._remove(collection, named)
        elif reply.is_permanent or self._is_over(parcel):
            refused = [str(each.address) for each in made.recipients]
            await self._return(named, parcel, made, refused, reply)
            await self._remove(collection, named)
        else:
            self._later(named, str(reply))

    def _is_over(self, parcel: Parcel) -> bool:
        """Whether it was tried for as long as the queue would have tried."""
        lifetime = self._running.configuration.queue.lifetime
        return bool(lifetime) and self._clock() >= parcel.left + lifetime

    async def _return(
        self,
        found: Found,
        parcel: Parcel,
        made: Submission,
        recipients: Sequence[str],
        reply: Reply,
    ) -> None:
        """Tell the sender of recipients that get nothing.

        Raises:
            Broken: there is nobody to tell.
            SpoolError: it cannot be told now.
        """
        letter = await asyncio.to_thread(
            returned_letter,
            parcel,
            found,
            made,
            self._running.configuration,
            recipients=recipients,
            reply=reply,
        )
        if letter is None:
            raise Broken(f"refused ({reply}), and there is no sender to tell")
        try:
            told = await self._returns.submit(letter.envelope, [letter.recipient], letter.message)
        except Refusal as refusal:
            if refusal.reply.is_permanent:
                raise Broken(f"refused ({reply}), and so is the notice: {refusal.reply}") from None
            raise SpoolError(f"the notice to the sender is refused: {refusal.reply}") from None
        self._say(f"{found.queue_id or 'NOQUEUE'}: refused ({reply}); notification: {told}")

    # What becomes of files -------------------------------------------------------------------

    async def _remove(self, collection: Collection, found: Found) -> None:
        """Remove a file that is done with. One that stays is not queued again by this process."""
        self._leftover.add(found.name)
        try:
            await asyncio.shield(asyncio.to_thread(collection.remove, found))
        except FileNotFoundError:
            pass
        except OSError as error:
            self._later(found, f"it is queued, and cannot be removed: {error}")
            return
        self._leftover.discard(found.name)
        self._waits.end(found.name)

    async def _put_aside(self, collection: Collection, found: Found, why: str) -> None:
        try:
            path = await asyncio.to_thread(collection.put_aside, found)
        except OSError as error:
            self._later(found, f"{why}; it cannot be put aside: {error}")
            return
        self._waits.end(found.name)
        if path:
            self._aside.say(f"{path!r} was put aside, as it cannot be queued: {why}")
        else:
            words = "was removed, as it cannot be queued and its owner has too many put aside"
            self._aside.say(f"{found.name} {words}: {why}")

    def _later(self, found: Found, why: str, pause: float = FIRST_PAUSE) -> None:
        pause = self._waits.later(found.name, pause)
        self._waiting.say(f"{found.name} waits for {pause:.0f} s: {why}")

    def _commits(self, claimed: Claimed) -> None:
        """The door's word that a message is durable: its delivery waits for its file to go."""
        self._committed[claimed.message.queue_id] = claimed

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
