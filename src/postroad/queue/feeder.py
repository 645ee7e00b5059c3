"""Claims what is due whenever there is room for it. It knows no deliveries and no destinations.

It sleeps until the spool has mail, as far as is known, and there is room for a good handful: each
claim costs the spool a look, and many small ones would cost more than they bring.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from postroad.model.journal import Journal, Level, Notice
from postroad.queue.alarm import Alarm
from postroad.spool import Claim, Claimed, SpoolError

__all__ = ["Claiming", "Feeder"]

_NEVER = float("inf")
_CLAIM = 100  # recipients; a claim is put off until there is room for so many
_MOST_CLAIMED = 1000  # recipients by one claim, so that none holds the spool up for long
_GATHER = 0.5  # seconds for what becomes due one by one: a claim for each would break up commits
_CLAIM_PAUSE = 5.0  # seconds after a claim that failed or brought nothing


class Claiming(Protocol):
    """The part of the spool that gives recipients out."""

    async def claim(self, now: float, limit: int) -> Claim:
        """Take recipients that are due."""
        ...


class Feeder:
    """Brings deferred mail back."""

    def __init__(
        self,
        spool: Claiming,
        journal: Journal,
        clock: Callable[[], float],
        room: Callable[[], int],
        admit: Callable[[Claimed], None],
    ) -> None:
        """Take what it needs.

        Args:
            spool: where mail is claimed.
            journal: told of a spool that cannot be read.
            clock: seconds since the epoch.
            room: how many recipients may be claimed now.
            admit: takes what was claimed.
        """
        self._spool = spool
        self._journal = journal
        self._clock = clock
        self._room = room
        self._admit = admit
        self._alarm = Alarm()
        self._batch = _CLAIM
        self._closed = False
        self.next_due = 0.0  # when the spool has mail to claim, as far as is known

    def resize(self, limit: int) -> None:
        """Go by another `active_limit`."""
        self._batch = max(1, min(_CLAIM, limit // 20 or 1))

    def look_at(self, due: float) -> None:
        """Remember that the spool has mail at this time; wake up where that matters."""
        sooner = due < self.next_due
        self.next_due = min(self.next_due, due)
        if sooner or (self.next_due <= self._clock() and self._room() >= self._batch):
            self._alarm.ring()

    def look_now(self) -> None:
        """Something changed in the spool that did not pass through here."""
        self.next_due = 0.0
        self._alarm.ring()

    def close(self) -> None:
        """End `run`."""
        self._closed = True
        self._alarm.ring()

    async def run(self) -> None:
        """Claim until closed."""
        while not self._closed:
            now, room = self._clock(), self._room()
            wait = _NEVER  # without room: until a settlement rings
            if room >= self._batch:
                wait = self.next_due - now
                if wait <= 0:
                    await self._claim(now, room)
                    continue
            await self._alarm.sleep(wait)

    async def _claim(self, now: float, room: int) -> None:
        self.next_due = _NEVER  # what happens during the claim may bring it forward
        try:
            claim = await self._spool.claim(now, min(room, _MOST_CLAIMED))
        except SpoolError as error:
            self._journal(Notice("qmgr", f"the spool could not be read: {error}", Level.ERROR))
            self.next_due = min(self.next_due, now + _CLAIM_PAUSE)
            return
        for claimed in claim.messages:
            self._admit(claimed)
        if claim.next_due is not None:
            soonest = 0.0 if claim.messages else now + _CLAIM_PAUSE
            due = max(claim.next_due, now + _GATHER) if claim.next_due > now else soonest
            self.next_due = min(self.next_due, due)
