"""Whether a mailbox of ours has room for one more message: the question at RCPT.

A sender that hears `452 4.2.2` keeps the message and can tell whoever wrote it; a message that is
taken first has to be returned later, to an address that may be forged. So mail from outside is
asked about before it is taken. An address of several mailboxes is refused when all of them are
full; what goes to other servers besides is not asked about.

What was taken within the last seconds counts, as it may not lie there yet; and what the same
transaction was let in with, by the size that its client announced, as many addresses may be one
mailbox. What other clients only announce counts for nothing: or whoever announces much, and sends
nothing, would keep everybody's mail away. So messages that come at the same moment are each let in
by what was there before them, and delivery asks again.

Nothing is refused here because something cannot be found out: delivery will know. But a mailbox
that gives no answer within a time (its disk is a network's, say) is one whose mail would wait here:
`451`, and the sender keeps it. The question goes on meanwhile, and nobody asks it twice, so that
one such mailbox occupies one thread, and no session for longer than that time. What was found
out is kept for a few seconds, in bounded memories, so that a flood of mail for one account does not
become a flood of reads: of an address, whose mailboxes it means; of a mailbox, what lies there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from postroad.delivery.reached import Resolving, reached
from postroad.directory import DirectoryUnavailable, Place, Places
from postroad.mailbox import MaildirLocation, UnsafeName, Whereabouts
from postroad.mailbox.owners import Owner
from postroad.mailbox.quota import NO_USAGE, Quota, Usage
from postroad.mailbox.settings import MailboxSettings
from postroad.model import Address, Reply

__all__ = ["Claims", "MailboxRoom"]

KEPT = 10.0  # seconds: what an operator or a user changes shows soon
MOST_KEPT = 10_000  # addresses, and as many mailboxes; some 5 MB
PATIENCE = 20.0  # seconds for an answer: enough to count a large mailbox anew
MOST_ASKED = 64  # mailboxes asked about at a time; beyond, mail is let in unasked

_PLACE = Place()
_Kept = TypeVar("_Kept")


class Measuring(Protocol):
    """Who knows what lies in a mailbox; `MaildirWriter` does."""

    async def usage(self, where: Whereabouts, quota: Quota, owner: Owner | None = None) -> Usage:
        """What lies there; may raise `OSError` or `UnsafeName`."""
        ...


@dataclass(frozen=True, slots=True)
class _Found:
    """What was found out of a mailbox, until when; without a quota there is always room."""

    until: float
    quota: Quota | None = None
    usage: Usage | None = None
    is_silent: bool = False


@dataclass(frozen=True, slots=True)
class _Meant:
    """The mailboxes of ours that an address means, until when; none: nobody need be asked."""

    until: float
    users: tuple[str, ...] = ()


class Claims:
    """What one transaction has been let into mailboxes with, so far.

    It counts for itself only, until its content is taken; one that ends otherwise leaves nothing.
    """

    __slots__ = ("_asked", "_counted", "_room")

    def __init__(self, room: MailboxRoom) -> None:
        self._room = room
        self._asked: tuple[str, ...] = ()
        self._counted: dict[str, Usage] = {}

    async def refusal(self, address: Address, size: int) -> Reply | None:
        """The refusal of one more recipient, if the mailbox is full.

        Args:
            address: of the recipient; one that policy has permitted.
            size: of the message as SIZE says, octets; 0: it does not.
        """
        self._asked = await self._room.meant(address)
        return await self._room.refusal(address, self._asked, size, self._counted)

    def count(self, size: int) -> None:
        """The recipient asked about last is one of the message's now."""
        for user in self._asked:
            self._counted[user] = _sum(self._counted.get(user, NO_USAGE), Usage(size, 1))
        self._asked = ()

    def taken(self, size: int) -> None:
        """The message is ours, with all its recipients; from now on it counts for everybody.

        Args:
            size: of its content, octets.
        """
        for user, claimed in self._counted.items():
            copies = claimed.messages
            self._room.add(user, Usage(copies * size, copies))


class MailboxRoom:
    """Says of an address whether its mailbox is full.

    Args:
        accounts: who has an address.
        places: what the directory says of an account's place and quota.
        location: where its mail lies.
        measuring: knows what lies there.
        settings: `[mailbox]`.
        is_kept_here: whether mail for an address is written into a Maildir of ours.
        clock: seconds, never going back.
        patience: seconds until a mailbox is taken for one that gives no answer.
        owner_of: as whom an account's mail is looked at; `None`: as the server.
    """

    def __init__(
        self,
        accounts: Resolving,
        places: Places | None,
        location: MaildirLocation,
        measuring: Measuring,
        *,
        settings: MailboxSettings,
        is_kept_here: Callable[[Address], Awaitable[bool]],
        clock: Callable[[], float],
        patience: float = PATIENCE,
        owner_of: Callable[[str, Place], Owner | None] = lambda _, __: None,
    ) -> None:
        self._accounts = accounts
        self._places = places
        self._location = location
        self._measuring = measuring
        self._settings = settings
        self._is_kept_here = is_kept_here
        self._clock = clock
        self._patience = patience
        self._owner_of = owner_of
        self._asked: dict[str, asyncio.Task[Usage | None]] = {}
        self._meant: dict[str, _Meant] = {}
        self._found: dict[str, _Found] = {}

    def claims(self) -> Claims:
        """For one transaction."""
        return Claims(self)

    async def meant(self, address: Address) -> tuple[str, ...]:
        """The accounts whose mailboxes here are to be asked about for an address."""
        known = self._meant.get(address.key)
        if known is None or known.until <= self._clock():
            known = _Meant(self._clock() + KEPT, await self._kept_here(address))
            _keep(self._meant, address.key, known)
        return known.users

    async def refusal(
        self, address: Address, users: tuple[str, ...], size: int, claimed: Mapping[str, Usage]
    ) -> Reply | None:
        """The refusal of a recipient: none of the mailboxes has room.

        Args:
            address: as the client named it.
            users: whose mailboxes it means.
            size: as SIZE says, octets; 0: it does not.
            claimed: what comes to them with the same message.
        """
        for user in users:
            found = await self._find_out(user)
            if found.is_silent and len(users) == 1:
                words = f"<{address}>: Recipient address rejected: mailbox is unavailable"
                return Reply.of(451, "4.3.0", words)
            if found.quota is None or found.usage is None:
                return None
            if found.quota.has_room(_sum(found.usage, claimed.get(user, NO_USAGE)), size):
                return None
        if not users:
            return None
        words = f"<{address}>: Recipient address rejected: mailbox is full"
        return Reply.of(452, "4.2.2", words)

    def add(self, user: str, coming: Usage) -> None:
        """So much mail that was taken is on its way to a mailbox."""
        found = self._found.get(user)
        if found is not None and found.usage is not None:
            self._found[user] = replace(found, usage=_sum(found.usage, coming))

    async def _kept_here(self, address: Address) -> tuple[str, ...]:
        try:
            found = await reached(address, self._accounts)
            kept = [user for user, its in found.items() if await self._is_kept_here(its)]
        except DirectoryUnavailable:
            return ()
        # One that lies elsewhere may have room.
        return tuple(kept) if len(kept) == len(found) else ()

    async def _find_out(self, user: str) -> _Found:
        found = self._found.get(user)
        if found is None or found.until <= self._clock():
            found = await self._find(user)
            _keep(self._found, user, found)
        return found

    async def _find(self, user: str) -> _Found:
        until = self._clock() + KEPT
        try:
            place = _PLACE if self._places is None else await self._places.place(user)
            quota = self._settings.quota_of(place.quota_bytes, place.quota_messages)
            if not quota:
                return _Found(until)
            where = self._location.find(user, place.home, place.mail)
            return _Found(
                until, quota, await self._measure(user, where, quota, self._owner_of(user, place))
            )
        except TimeoutError:
            return _Found(self._clock() + KEPT, is_silent=True)
        except (DirectoryUnavailable, UnsafeName, OSError):
            return _Found(until)

    async def _measure(
        self, user: str, where: Whereabouts, quota: Quota, owner: Owner | None
    ) -> Usage | None:
        """What lies in a mailbox; `None`: that cannot be found out.

        Raises:
            TimeoutError: it gives no answer.
        """
        asked = self._asked.get(user)
        if asked is None:
            if len(self._asked) >= MOST_ASKED:
                return None
            asked = self._asked[user] = asyncio.create_task(self._usage(where, quota, owner))
            asked.add_done_callback(lambda _: self._asked.pop(user))
        async with asyncio.timeout(self._patience):
            return await asyncio.shield(asked)

    async def _usage(self, where: Whereabouts, quota: Quota, owner: Owner | None) -> Usage | None:
        try:
            if owner is None:
                return await self._measuring.usage(where, quota)
            return await self._measuring.usage(where, quota, owner)
        except (UnsafeName, OSError):
            return None


def _sum(first: Usage, second: Usage) -> Usage:
    return Usage(first.octets + second.octets, first.messages + second.messages)


def _keep(kept: dict[str, _Kept], key: str, found: _Kept) -> None:
    kept.pop(key, None)
    if len(kept) >= MOST_KEPT:
        del kept[next(iter(kept))]
    kept[key] = found
