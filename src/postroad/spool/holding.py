"""Messages held for an operator, and released: jobs over the database of a shard.

A held message is out of the index of due times, so no claim meets it and it costs no memory. Its
recipients keep the time of their next attempt in `shelved`, and have it again after the release.
Those that are with the queue when the message is held stay claimed until the queue hands them back
or tells how their attempt ended; the ledger knows these messages, so that nothing more of them is
begun.

The statements run after all others of their transaction, and memory follows in the same order. So a
message that is committed in the same one, and whatever ended there, is met as it is afterwards.

A long queue is looked at in windows, by the numbers of its messages, and a message has its number
since it began to come in. So one that began before the hold, and is committed behind the window of
its number while later windows are looked at, is not met, as little as one that comes after it all.
A queue shorter than a window has no such gap, nor have messages that are named. Whoever wants all
that somebody sent sees to it that nothing more comes, and then holds again. The freeze of an
account does so, once the sessions that it ended have made their last commit.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass, field
from typing import ClassVar

from postroad.spool.changes import DUE, Changes
from postroad.spool.choosing import MATCH, bound
from postroad.spool.claim import Choice
from postroad.spool.jobs import Turn
from postroad.spool.ledger import Ledger

__all__ = ["Free", "Hold", "Sifted"]

WINDOW = 2000  # messages looked at in one job: some milliseconds of the loop's time

END = "SELECT id FROM message WHERE id > ? ORDER BY id LIMIT 1 OFFSET ?"
COUNT_HELD = f"SELECT count(*) FROM message WHERE held IS NOT NULL AND {MATCH}"  # noqa: S608 - a constant
COUNT_FREE = f"SELECT count(*) FROM message WHERE held IS NULL AND {MATCH}"  # noqa: S608 - a constant
HOLD = f"UPDATE message SET held = :why WHERE held IS NULL AND {MATCH} RETURNING id"  # noqa: S608 - a constant
SHELVE = (
    "UPDATE recipient SET shelved = next_attempt, next_attempt = NULL"
    " WHERE message IN (SELECT value FROM json_each(?))"
)
FREE = f"UPDATE message SET held = NULL WHERE held IS NOT NULL AND {MATCH} RETURNING id"  # noqa: S608 - a constant
TAKE_DOWN = (
    f"UPDATE recipient SET next_attempt = coalesce(shelved, {DUE}), shelved = NULL"  # noqa: S608 - a constant
    " WHERE message IN (SELECT value FROM json_each(?))"
)


@dataclass(frozen=True, slots=True)
class Sifted:
    """What one window of messages brought.

    Attributes:
        count: messages held, or released.
        passed: messages that were meant as well, and were so already.
        last: the last message looked at, `None` at the end.
    """

    count: int
    passed: int
    last: int | None


@dataclass(slots=True)
class _Window:
    """The messages of a choice, from one identity on; all that are named, or some thousands.

    Attributes:
        after: the message after which the window begins.
        found: those of them whose state was changed.
        passed: how many of them were in it before.
    """

    choice: Choice
    after: int
    found: list[int] = field(default_factory=list, init=False)
    passed: int = field(default=0, init=False)
    _last: int | None = field(default=None, init=False)

    def _begin(self, ledger: Ledger) -> None:
        """Find the end of the window; the last one takes in what comes with this transaction."""
        self._last = None
        if self.choice.queue_ids is None:
            row = ledger.connection.execute(END, (self.after, WINDOW - 1)).fetchone()
            self._last = None if row is None else row[0]

    def _change(
        self, connection: sqlite3.Connection, count: str, change: str, follow: str, reason: str
    ) -> None:
        values = bound(self.choice, self.after, self._last) | {"why": reason}
        self.passed = connection.execute(count, values).fetchone()[0]
        self.found = [number for (number,) in connection.execute(change, values).fetchall()]
        if self.found:
            connection.execute(follow, (json.dumps(self.found),))

    def _brought(self) -> Sifted:
        return Sifted(len(self.found), self.passed, self._last)


@dataclass(slots=True)
class Hold(_Window):
    """Messages held until they are released; those that are held already keep their reason."""

    turn: ClassVar[Turn] = Turn.BEHIND_ROWS
    reason: str

    def stage(self, ledger: Ledger, changes: Changes) -> None:
        """To be written behind everything else."""
        self._begin(ledger)
        changes.last.append(self._write)

    def conclude(self, ledger: Ledger, _: Changes) -> Sifted:
        """What the queue has of them is not to be begun."""
        ledger.withhold(self.found)
        return self._brought()

    def _write(self, connection: sqlite3.Connection) -> None:
        self._change(connection, COUNT_HELD, HOLD, SHELVE, self.reason)


@dataclass(slots=True)
class Free(_Window):
    """Held messages released: due when they were, and those never tried as of when they came."""

    turn: ClassVar[Turn] = Turn.BEHIND_ROWS

    def stage(self, ledger: Ledger, changes: Changes) -> None:
        """To be written behind everything else."""
        self._begin(ledger)
        changes.last.append(self._write)

    def conclude(self, ledger: Ledger, _: Changes) -> Sifted:
        """They wait again."""
        ledger.let_go(self.found)
        return self._brought()

    def _write(self, connection: sqlite3.Connection) -> None:
        self._change(connection, COUNT_FREE, FREE, TAKE_DOWN, "")
