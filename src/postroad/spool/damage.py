"""A message whose content turned out to be damaged: marked, and kept from being delivered.

It is held as an operator holds mail, with the damage for a reason: so it is in nobody's way, never
expires, is shown by every listing, and can be deleted or returned to its sender. It is released
when its content is whole again: at the next start after the file was put back, or by hand, and then
it is read and compared anew.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from typing import ClassVar

from postroad.spool.changes import DUE, Changes, Gone
from postroad.spool.jobs import Turn
from postroad.spool.ledger import Ledger

__all__ = ["REASON", "Condemn", "acquit", "condemn"]

REASON = "damaged: "
"""How the reason begins for which such a message is held."""

MARK = (
    "UPDATE message SET damage = coalesce(damage, ?) WHERE id = ?"
    " RETURNING queue_id, filed, held IS NULL"
)
HOLD = "UPDATE message SET held = ? WHERE id = ?"
SHELVE = "UPDATE recipient SET shelved = next_attempt, next_attempt = NULL WHERE message = ?"
RECIPIENTS = "SELECT count(*) FROM recipient WHERE message = ?"
UNMARK = "UPDATE message SET damage = NULL WHERE id = ?"
FREE = "UPDATE message SET held = NULL WHERE id = ? AND held GLOB ? RETURNING id"
TAKE_DOWN = (
    f"UPDATE recipient SET next_attempt = coalesce(shelved, {DUE}), shelved = NULL"  # noqa: S608 - constants
    " WHERE message = ?"
)


def condemn(connection: sqlite3.Connection, number: int, wrong: str) -> Gone | None:
    """Mark a message as damaged, and hold it unless it is held already.

    Returns:
        Which it is; `None` when it is not there any more.
    """
    row = connection.execute(MARK, (wrong, number)).fetchone()
    if row is None:
        return None
    queue_id, filed, is_free = row
    if is_free:
        connection.execute(HOLD, (REASON + wrong, number))
        connection.execute(SHELVE, (number,))
    return Gone(queue_id, bool(filed))


def acquit(connection: sqlite3.Connection, number: int) -> None:
    """The content is whole again: what was held for its damage is due when it was."""
    if not connection.execute(RECIPIENTS, (number,)).fetchone()[0]:
        return  # these were lost, and the message is for nobody
    connection.execute(UNMARK, (number,))
    if connection.execute(FREE, (number, f"{REASON}*")).fetchall():
        connection.execute(TAKE_DOWN, (number,))


@dataclass(slots=True)
class Condemn:
    """A message that was read and found damaged; brings which it is, if it is still there."""

    turn: ClassVar[Turn] = Turn.BEHIND_ROWS
    number: int
    wrong: str
    found: Gone | None = field(default=None, init=False)

    def stage(self, _: Ledger, changes: Changes) -> None:
        """To be written behind everything else."""
        changes.last.append(self._write)

    def conclude(self, ledger: Ledger, _: Changes) -> Gone | None:
        """What the queue has of it is not to be begun."""
        if self.found is not None:
            ledger.withhold([self.number])
        return self.found

    def _write(self, connection: sqlite3.Connection) -> None:
        self.found = condemn(connection, self.number, self.wrong)
