"""Recipients that begin anew, as if their message had just come in: an operator's job.

They are due now; their attempts, the last reply and that their sender was told of a delay are
forgotten, and the message is as old as the job: schedule and lifetime begin again. Aliases were
followed when it came, and are not followed a second time; the route is looked up with each attempt
in any case. What is held stays held, and begins anew when it is released. What is owed to a sender
stays owed. Of a recipient that the queue has, only the attempt under way goes on as it was ordered.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from typing import ClassVar

from postroad.spool.changes import Changes
from postroad.spool.jobs import Turn
from postroad.spool.ledger import Ledger
from postroad.spool.window import Altered, Window, as_list

__all__ = ["Requeue"]

COLUMNS = "m.id, r.id, m.held IS NOT NULL, coalesce(m.hold_until, 0)"

RENEW = "UPDATE message SET queued = ? WHERE id IN (SELECT value FROM json_each(?))"
FORGET = (
    "UPDATE recipient SET attempts = 0, told = NULL, shelved = NULL,"
    " reason = iif(owed IS NULL, NULL, reason)"
    " WHERE id IN (SELECT value FROM json_each(?))"
)
DUE = "UPDATE recipient SET next_attempt = ? WHERE id IN (SELECT value FROM json_each(?))"


@dataclass(slots=True)
class Requeue(Window):
    """Recipients that begin anew."""

    turn: ClassVar[Turn] = Turn.BEHIND_ROWS
    messages: set[int] = field(default_factory=set, init=False)
    anew: list[int] = field(default_factory=list, init=False)
    due: list[int] = field(default_factory=list, init=False)
    busy: int = field(default=0, init=False)
    postponed: int = field(default=0, init=False)

    def stage(self, ledger: Ledger, changes: Changes) -> None:
        """Those of the window, but for what its sender wants later."""
        self.messages.clear()
        self.anew.clear()
        self.due.clear()
        self.busy = self.postponed = 0
        for message, id_, is_held, hold_until in self.look(ledger.connection, COLUMNS):
            if hold_until > self.now:
                self.postponed += 1
                continue
            self.messages.add(message)
            self.anew.append(id_)
            if id_ in ledger.claimed:
                self.busy += 1
            elif not is_held:
                self.due.append(id_)
        if self.anew:
            changes.last.append(self._write)

    def conclude(self, ledger: Ledger, _: Changes) -> Altered:
        """They are due from now on."""
        ledger.rewind(self.now)
        messages = self.count(self.messages)
        return Altered(messages, len(self.anew), self.busy, self.postponed, self.rest)

    def _write(self, connection: sqlite3.Connection) -> None:
        connection.execute(RENEW, (self.now, as_list(self.messages)))
        connection.execute(FORGET, (as_list(self.anew),))
        connection.execute(DUE, (self.now, as_list(self.due)))
