"""Recipients removed for good, and with its last one the message: an operator's job.

Of a message with several recipients some may be meant, and only they go. An attempt under way may
still succeed; its result is passed over, because the ledger does not know the recipient any more.
For the same reason the queue begins none that it only has in memory.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from postroad.spool.changes import Changes, Gone
from postroad.spool.jobs import Turn
from postroad.spool.ledger import Ledger
from postroad.spool.window import Altered, Window

__all__ = ["Remove", "Removed"]


@dataclass(frozen=True, slots=True)
class Removed:
    """What one window brought.

    Attributes:
        altered: how many.
        gone: messages of which nothing is left.
    """

    altered: Altered
    gone: tuple[Gone, ...]


@dataclass(slots=True)
class Remove(Window):
    """Recipients removed, claimed or not."""

    SIZE: ClassVar[int] = 500  # the pages of each content are visited to be free
    turn: ClassVar[Turn] = Turn.ROWS
    found: dict[int, int] = field(default_factory=dict, init=False)  # recipient -> message

    def stage(self, ledger: Ledger, changes: Changes) -> None:
        """Those that exist."""
        self.found = {id_: message for message, id_ in self.look(ledger.connection, "m.id, r.id")}
        changes.done += self.found
        changes.touched.update(self.found.values())

    def conclude(self, ledger: Ledger, changes: Changes) -> Removed:
        """Nothing of them is left."""
        for id_ in self.found:
            if id_ in ledger.claimed:
                ledger.unclaim_for_good(id_)
        gone = []
        for number in set(self.found.values()):
            if number in changes.gone:
                gone.append(changes.gone.pop(number))
                ledger.drop(number)
        messages = self.count(set(self.found.values()))
        return Removed(Altered(messages, len(self.found), rest=self.rest), tuple(gone))
