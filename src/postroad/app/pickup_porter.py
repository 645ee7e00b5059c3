"""One file of the drop brought to the door: its message is queued, returned, or waits.

What the door refuses for now is tried again, later each time, for as long as the queue would try;
what it refuses for good, or for that long, goes back to its sender; what is no message, or may not
be sent, is put aside. A file is removed before the queue hears of its message.

It knows one file at a time, and not when to look for them: that is `pickup`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence, Set

from postroad.app.parcel import bring, returned_letter
from postroad.app.pickup_allowance import HOUR, Allowance, user_of
from postroad.app.pickup_disposal import Disposal
from postroad.app.running import Running
from postroad.config.sendmail import origin_of
from postroad.intake import Door, Source
from postroad.intake.door import Refusal
from postroad.maildrop.collection import Broken, Collection, Found, Parcel
from postroad.maildrop.submission import Denied, Submission, User, submission
from postroad.model import Login, Recipient, Reply
from postroad.model.client import BY_THE_SYSTEM
from postroad.model.fault import place_of
from postroad.model.letter import Origin
from postroad.spool import Claimed, SpoolError

__all__ = ["SERVICE", "Doors", "Porter"]

SERVICE = "pickup"
"""How the log names it, as Postfix's does."""

UNREADABLE = Reply.of(550, "5.1.3", "Bad recipient address syntax")

Doors = Callable[[Callable[[Claimed], None]], Door]
"""Makes a door, given who is told of each message that came in by it."""


class Porter:
    """Belongs to an event loop."""

    def __init__(
        self,
        running: Running,
        say: Callable[[str], None],
        *,
        doors: Doors,
        queued: Callable[[Claimed], None],
        has_room: Callable[[int], bool],
        wrote_to: Callable[[Sequence[Recipient]], None],
        allowance: Allowance,
        disposal: Disposal,
        clock: Callable[[], float],
    ) -> None:
        """Nothing is under way yet.

        Args:
            running: what to serve.
            say: takes a line for the log.
            doors: makes the door that messages go in by.
            queued: told of each message that is durable and whose file is gone.
            has_room: whether the disks take a message of so many octets.
            wrote_to: told of the recipients of what was queued.
            allowance: how much users may send.
            disposal: sees to the files.
            clock: seconds since the epoch.
        """
        self._running = running
        self._say = say
        self._queued = queued
        self._has_room = has_room
        self._wrote_to = wrote_to
        self._allowance = allowance
        self._files = disposal
        self._clock = clock
        self._committed: dict[str, Claimed] = {}
        self._door = doors(self._commits)
        self._returns = doors(queued)  # notices to senders are mail as any other
        self._told: set[str] = set()  # files whose unreadable recipients were returned

    def replace(self, running: Running) -> None:
        """Go by what is running now."""
        self._running = running

    def keep(self, names: Set[str]) -> None:
        """Forget all files but these."""
        self._told &= names

    async def deal_with(self, collection: Collection, found: Found) -> None:
        """One file. Whatever is wrong with it holds up no other."""
        try:
            if self._files.is_leftover(found):
                await self._files.remove(collection, found)
                return
            limit = self._running.configuration.limits.message_size
            parcel = await asyncio.to_thread(collection.open, found, limit)
            try:
                await self._bring(collection, found, parcel)
            finally:
                parcel.close()
        except Broken as error:
            await self._files.put_aside(collection, found, str(error))
        except FileNotFoundError:
            return
        except (OSError, SpoolError) as error:
            self._files.later(found, str(error))
        except Exception as error:  # noqa: BLE001 - a bug that one meets holds up no other
            self._files.later(found, f"it met a bug: {place_of(error)}")

    async def _bring(self, collection: Collection, found: Found, parcel: Parcel) -> None:
        configuration = self._running.configuration
        user, origin = user_of(parcel.uid), origin_of(configuration)
        made = submission(parcel.slip, user, configuration.sendmail, origin)
        if isinstance(made, Denied):
            await self._files.put_aside(collection, found, made.why)
        elif not made.recipients and not made.unreadable:
            await self._files.put_aside(collection, found, "no recipient")
        elif self._allowance.is_used_up(user.uid, configuration.sendmail.messages_per_user):
            words = f"user {user.name} has sent enough in this hour"
            self._files.later(found, words, pause=HOUR / 12)
        elif not self._has_room(parcel.size):
            self._files.later(found, "the disks have no room")
        else:
            await self._submit(collection, found, parcel, user, made)

    async def _submit(
        self, collection: Collection, found: Found, parcel: Parcel, user: User, made: Submission
    ) -> None:
        if made.unreadable and found.name not in self._told:
            await self._return(found, parcel, made, made.unreadable, UNREADABLE)
            self._told.add(found.name)
        if not made.recipients:
            await self._files.remove(collection, found)
            return
        taken_before = self._running.configuration.sendmail.taken_before
        is_passed_on = parcel.slip.is_gateway or user.name in taken_before
        source = Source(
            SERVICE,
            login=Login(f"uid={user.uid}", BY_THE_SYSTEM),
            submission=not is_passed_on,
            userid=user.uid,
            origin=Origin.NEIGHBOUR if is_passed_on else Origin.OURS,
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
            await self._files.remove(collection, named)
            self._queued(claimed)
            self._allowance.count(parcel.uid)
            self._wrote_to(made.recipients)
        elif reply.is_positive:
            await self._files.remove(collection, named)
        elif reply.is_permanent or self._is_over(parcel):
            refused = [str(each.address) for each in made.recipients]
            await self._return(named, parcel, made, refused, reply)
            await self._files.remove(collection, named)
        else:
            self._files.later(named, str(reply))

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

    def _commits(self, claimed: Claimed) -> None:
        """The door's word that a message is durable: its delivery waits for its file to go."""
        self._committed[claimed.message.queue_id] = claimed
