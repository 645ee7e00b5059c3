"""Deferred recipients made due now: an operator's job, over a window of the queue.

It reads before it writes, and no more at once than keeps the loop waiting for some milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from postroad.spool.changes import Changes
from postroad.spool.jobs import Turn
from postroad.spool.ledger import Ledger
from postroad.spool.window import Place, Window

__all__ = ["Hasten", "Hastened"]

COLUMNS = "m.id, r.id, coalesce(r.next_attempt, 0), m.held IS NOT NULL, coalesce(m.hold_until, 0)"


@dataclass(frozen=True, slots=True)
class Hastened:
    """What a flush did, in one window or in all of them.

    Attributes:
        count: recipients made due.
        postponed: recipients left as they are, because their sender asked for a later release.
        rest: where the next window begins; `None` at the end.
        withheld: recipients left as they are, because an operator has yet to release them.
    """

    count: int
    postponed: int
    rest: Place | None
    withheld: int = 0

    def __add__(self, later: Hastened) -> Hastened:
        return Hastened(
            self.count + later.count,
            self.postponed + later.postponed,
            later.rest,
            self.withheld + later.withheld,
        )


@dataclass(slots=True)
class Hasten(Window):
    """Deferred recipients made due now. What is held stays held: impatience is no release.

    So it is for an operator's hold and for a sender's (RFC 4865 §4.1).
    """

    turn: ClassVar[Turn] = Turn.ROWS
    found: list[int] = field(default_factory=list, init=False)
    postponed: int = field(default=0, init=False)
    withheld: int = field(default=0, init=False)

    def stage(self, ledger: Ledger, changes: Changes) -> None:
        """Those of the window that wait and are not due yet."""
        self.found.clear()
        self.postponed = self.withheld = 0
        for _, id_, at, is_held, hold_until in self.look(ledger.connection, COLUMNS):
            if id_ in ledger.claimed:
                continue
            if is_held:
                self.withheld += 1
            elif at > self.now and hold_until > self.now:
                self.postponed += 1
            elif at > self.now:
                self.found.append(id_)
        changes.hastened += self.found
        changes.hasten_at = self.now

    def conclude(self, ledger: Ledger, _: Changes) -> Hastened:
        """They are due from now on."""
        ledger.rewind(self.now)
        return Hastened(len(self.found), self.postponed, self.rest, self.withheld)
