"""Whether a mailbox of ours has room for one more message: the question at RCPT.

A sender that hears `452 4.2.2` keeps the message and can tell whoever wrote it; a message that is
taken first has to be returned later, to an address that may be forged. So mail from outside is
asked about before it is taken. What is under way counts as far as it was let in here within the
last seconds, by the size that its client announced; delivery asks again.

Nothing is refused here because something cannot be found out: delivery will know. But a mailbox
that gives no answer within a time (its disk is a network's, say) is one whose mail would wait here:
`451`, and the sender keeps it. The question goes on meanwhile, and nobody asks it twice, so that
one such mailbox occupies one thread, and no session for longer than that time. What was found
out is kept for a few seconds, in a bounded memory, so that a flood of mail for one account does not
become a flood of reads.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Protocol

from postroad.directory import Alias, DirectoryUnavailable, Mailbox, Place, Places, Resolution
from postroad.mailbox import MailboxSettings, MaildirLocation, UnsafeName, Whereabouts
from postroad.mailbox.quota import Quota, Usage
from postroad.model import Address, Reply

__all__ = ["MailboxRoom"]

KEPT = 10.0  # seconds: what an operator or a user changes shows soon
MOST_KEPT = 10_000  # addresses; some 3 MB
PATIENCE = 20.0  # seconds for an answer: enough to count a large mailbox anew
MOST_ASKED = 64  # mailboxes asked about at a time; beyond, mail is let in unasked
MAX_ALIASES = 5  # followed from one address to the next: an alias of an alias, and a few more

_PLACE = Place()


class Resolving(Protocol):
    """Who knows which account has an address; a directory does."""

    async def resolve(self, address: Address) -> Resolution:
        """Who has the address; may raise `DirectoryUnavailable`."""
        ...


class Measuring(Protocol):
    """Who knows what lies in a mailbox; `MaildirWriter` does."""

    async def usage(self, where: Whereabouts, quota: Quota) -> Usage:
        """What lies there; may raise `OSError` or `UnsafeName`."""
        ...


@dataclass(frozen=True, slots=True)
class _Found:
    """What was found out of an address, until when; without a quota there is always room."""

    until: float
    quota: Quota | None = None
    usage: Usage | None = None
    is_silent: bool = False


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
    ) -> None:
        self._accounts = accounts
        self._places = places
        self._location = location
        self._measuring = measuring
        self._settings = settings
        self._is_kept_here = is_kept_here
        self._clock = clock
        self._patience = patience
        self._asked: dict[str, asyncio.Task[Usage | None]] = {}
        self._kept: dict[str, _Found] = {}

    async def refusal(self, address: Address, size: int) -> Reply | None:
        """The refusal of a message, if the mailbox is full.

        Args:
            address: of the recipient; one that policy has permitted.
            size: as SIZE says; 0: it does not.
        """
        key = address.key
        found = self._kept.get(key)
        if found is None or found.until <= self._clock():
            found = await self._find(address)
            self._keep(key, found)
        quota, usage = found.quota, found.usage
        if found.is_silent:
            words = f"<{address}>: Recipient address rejected: mailbox is unavailable"
            return Reply.of(451, "4.3.0", words)
        if quota is None or usage is None:
            return None
        if quota.has_room(usage, size):
            coming = Usage(usage.octets + size, usage.messages + 1)
            self._kept[key] = replace(found, usage=coming)
            return None
        words = f"<{address}>: Recipient address rejected: mailbox is full"
        return Reply.of(452, "4.2.2", words)

    async def _find(self, address: Address) -> _Found:
        until = self._clock() + KEPT
        try:
            user = await self._account(address)
            if user is None:
                return _Found(until)
            place = _PLACE if self._places is None else await self._places.place(user)
            quota = self._settings.quota_of(place.quota_bytes, place.quota_messages)
            if not quota or not await self._is_kept_here(address):
                return _Found(until)
            where = self._location.find(user, place.home, place.mail)
            return _Found(until, quota, await self._measure(user, where, quota))
        except TimeoutError:
            return _Found(self._clock() + KEPT, is_silent=True)
        except (DirectoryUnavailable, UnsafeName, OSError):
            return _Found(until)

    async def _measure(self, user: str, where: Whereabouts, quota: Quota) -> Usage | None:
        """What lies in a mailbox; `None`: that cannot be found out.

        Raises:
            TimeoutError: it gives no answer.
        """
        asked = self._asked.get(user)
        if asked is None:
            if len(self._asked) >= MOST_ASKED:
                return None
            asked = self._asked[user] = asyncio.create_task(self._usage(where, quota))
            asked.add_done_callback(lambda _: self._asked.pop(user))
        async with asyncio.timeout(self._patience):
            return await asyncio.shield(asked)

    async def _usage(self, where: Whereabouts, quota: Quota) -> Usage | None:
        try:
            return await self._measuring.usage(where, quota)
        except (UnsafeName, OSError):
            return None

    async def _account(self, address: Address) -> str | None:
        """The one account that mail for the address reaches; `None`: none, or several."""
        for _ in range(MAX_ALIASES):
            answer = await self._accounts.resolve(address)
            if isinstance(answer, Mailbox):
                return answer.user
            if not isinstance(answer, Alias):
                return None
            if answer.user in map(str, answer.targets):
                return answer.user  # it forwards its mail and keeps a copy
            if len(answer.targets) != 1:
                return None
            address = answer.targets[0]
        return None

    def _keep(self, key: str, found: _Found) -> None:
        self._kept.pop(key, None)
        if len(self._kept) >= MOST_KEPT:
            del self._kept[next(iter(self._kept))]
        self._kept[key] = found
