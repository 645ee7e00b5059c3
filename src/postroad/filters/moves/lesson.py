"""Who learns what from a move.

A user's move is a user's opinion, and may be wrong: newsletters that were asked for end in Junk,
and sometimes all of an inbox does. One message is enough to turn what is thought of others like it,
where its words are new. So, unless the operator says otherwise, it is learned for the account
alone, whose memory is joined to the site's when its mail is judged. Where the site is to learn as
well, it takes of one account's moves a tenth of what it knows of that class: no account outweighs
what the operator (`postroad spam learn`) and the others have said. What the site knows already, no
move of somebody else changes.
"""

from __future__ import annotations

from typing import Protocol

from postroad.filters.moves.file import Share
from postroad.filters.moves.settings import Learn

__all__ = ["SITE", "Memory", "MemoryAway", "teach"]

SITE = ""
"""Whose memory the site's is."""

PART = 10
"""One account's moves may be one in so many messages that the site has learned of a class."""

FIRST = 10
"""Messages of each class that it may always give: else a new site could not begin."""


class Memory(Protocol):
    """Who learns. Each method may raise `MemoryAway`."""

    async def known(self, message: bytes, whose: str) -> bool | None:
        """As what a message was learned: spam or not; `None`: it was not.

        Args:
            message: its beginning.
            whose: an account's canonical name; empty: the site.
        """
        ...

    async def learn(self, message: bytes, whose: str, *, is_spam: bool | None) -> bool:
        """Learn a message, instead of what it was learned as before; whether that was new.

        Args:
            message: its beginning.
            whose: as for `known`.
            is_spam: as what; `None`: as neither, what was learned of it is taken back.
        """
        ...

    async def learned(self) -> tuple[int, int]:
        """How many messages the site has learned: spam, and others."""
        ...


class MemoryAway(Exception):
    """Nothing can be learned now; the message says why."""


async def teach(
    memory: Memory, message: bytes, user: str, share: Share, *, is_spam: bool, learn: Learn
) -> Share:
    """Have a message learned, if it was not.

    Args:
        memory: who learns.
        message: its beginning.
        user: who moved it.
        share: what this account's moves have taught.
        is_spam: as what.
        learn: who is to learn it.

    Returns:
        What they have taught now; the same where nothing was learned.

    Raises:
        MemoryAway: it may not have been learned, and can be tried again.
    """
    if learn == "no":
        return share
    own = SITE if learn == "site" else user
    before = await memory.known(message, own)
    if learn == "both":  # first, so that what a kill leaves undone is not taken for done
        share = await _teach_site(memory, message, share, before, is_spam=is_spam)
    if before is is_spam:
        return share
    if not await memory.learn(message, own, is_spam=is_spam):
        return share
    if is_spam:
        return share._replace(spam=share.spam + 1)
    return share._replace(ham=share.ham + 1)


async def _teach_site(
    memory: Memory, message: bytes, share: Share, before: bool | None, *, is_spam: bool
) -> Share:
    known = await memory.known(message, SITE)
    if known is is_spam:
        return share
    if known is not None and known is not before:
        return share  # by somebody else's word
    spam, ham = await memory.learned()
    given = share.site_spam if is_spam else share.site_ham
    has_room = given < max(FIRST, (spam if is_spam else ham) // PART)
    if known is None and not has_room:
        return share
    # Who changes his mind about more than his part takes back what he said, and says no more: else
    # one account could fill a class by way of the other.
    if not await memory.learn(message, SITE, is_spam=is_spam if has_room else None):
        return share
    if known is not None:
        share = _given(share, is_spam=known, count=-1)
    return _given(share, is_spam=is_spam, count=1) if has_room else share


def _given(share: Share, *, is_spam: bool, count: int) -> Share:
    if is_spam:
        return share._replace(site_spam=max(0, share.site_spam + count))
    return share._replace(site_ham=max(0, share.site_ham + count))
