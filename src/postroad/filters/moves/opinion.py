"""What a user says of a message by moving it, told to those who learn.

Not all that is new in the folder for junk was moved there: what we have filed, and what strangers
have sent there, is no opinion of the user's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from postroad.filters.builtin.reading import message_of
from postroad.filters.moves.account import Account
from postroad.filters.moves.file import Share
from postroad.filters.moves.lesson import SITE, Memory, teach
from postroad.filters.moves.terms import Terms
from postroad.model.fields import Fields
from postroad.model.printable import printable

__all__ = ["Judge", "Opinions"]

MOST_HEADER = 65_536
"""Octets of a message in which it is looked at who filed it: what we write is on top."""


class Judge(Protocol):
    """Who knows which mail we file as junk ourselves."""

    def __call__(self, user: str, fields: Fields, /) -> Awaitable[bool]:
        """Whether a message with this header section was filed as junk for an account."""
        ...


class Opinions:
    """Belongs to an event loop.

    Attributes:
        terms: by what is learned.
    """

    def __init__(
        self, memory: Memory, terms: Terms, is_junk: Judge, say: Callable[[str], None]
    ) -> None:
        """Nothing is said yet.

        Args:
            memory: learns.
            terms: by what is learned.
            is_junk: knows what we file as junk.
            say: takes a line for the log.
        """
        self.terms = terms
        self._memory = memory
        self._is_junk = is_junk
        self._say = say

    async def hear(self, account: Account, octets: bytes, share: Share, *, is_spam: bool) -> Share:
        """An account's message was found in the folder for junk, or out of it.

        Args:
            account: whose.
            octets: the beginning of the message.
            share: what the account's moves have taught.
            is_spam: whether it is in that folder.

        Returns:
            What they have taught now.

        Raises:
            MemoryAway: it may not have been learned, and can be tried again.
        """
        fields, _ = message_of(octets[:MOST_HEADER])
        if is_spam and await self._is_filed(account, octets, fields):
            return share
        taught = await teach(
            self._memory, octets, account.user, share, is_spam=is_spam, learn=self.terms.learn
        )
        if taught != share:
            self._tell(account, fields, is_spam=is_spam)
        return taught

    async def _is_filed(self, account: Account, octets: bytes, fields: Fields) -> bool:
        """Whether we filed it as junk, and nobody has said otherwise: then it was not moved."""
        whose = SITE if self.terms.learn == "site" else account.user
        if not await self._is_junk(account.user, fields):
            return False
        return await self._memory.known(octets, whose) is not False

    def _tell(self, account: Account, fields: Fields, *, is_spam: bool) -> None:
        identifier = fields.first("message-id")
        octets = b"none" if identifier is None else b"".join(identifier.value[:200].split())
        named = printable(octets.decode("utf-8", "replace"))
        what = "spam, as it was moved to" if is_spam else "good, as it was moved from"
        junk = self.terms.folders.junk
        self._say(f"{account.user}: learned as {what} {junk}: message-id={named}")
