"""The watch over folders for junk: a turn at the accounts, every minute or so, in one worker.

A turn goes on where the last one stopped, looks at so many accounts and reads so many messages at
most, and leaves the rest to the next. What was learned is remembered after it was learned: a kill
in between has it learned once more, which changes nothing, as whoever learns knows each message by
a mark. The disk is waited for in threads. Mail of other owners is handed on (`others`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

from postroad.filters.builtin.bayes.learning import MOST_OCTETS
from postroad.filters.moves import file
from postroad.filters.moves.account import Account
from postroad.filters.moves.file import Kept, Share
from postroad.filters.moves.lesson import Memory
from postroad.filters.moves.opinion import Judge, Opinions
from postroad.filters.moves.others import OtherOwners, Visitors
from postroad.filters.moves.terms import Terms
from postroad.limits.state_file import Keeping
from postroad.mailbox import UnsafeName
from postroad.mailbox.moves.hearing import Hearing
from postroad.mailbox.moves.snapshot import Snapshot
from postroad.mailbox.moves.stamp import glance, stamp_of
from postroad.mailbox.moves.survey import Past, Survey, read, survey

__all__ = ["Watch"]

MOST_ACCOUNTS = 5000
"""Accounts that are looked at in one turn: some tenths of a second."""

MOST_MESSAGES = 1000
"""Messages that are read in one turn: some seconds, and a minute where all of them are learned."""

AT_ONCE = 500
"""Accounts that are looked at without a pause."""

TOGETHER = 50
"""Accounts with something new that are looked at closely at once, with one sync for all of them;
what is kept of them takes 1 MB of memory at most."""


class Watch:
    """Belongs to an event loop."""

    def __init__(
        self,
        found: Keeping,
        memory: Memory,
        terms: Terms,
        is_junk: Judge,
        *,
        say: Callable[[str], None],
        warn: Callable[[str], None],
        now: Callable[[], float],
        visitors: Visitors | None = None,
    ) -> None:
        """Nothing is looked at yet.

        Args:
            found: the file of accounts and snapshots.
            memory: learns.
            terms: by what is watched.
            is_junk: knows what we file as junk.
            say: takes a line for the log.
            warn: likewise, of what is wrong.
            now: seconds since the epoch.
            visitors: look at mail of other owners; `None`: there are none.
        """
        self._file = found
        self._opinions = Opinions(memory, terms, is_junk, say)
        self._warn = warn
        self._now = now
        self._at = 0
        self._unseen: dict[str, str] = {}
        self._told = 0
        self._others: OtherOwners | None = None
        if visitors is not None:
            self._others = OtherOwners(found, visitors, self._opinions, self._not_seen, now)

    @property
    def terms(self) -> Terms:
        """By what is watched."""
        return self._opinions.terms

    @terms.setter
    def terms(self, terms: Terms) -> None:
        self._opinions.terms = terms

    async def turn(self) -> None:
        """Look at the next accounts.

        Raises:
            StateUnavailable: the file of accounts cannot be used.
            MemoryAway: nothing can be learned now.
        """
        await self._turn()
        if self._others is not None:
            await self._others.turn()

    async def _turn(self) -> None:
        roots, room = self.terms.roots, MOST_MESSAGES
        for _ in range(0, MOST_ACCOUNTS, AT_ONCE):
            after = self._at
            accounts = await self._file.ask(
                lambda found, at=after: file.accounts_after(found, at, AT_ONCE, roots)  # type: ignore[misc]
            )
            changed = await asyncio.to_thread(self._changed, accounts)
            for begin in range(0, len(changed), TOGETHER):
                if room <= 0:
                    return
                room -= await self._look(changed[begin : begin + TOGETHER])
            if len(accounts) < AT_ONCE:
                await self._end_round()
                return
            self._at = accounts[-1].number

    async def _end_round(self) -> None:
        self._at = 0
        now = self._now()
        await self._file.ask(lambda found: file.forget(found, now))
        unseen, self._unseen = self._unseen, {}
        if unseen and len(unseen) != self._told:
            user, why = next(iter(unseen.items()))
            several = f"{len(unseen)} mailboxes, as that of {user}" if len(unseen) > 1 else user
            self._warn(f"nothing is learned from what is moved in {several}: {why}")
        self._told = len(unseen)

    def _changed(self, accounts: Sequence[Account]) -> list[Account]:
        """Those with something new in the folder for junk; in a thread."""
        found, now = [], self._now()
        for account in accounts:
            others = self._others if account.owner is not None else None
            look = stamp_of if others is None else glance
            try:
                stamp = look(account.where, self.terms.folders.junk, now)
            except FileNotFoundError:
                continue  # it has no mail here any more, or not yet
            except OSError as error:
                if others is None:
                    self._not_seen(account, error)
                else:
                    others.offer(account, is_changed=not account.stamp)
                continue
            if not stamp or stamp != account.stamp:
                if others is None:
                    found.append(account)
                else:  # the folder is open to us, but perhaps not each message
                    others.offer(account, is_changed=bool(stamp) or not account.stamp)
        return found

    def _not_seen(self, account: Account, error: OSError | UnsafeName) -> None:
        why = error.strerror or str(error) if isinstance(error, OSError) else str(error)
        self._unseen[account.user] = why

    async def _look(self, accounts: Sequence[Account]) -> int:
        """Look at accounts' folders, and learn from what was moved; how much was read."""
        now = self._now()
        self._at = accounts[-1].number
        known = await self._file.ask(
            lambda found: [
                (each, file.snapshot_of(found, each.number), file.share_of(found, each.number))
                for each in accounts
            ]
        )
        looks = await asyncio.to_thread(self._surveyed, known, now)
        quiet = [each.kept(now) for each in looks if not each.hearing.found.moves]
        await self._file.ask(lambda found: file.keep(found, quiet))
        for look in looks:
            if look.hearing.found.moves:
                # Where it fails, the next turn begins with those behind it, and none waits for it.
                self._at = look.account.number
                await self._learn(look, now)
        self._at = accounts[-1].number
        return sum(len(each.hearing.found.moves) for each in looks)

    def _surveyed(
        self, known: Iterable[tuple[Account, Snapshot, Share]], now: float
    ) -> list[_Look]:
        """What is in their folders; in a thread."""
        looks = []
        for account, before, share in known:
            try:
                past = Past(before, account.since, account.looked)
                found = survey(account.where, self.terms.folders, past, now)
                looks.append(_Look(account, found, share))
            except FileNotFoundError:
                continue  # removed meanwhile
            except (OSError, UnsafeName) as error:
                self._not_seen(account, error)
        return looks

    async def _learn(self, look: _Look, now: float) -> None:
        account, hearing = look.account, look.hearing
        try:
            for move in hearing.found.moves:
                beginning = await asyncio.to_thread(read, account.where, move, MOST_OCTETS)
                if beginning is not None:
                    look.share = await self._opinions.hear(
                        account, beginning.octets, look.share, is_spam=move.into_junk
                    )
                hearing.done(move, beginning)
        finally:
            kept = look.kept(now)
            await self._file.ask(lambda found: file.keep(found, [kept]))


class _Look:
    """At an account's folders."""

    def __init__(self, account: Account, found: Survey, share: Share) -> None:
        self.account = account
        self.hearing = Hearing(found)
        self.share = share

    def kept(self, now: float) -> Kept:
        """What is to be kept of it."""
        hearing = self.hearing
        return Kept(self.account, hearing.snapshot, hearing.stamp, now, self.share)
