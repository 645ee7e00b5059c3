"""Recipients given up: their mail is to be returned to its sender now. An operator's job.

It writes down that a report of failure is all that is left to do, with the operator's words for a
reason. The queue makes the report as it makes any other: at once where it runs, after its next
start where it does not. So nothing is lost with a crash in between, and the rules for reports
(NOTIFY, the null sender, RET) are the queue's alone. A held message is released with its last
recipient that is given up, and whatever else waited in it is due again.

What the queue has and did not begin is begun no more: it hands it back, and the report is due.
Where an attempt is under way and succeeds, there is nothing to return; if it fails, the report is
due when the next attempt would have been.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from typing import ClassVar

from postroad.model import Action
from postroad.spool.changes import DUE as ARRIVED
from postroad.spool.changes import Changes
from postroad.spool.jobs import Turn
from postroad.spool.ledger import Ledger
from postroad.spool.window import Altered, Window, as_list

__all__ = ["Return"]

COLUMNS = f"m.id, r.id, coalesce(r.owed, '{Action.FAILED.value}') = '{Action.FAILED.value}'"

GIVE_UP = (
    f"UPDATE recipient SET owed = '{Action.FAILED.value}', reason = ?"  # noqa: S608 - a constant
    " WHERE id IN (SELECT value FROM json_each(?))"
)
FREE = (
    "UPDATE message SET held = NULL WHERE id IN (SELECT value FROM json_each(?))"
    " AND held IS NOT NULL AND NOT EXISTS (SELECT 1 FROM recipient AS r"
    " WHERE r.message = message.id AND r.owed IS NULL) RETURNING id"
)
TAKE_DOWN = (  # all that waited for it: owed another report, given up before, just handed back
    f"UPDATE recipient SET next_attempt = iif(owed = '{Action.FAILED.value}', ?,"  # noqa: S608 - constants
    f" coalesce(shelved, next_attempt, {ARRIVED})), shelved = NULL"
    " WHERE message IN (SELECT value FROM json_each(?))"
)
DUE = (
    "UPDATE recipient SET next_attempt = ?, shelved = NULL"
    " WHERE id IN (SELECT value FROM json_each(?))"
)


@dataclass(slots=True)
class Return(Window):
    """Recipients whose mail is returned.

    Attributes:
        reason: the reply that speaks for it: `550 5.7.1` and words.
    """

    turn: ClassVar[Turn] = Turn.BEHIND_ROWS
    reason: str
    found: dict[int, int] = field(default_factory=dict, init=False)  # recipient -> message
    busy: set[int] = field(default_factory=set, init=False)  # those that the queue has
    withheld: set[int] = field(default_factory=set, init=False)  # messages that it must not begin
    freed: list[int] = field(default_factory=list, init=False)  # messages that are held no longer

    def stage(self, ledger: Ledger, changes: Changes) -> None:
        """Those of the window that are not owed another report."""
        rows = self.look(ledger.connection, COLUMNS)
        self.found = {id_: message for message, id_, is_open in rows if is_open}
        self.busy = {id_ for id_ in self.found if id_ in ledger.claimed}
        self.withheld = {each for each in self.found.values() if ledger.withholds(each)}
        if self.found:
            changes.last.append(self._write)

    def conclude(self, ledger: Ledger, _: Changes) -> Altered:
        """The reports are due."""
        ledger.let_go(self.freed)
        ledger.give_up(self.found)
        messages = self.count(set(self.found.values()))
        return Altered(messages, len(self.found), len(self.busy), 0, self.rest)

    def _write(self, connection: sqlite3.Connection) -> None:
        connection.execute(GIVE_UP, (self.reason, as_list(self.found)))
        freed = connection.execute(FREE, (as_list(set(self.found.values())),)).fetchall()
        self.freed = [number for (number,) in freed]
        if self.freed:
            connection.execute(TAKE_DOWN, (self.now, as_list(self.freed)))
        self.busy |= {
            id_
            for id_, message in self.found.items()
            if message in self.withheld and message not in self.freed
        }
        due = [id_ for id_ in self.found if id_ not in self.busy]
        connection.execute(DUE, (self.now, as_list(due)))
