"""Messages held for an operator, and released: jobs over the database of a shard.

A held message is out of the index of due times, so no claim meets it and it costs no memory. Its
recipients keep the time of their next attempt in `shelved`, and have it again after the release.
Those that are with the queue when the message is held stay claimed until the queue hands them back
or tells how their attempt ended; the ledger knows these messages, so that nothing more of them is
begun.

The statements run after all others of their transaction, and memory follows in the same order. So a
message that is committed in the same one, and whatever ended there, is met as it is afterwards.

A long queue is looked at in windows, which meet whatever is committed before the last of them (see
`window`). Whoever wants all that somebody sent sees to it that nothing more comes, and then holds
again. The freeze of an account does so, once the sessions that it ended have made their last
commit.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from typing import ClassVar

from postroad.spool.changes import DUE, Changes
from postroad.spool.jobs import Turn
from postroad.spool.ledger import Ledger
from postroad.spool.window import Place, Window, as_list

__all__ = ["Free", "Hold", "Sifted"]

COLUMNS = "m.id, m.held IS NOT NULL"

HOLD = "UPDATE message SET held = ? WHERE id IN (SELECT value FROM json_each(?))"
SHELVE = (
    "UPDATE recipient SET shelved = next_attempt, next_attempt = NULL"
    " WHERE message IN (SELECT value FROM json_each(?))"
)
FREE = "UPDATE message SET held = NULL WHERE id IN (SELECT value FROM json_each(?))"
TAKE_DOWN = (
    f"UPDATE recipient SET next_attempt = coalesce(shelved, {DUE}), shelved = NULL"  # noqa: S608 - a constant
    " WHERE message IN (SELECT value FROM json_each(?))"
)


@dataclass(frozen=True, slots=True)
class Sifted:
    """What a hold or a release did, in one window or in all of them.

    Attributes:
        count: messages held, or released.
        passed: messages that were meant as well, and were so already.
        rest: where the next window begins; `None` at the end.
    """

    count: int
    passed: int
    rest: Place | None

    def __add__(self, later: Sifted) -> Sifted:
        return Sifted(self.count + later.count, self.passed + later.passed, later.rest)


@dataclass(slots=True)
class _Sifting(Window):
    """The messages of a window that are to be held, or to be held no longer.

    Attributes:
        found: those of them whose state was changed.
        passed: how many of them were in it before.
    """

    found: list[int] = field(default_factory=list, init=False)
    passed: int = field(default=0, init=False)

    def _meet(self, connection: sqlite3.Connection, *, held: bool) -> None:
        """Find those to change; whoever was met in the window before has been."""
        rows = self.look(connection, COLUMNS)
        states = {row[0]: bool(row[1]) for row in rows}
        states.pop(self.place.message or 0, None)
        self.found = [number for number, is_held in states.items() if is_held is held]
        self.passed = len(states) - len(self.found)

    def _brought(self) -> Sifted:
        return Sifted(len(self.found), self.passed, self.rest)


@dataclass(slots=True)
class Hold(_Sifting):
    """Messages held until they are released; those that are held already keep their reason."""

    turn: ClassVar[Turn] = Turn.BEHIND_ROWS
    reason: str

    def stage(self, _: Ledger, changes: Changes) -> None:
        """To be written behind everything else."""
        changes.last.append(self._write)

    def conclude(self, ledger: Ledger, _: Changes) -> Sifted:
        """What the queue has of them is not to be begun."""
        ledger.withhold(self.found)
        return self._brought()

    def _write(self, connection: sqlite3.Connection) -> None:
        self._meet(connection, held=False)
        if self.found:
            connection.execute(HOLD, (self.reason, as_list(self.found)))
            connection.execute(SHELVE, (as_list(self.found),))


@dataclass(slots=True)
class Free(_Sifting):
    """Held messages released: due when they were, and those never tried as of when they came."""

    turn: ClassVar[Turn] = Turn.BEHIND_ROWS

    def stage(self, _: Ledger, changes: Changes) -> None:
        """To be written behind everything else."""
        changes.last.append(self._write)

    def conclude(self, ledger: Ledger, _: Changes) -> Sifted:
        """They wait again."""
        ledger.let_go(self.found)
        return self._brought()

    def _write(self, connection: sqlite3.Connection) -> None:
        self._meet(connection, held=True)
        if self.found:
            connection.execute(FREE, (as_list(self.found),))
            connection.execute(TAKE_DOWN, (as_list(self.found),))
