"""A shard's books: who is claimed, what is due, and the database both are read from.

Theory of operation. A recipient is in one of four states. *With the queue*: it is in `claimed`.
*Deferred*: it has a `next_attempt` and waits in the index of due times. *Held* with its message: it
has none, and is with nobody. *Gone*: it has no row.
A fresh recipient has no `next_attempt`; it is with the queue from its first moment, and the index
never hears of it. At open every such row gets its message's time as `next_attempt`, which makes
whatever was with the queue at a crash due at once, the oldest first. A recipient of a message that
its sender wants delivered later is deferred from the start, until then.

A claimed recipient that was deferred stays in the index until it is settled, so a scan has to step
over it. `cursor` remembers where the last scan stopped: everything before it is claimed. Whatever
puts an unclaimed recipient before the cursor moves the cursor back. It is only a shortcut; the
set of claimed recipients decides.

Not thread-safe: one caller at a time, and never while a commit is running elsewhere.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator

from postroad.model import Content, StoredMessage, StoredRecipient
from postroad.spool.bodies import Bodies
from postroad.spool.claim import Claim, Claimed
from postroad.spool.content import Alarm, FileContent, Reader, Recent, RowContent
from postroad.spool.rows import MESSAGE_COLUMNS, DueRow, MessageRow

__all__ = ["Ledger"]

START = (float("-inf"), 0)
SCAN = 128  # rows of the index read at once

DUE = (
    "SELECT next_attempt, id, message, address, original, attempts, notify, orcpt, told, owed,"
    " reason, sender FROM recipient"
    " WHERE next_attempt IS NOT NULL AND (next_attempt, id) > (?, ?)"
    " ORDER BY next_attempt, id LIMIT ?"
)
MESSAGES = (
    f"SELECT {MESSAGE_COLUMNS} FROM message"  # noqa: S608 - a constant
    " WHERE id IN (SELECT value FROM json_each(?))"
)
LAST_RECIPIENT = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'recipient'"


class Ledger:
    """Claims over an open database.

    Args:
        connection: the shard's writer.
        bodies: where large contents are.
        recent: fresh contents.
        reader: reads contents from the database.
        alarm: hears of damaged contents.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        bodies: Bodies,
        recent: Recent,
        reader: Reader,
        alarm: Alarm,
    ) -> None:
        self.connection = connection
        self.claimed: dict[int, int] = {}  # recipient -> message
        self._withheld: Counter[int] = Counter()  # held messages -> their claimed recipients
        self._given_up: set[int] = set()  # claimed recipients that are owed a report instead
        self._bodies = bodies
        self._recent = recent
        self._reader = reader
        self._alarm = alarm
        self._cursor = START
        self._last_recipient: int = connection.execute(LAST_RECIPIENT).fetchone()[0]

    def number_recipients(self, count: int) -> range:
        """Identities for `count` new recipients, never given before."""
        first = self._last_recipient + 1
        self._last_recipient += count
        return range(first, first + count)

    def content(
        self, number: int, queue_id: str, size: int, checksum: int | None, *, filed: bool
    ) -> Content:
        """The content of a message, to be read when it is needed."""
        if filed:
            return FileContent(self._bodies.path(queue_id), size, number, checksum, self._alarm)
        return RowContent(number, size, self._recent, self._reader, checksum, self._alarm)

    def claim(self, now: float, limit: int) -> Claim:
        """Take up to `limit` due recipients, the longest due first.

        Raises:
            sqlite3.Error: the database cannot be read; nothing is claimed.
        """
        taken: list[DueRow] = []
        next_due = None
        cursor = self._cursor
        for due in self._waiting():
            if due.at > now or len(taken) == limit:
                next_due = due.at
                break
            taken.append(due)
            cursor = (due.at, due.id)
        messages = self._messages({due.message for due in taken})
        self._cursor = cursor
        self.claimed.update((due.id, due.message) for due in taken)
        groups: dict[int, list[StoredRecipient]] = {}
        for due in taken:
            groups.setdefault(due.message, []).append(due.recipient())
        return Claim(
            tuple(Claimed(messages[number], tuple(group)) for number, group in groups.items()),
            next_due,
        )

    def unclaim(self, recipient: int, due: float | None) -> None:
        """The recipient is no longer with the queue; `due` tells when it will be, if known."""
        if recipient in self.claimed:
            self.unclaim_for_good(recipient)
        self.rewind(due)

    def unclaim_for_good(self, recipient: int) -> None:
        """The recipient, which is with the queue, will not be there again."""
        message = self.claimed.pop(recipient)
        self._given_up.discard(recipient)
        if self._withheld and message in self._withheld:
            self._withheld[message] -= 1
            if not self._withheld[message]:
                del self._withheld[message]

    def withhold(self, numbers: Iterable[int]) -> None:
        """These messages are held: the queue is not to begin what it has of them."""
        held = set(numbers)
        self._withheld.update(of for of in self.claimed.values() if of in held)

    def let_go(self, numbers: Iterable[int]) -> None:
        """These messages are held no longer, and may be due from anywhere on."""
        for number in numbers:
            self._withheld.pop(number, None)
        self.rewind(None)

    def give_up(self, recipients: Iterable[int]) -> None:
        """Those of them that the queue has are not to be begun: they are to be reported on."""
        self._given_up.update(id_ for id_ in recipients if id_ in self.claimed)

    def withheld(self, recipients: Iterable[int]) -> Iterator[int]:
        """Those of the recipients given to the queue that it must not begin (any more)."""
        for id_ in recipients:
            message = self.claimed.get(id_)
            if message is None or message in self._withheld or id_ in self._given_up:
                yield id_

    def withholds(self, number: int | None) -> bool:
        """Whether a message was held while the queue has recipients of it."""
        return number in self._withheld

    def drop(self, number: int) -> None:
        """The message is gone; its content need not be kept."""
        self._recent.drop(number)

    def rewind(self, due: float | None) -> None:
        """Something may wait from `due` on (from anywhere when `None`): look there again."""
        self._cursor = min(self._cursor, START if due is None else (due, 0))

    def _waiting(self) -> Iterator[DueRow]:
        """Deferred recipients nobody holds, in the order they become due."""
        place = self._cursor
        while True:
            rows = self.connection.execute(DUE, (*place, SCAN)).fetchall()
            for row in rows:
                if row[1] not in self.claimed:
                    yield DueRow(*row)
            if len(rows) < SCAN:
                return
            place = rows[-1][:2]

    def _messages(self, numbers: set[int]) -> dict[int, StoredMessage]:
        if not numbers:
            return {}
        rows = self.connection.execute(MESSAGES, (json.dumps(list(numbers)),)).fetchall()
        return {row[0]: self._message(MessageRow(*row)) for row in rows}

    def _message(self, row: MessageRow) -> StoredMessage:
        content = self.content(
            row.number, row.queue_id, row.size, row.checksum, filed=bool(row.filed)
        )
        return StoredMessage(
            row.queue_id, row.envelope(), row.arrived, row.queued, content, row.waybill()
        )
