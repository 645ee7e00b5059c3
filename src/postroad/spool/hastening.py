"""Deferred recipients made due now: an operator's job, over a window of their identities.

It reads before it writes, and no more at once than keeps the loop waiting for some milliseconds.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import ClassVar

from postroad.spool.changes import Changes
from postroad.spool.claim import Selector
from postroad.spool.jobs import Turn, present
from postroad.spool.ledger import Ledger
from postroad.spool.rows import decode_address

__all__ = ["Hasten", "Hastened"]

WINDOW = 2000  # recipients looked at in one job: some milliseconds of the loop's time


@dataclass(frozen=True, slots=True)
class Hastened:
    """What one window of a flush did.

    Attributes:
        count: recipients made due.
        postponed: recipients left as they are, because their sender asked for a later release.
        withheld: recipients left as they are, because an operator has yet to release them.
        last: the last recipient looked at, `None` at the end.
    """

    count: int
    postponed: int
    last: int | None
    withheld: int = 0


@dataclass(slots=True)
class Hasten:
    """Deferred recipients made due now, in a window of their identities.

    What is held stays held: impatience is no release (RFC 4865 §4.1).

    Attributes:
        after: the recipient after which the window begins.
    """

    turn: ClassVar[Turn] = Turn.ROWS
    selector: Selector
    now: float
    after: int
    found: list[int] = field(default_factory=list, init=False)
    postponed: int = field(default=0, init=False)
    withheld: int = field(default=0, init=False)
    last: int | None = field(default=None, init=False)

    def stage(self, ledger: Ledger, changes: Changes) -> None:
        """Those of the window that wait, match and are not due yet."""
        self.found.clear()
        self.postponed = self.withheld = 0
        rows = ledger.connection.execute(
            "SELECT id, message, address, next_attempt FROM recipient"
            " WHERE id > ? ORDER BY id LIMIT ?",
            (self.after, WINDOW),
        ).fetchall()
        self.last = rows[-1][0] if len(rows) == WINDOW else None
        names = self.selector.queue_ids
        numbers = None if names is None else set(present(ledger, names))
        waiting: list[tuple[int, int]] = []
        for id_, message, address, at in rows:
            if id_ in ledger.claimed or (at is not None and at <= self.now):
                continue
            if numbers is not None and message not in numbers:
                continue
            if not self.selector.matches(decode_address(address)):
                continue
            if at is None:  # nobody has it, and yet it is not in the index: it is held
                self.withheld += 1
            else:
                waiting.append((id_, message))
        later = _postponed(ledger, {message for _, message in waiting}, self.now)
        for id_, message in waiting:
            if message in later:
                self.postponed += 1
            else:
                self.found.append(id_)
        changes.hastened += self.found
        changes.hasten_at = self.now

    def conclude(self, ledger: Ledger, _: Changes) -> Hastened:
        """They are due from now on."""
        ledger.rewind(self.now)
        return Hastened(len(self.found), self.postponed, self.last, self.withheld)


def _postponed(ledger: Ledger, numbers: set[int], now: float) -> set[int]:
    """Those of some messages, by their numbers, that are to be released later."""
    if not numbers:
        return set()
    rows = ledger.connection.execute(
        "SELECT id FROM message WHERE id IN (SELECT value FROM json_each(?)) AND hold_until > ?",
        (json.dumps(list(numbers)), now),
    )
    return {number for (number,) in rows.fetchall()}
