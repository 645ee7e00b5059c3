"""Mail of other owners than the server, watched by processes that are these owners.

The server cannot read it, and does not see when a folder was changed last. So each look costs a
process of its owner's, which is asked whether something has moved, and hands over what has. There
are bounds: how often an account is looked at (`rhythm`), how many processes a turn may start, and
how many owners may leave us without an answer, as one who stops his process can.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Protocol

from postroad.filters.builtin.bayes.learning import MOST_OCTETS
from postroad.filters.moves import file
from postroad.filters.moves.account import Account
from postroad.filters.moves.file import Kept, Share
from postroad.filters.moves.opinion import Opinions
from postroad.filters.moves.rhythm import Rhythm
from postroad.limits.state_file import Keeping
from postroad.mailbox import UnsafeName
from postroad.mailbox.moves.visit import Visiting, Wanted
from postroad.mailbox.owners import Owner, OwnerAway

__all__ = ["OtherOwners", "Visitors"]

MOST_OWNERS = 100
"""Processes that a turn may start: some 0.7 s of one processor."""

MOST_VISITED = 1000
"""Accounts that a turn looks at; there may be many of one owner."""

MOST_WAITING = 10_000
"""Accounts that wait for a turn; those beyond it come again with the next round."""

MOST_MESSAGES = 300
"""Messages that are read in one turn."""

MOST_SECONDS = 30.0
"""After which nobody else is looked at in a turn: who answers just in time each time, with as many
accounts as he likes, would keep all others waiting, for hours."""

MOST_AWAY = 3
"""Owners who give no answer, after whom a turn ends: each may take seconds."""

UNSURE = "~"
"""The stamp of a folder that may still change unnoticed, and in which nothing has moved. It is not
looked at in each turn for that: who owns it may have given it a time that is to come."""


class Visitors(Protocol):
    """Who has processes look; `agent.pool.AgentPool` does."""

    def visitor(self, owner: Owner) -> Visiting:
        """One who is the owner of some mail; blocks.

        Raises:
            OwnerAway: there is nobody.
        """
        ...


class OtherOwners:
    """Belongs to an event loop."""

    def __init__(
        self,
        found: Keeping,
        visitors: Visitors,
        opinions: Opinions,
        not_seen: Callable[[Account, OSError | UnsafeName], None],
        now: Callable[[], float],
    ) -> None:
        """Nobody waits yet.

        Args:
            found: the file of accounts.
            visitors: look.
            opinions: hears of moves.
            not_seen: takes what cannot be looked at, and why.
            now: seconds since the epoch.
        """
        self._file = found
        self._visitors = visitors
        self._opinions = opinions
        self._not_seen = not_seen
        self._now = now
        self._rhythm = Rhythm(opinions.terms.every)
        self._waiting: dict[int, Account] = {}
        self._away: dict[int, OSError | UnsafeName] = {}

    def offer(self, account: Account, *, is_changed: bool) -> None:
        """An account is there; it may be looked at in one of the next turns. In any thread.

        Args:
            account: which.
            is_changed: whether it is known that something has changed there.
        """
        why = self._away.get(account.number)
        if why is not None:
            self._not_seen(account, why)
        has_room = account.number in self._waiting or len(self._waiting) < MOST_WAITING
        is_due = self._rhythm.is_due(account.number, self._now(), is_changed=is_changed)
        if has_room and is_due:
            self._waiting[account.number] = account

    async def turn(self) -> None:
        """Look at those who wait longest.

        Raises:
            StateUnavailable: the file of accounts cannot be used.
            MemoryAway: nothing can be learned now.
        """
        self._rhythm.every = self._opinions.terms.every
        room, away, end = MOST_MESSAGES, 0, self._now() + MOST_SECONDS
        for owner, accounts in self._next().items():
            read, is_away = await self._visit(owner, accounts, room, end)
            room, away = room - read, away + is_away
            if room <= 0 or away >= MOST_AWAY or self._now() >= end:
                return

    def _next(self) -> dict[Owner, list[Account]]:
        """Whom this turn is for: some owners, each with his accounts."""
        found: dict[Owner, list[Account]] = {}
        for account in islice(self._waiting.values(), MOST_VISITED):
            assert account.owner is not None, "others are not offered"
            if account.owner in found or len(found) < MOST_OWNERS:
                found.setdefault(account.owner, []).append(account)
        return found

    async def _visit(
        self, owner: Owner, accounts: Sequence[Account], room: int, end: float
    ) -> tuple[int, bool]:
        """Have an owner's accounts looked at; what was read, and whether nobody answers for him.

        Args:
            owner: whose they are.
            accounts: which; those that are left over are behind all others then.
            room: messages that may still be read in this turn.
            end: when it ends, seconds since the epoch.
        """
        read = 0
        try:
            visitor = await asyncio.to_thread(self._visitors.visitor, owner)
        except OwnerAway as error:
            self._put_off(accounts, error)
            return 0, True
        try:
            for at, account in enumerate(accounts):
                if read >= room or (at and self._now() >= end):
                    self._to_the_end(accounts[at:])
                    break
                try:
                    read += await self._look(visitor, account)
                except OwnerAway as error:
                    self._put_off(accounts[at:], error)
                    return read, True
                except FileNotFoundError:
                    self._put_off([account], None)  # it has no mail here any more, or not yet
                except (OSError, UnsafeName) as error:
                    self._put_off([account], error)
        finally:
            await asyncio.to_thread(visitor.close)
        return read, False

    def _to_the_end(self, accounts: Iterable[Account]) -> None:
        for account in accounts:
            self._waiting[account.number] = self._waiting.pop(account.number)

    def _put_off(self, accounts: Iterable[Account], why: OSError | UnsafeName | None) -> None:
        for account in accounts:
            self._waiting.pop(account.number, None)
            self._rhythm.failed(account.number, self._now())
            self._away.pop(account.number, None)
            if why is None:
                continue
            self._not_seen(account, why)
            if len(self._away) < MOST_WAITING:
                self._away[account.number] = why

    async def _look(self, visitor: Visiting, account: Account) -> int:
        """Have an account looked at, and learn from what was moved; how much was read."""
        now = self._now()
        wanted = Wanted(account.where, self._opinions.terms.folders, account.since)
        found = await asyncio.to_thread(visitor.look, wanted)
        stamp = found.stamp or UNSURE
        if found.moves:
            # Whatever comes of it, others are next: what ails one must not keep them waiting.
            self._waiting.pop(account.number, None)
            stamp = await self._learn(visitor, account, found.moves, now)
        elif stamp != account.stamp:
            await self._keep(Kept(account, None, stamp, now, await self._share(account)))
        is_quiet = not found.moves and stamp == account.stamp
        self._waiting.pop(account.number, None)
        self._away.pop(account.number, None)
        self._rhythm.looked(account.number, now, is_quiet=is_quiet)
        return len(found.moves)

    async def _learn(
        self, visitor: Visiting, account: Account, moves: Iterable[bool], now: float
    ) -> str:
        share, heard, stamp = await self._share(account), 0, ""
        try:
            for at, is_spam in enumerate(moves):
                octets = await asyncio.to_thread(visitor.read, at, MOST_OCTETS)
                if octets is not None:
                    share = await self._opinions.hear(account, octets, share, is_spam=is_spam)
                heard += 1
        finally:
            try:  # where that fails it is learned once more, which changes nothing
                stamp = await asyncio.to_thread(visitor.heard, heard)
            finally:
                await self._keep(Kept(account, None, stamp, now, share))
        return stamp

    async def _share(self, account: Account) -> Share:
        return await self._file.ask(lambda found: file.share_of(found, account.number))

    async def _keep(self, kept: Kept) -> None:
        await self._file.ask(lambda found: file.keep(found, [kept]))
