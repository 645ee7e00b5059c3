"""A spool shard in memory, with the same promises as the real one as long as the process lives.

It passes the conformance suite of the spool. `MemoryStore` is the disk: open another
`MemoryShard` on it to play a restart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from postroad.model import (
    BLANK,
    SAME,
    Action,
    Address,
    Addressee,
    Content,
    Envelope,
    StoredMessage,
    StoredRecipient,
    Told,
    Waybill,
)
from postroad.spool import (
    Altered,
    Choice,
    Claim,
    Claimed,
    Done,
    Hastened,
    Retry,
    Sifted,
    SpoolError,
    Standing,
)
from postroad.spool.choosing import matches
from postroad.spool.queue_id import QueueIds


@dataclass(frozen=True)
class MemoryContent:
    octets: bytes

    @property
    def size(self) -> int:
        return len(self.octets)

    def chunks(self) -> Iterator[bytes]:
        if self.octets:
            yield self.octets


@dataclass
class Row:
    """A recipient: `due` is absent while it was never deferred.

    What was given up of a message on hold is due `despite_hold`, until it is tried or held again.
    """

    queue_id: str
    recipient: StoredRecipient
    due: float | None = None
    reason: str | None = None
    despite_hold: bool = False


@dataclass
class MemoryStore:
    """What survives a restart."""

    messages: dict[str, StoredMessage] = field(default_factory=dict)
    rows: dict[int, Row] = field(default_factory=dict)
    mark: int = 0
    last_recipient: int = 0
    full: bool = False  # every write fails


def store_due(message: StoredMessage) -> float:
    """When a recipient that was never deferred is due: each step of priority counts ten minutes."""
    return message.queued - 600 * max(message.envelope.priority, 0)


def chosen(choice: Choice, message: StoredMessage, row: Row, now: float) -> bool:
    """Whether an operator means this recipient of the message."""
    names, waybill = choice.queue_ids, message.waybill
    later = (message.envelope.hold_until or 0.0) > now
    return (
        (names is None or message.queue_id in {name.upper() for name in names})
        and (not choice.held or bool(waybill.held))
        and (choice.reason is None or waybill.held == choice.reason)
        and (choice.login is None or (bool(waybill.login) and matches(waybill.login, choice.login)))
        and (choice.client is None or matches(waybill.client, choice.client))
        and (choice.sender is None or _is_from(choice.sender, message, row.recipient))
        and (choice.before is None or message.arrived < choice.before)
        and (choice.after is None or message.arrived > choice.after)
        and (choice.larger is None or message.content.size > choice.larger)
        and (choice.recipient is None or matches(_spelt(row.recipient.address), choice.recipient))
        and (choice.domain is None or matches(row.recipient.address.domain, choice.domain))
        and (choice.said is None or choice.said.lower() in (row.reason or "").lower())
        and (
            choice.standing is None
            or {
                Standing.HELD: bool(waybill.held),
                Standing.WAITING: not waybill.held and later,
                Standing.DAMAGED: False,
                Standing.DEFERRED: not waybill.held and not later and (row.due or 0.0) > now,
                Standing.ACTIVE: not waybill.held and (row.due or 0.0) <= now,
            }[choice.standing]
        )
    )


def _is_from(wanted: str, message: StoredMessage, recipient: StoredRecipient) -> bool:
    own = recipient.sender
    senders = [message.envelope.sender, *([] if own is SAME else [own])]
    return any(matches(_spelt(each), wanted) for each in senders)


def _spelt(address: Address | None) -> str:
    return "" if address is None else f"{address.local}@{address.domain}"


class MemoryDraft:
    def __init__(self, shard: MemoryShard, queue_id: str) -> None:
        self.queue_id = queue_id
        self.shard = shard
        self.pieces: list[bytes] = []
        self.spent = False

    def write(self, chunk: bytes) -> None:
        self.check()
        self.pieces.append(chunk)

    async def read(self, start: int = 0) -> MemoryContent:
        self.check()
        return MemoryContent(b"".join(self.pieces)[start:])

    async def replace(self, head: bytes, body: Content) -> None:
        self.check()
        if self.shard.store.full:
            self.discard()
            raise SpoolError("spool: no space left on device")
        self.pieces = [head, *body.chunks()]

    async def commit(
        self,
        envelope: Envelope,
        recipients: Sequence[Addressee],
        arrived: float,
        waybill: Waybill = BLANK,
    ) -> Claimed:
        self.check()
        if not recipients:
            raise ValueError("a message needs a recipient")
        self.spent = True
        return self.shard.store_message(self, envelope, recipients, arrived, waybill)

    def discard(self) -> None:
        self.spent = True

    def check(self) -> None:
        if self.spent:
            raise SpoolError("the draft was already committed or discarded")


class MemoryShard:
    damaged: tuple[str, ...] = ()

    def __init__(self, store: MemoryStore, clock: Callable[[], float], number: int = 0) -> None:
        self.store = store
        self.clock = clock
        self.ids = QueueIds(number, clock, store.mark)
        self.claimed: set[int] = set()
        self.given_up: set[int] = set()  # since they were claimed
        self.closed = False
        for row in store.rows.values():
            if row.due is None:
                row.due = store_due(store.messages[row.queue_id])

    def begin(self) -> MemoryDraft:
        self.check()
        self.ids.reserved(self.ids.wanted() or 0)
        number = self.ids.give()
        assert number is not None
        self.store.mark = number
        return MemoryDraft(self, self.ids.spell(number))

    def store_message(
        self,
        draft: MemoryDraft,
        envelope: Envelope,
        recipients: Sequence[Addressee],
        arrived: float,
        waybill: Waybill = BLANK,
    ) -> Claimed:
        self.check(writing=True)
        content = MemoryContent(b"".join(draft.pieces))
        now, hold = self.clock(), envelope.hold_until
        message = StoredMessage(draft.queue_id, envelope, arrived, now, content, waybill)
        first = self.store.last_recipient + 1
        self.store.last_recipient += len(recipients)
        stored = tuple(
            StoredRecipient(
                first + at,
                address,
                original,
                0,
                notify,
                orcpt,
                owed=owed,
                reason=why,
                sender=sender,
            )
            for at, (address, original, notify, orcpt, owed, sender, why) in enumerate(recipients)
        )
        self.store.messages[draft.queue_id] = message
        later = hold if hold is not None and hold > now else None
        self.store.rows |= {one.id: Row(draft.queue_id, one, later) for one in stored}
        if later is not None or waybill.held:
            return Claimed(message, ())
        self.claimed |= {one.id for one in stored}
        return Claimed(message, stored)

    async def claim(self, now: float, limit: int) -> Claim:
        self.check()
        waiting = sorted(
            (row.due, id_)
            for id_, row in self.store.rows.items()
            if row.due is not None
            and id_ not in self.claimed
            and (row.despite_hold or not self.held(row))
        )
        due = [id_ for at, id_ in waiting if at <= now][:limit]
        self.claimed |= set(due)
        groups: dict[str, list[StoredRecipient]] = {}
        for id_ in due:
            row = self.store.rows[id_]
            groups.setdefault(row.queue_id, []).append(row.recipient)
        messages = tuple(
            Claimed(self.store.messages[queue_id], tuple(group))
            for queue_id, group in groups.items()
        )
        rest = waiting[len(due) :]
        return Claim(messages, rest[0][0] if rest else None)

    async def settle(self, results: Sequence[Done | Retry]) -> list[str]:
        self.check(writing=True)
        touched: dict[str, None] = {}
        for result in results:
            if result.recipient_id not in self.claimed:
                continue
            self.unclaim(result.recipient_id)
            row = self.store.rows[result.recipient_id]
            if isinstance(result, Done):
                del self.store.rows[result.recipient_id]
                touched[row.queue_id] = None
            else:
                recipient = row.recipient
                row.due, row.despite_hold = result.at, False
                if recipient.owed is not Action.FAILED:
                    row.reason = result.reason
                row.recipient = recipient._replace(
                    attempts=recipient.attempts + result.tried,
                    told=result.told or recipient.told,
                    owed=result.owed or recipient.owed,
                    reason=row.reason or "",
                )
        return [queue_id for queue_id in touched if self.remove_empty(queue_id)]

    async def release(self, recipient_ids: Sequence[int]) -> None:
        self.check(writing=True)
        for id_ in self.claimed.intersection(recipient_ids):
            row = self.store.rows[id_]
            if row.due is None:
                row.due = store_due(self.store.messages[row.queue_id])
            self.unclaim(id_)

    def unclaim(self, recipient: int) -> None:
        self.claimed.discard(recipient)
        self.given_up.discard(recipient)

    def meant(self, choice: Choice) -> list[tuple[int, Row, StoredMessage]]:
        now, messages = self.clock(), self.store.messages
        return [
            (id_, row, messages[row.queue_id])
            for id_, row in self.store.rows.items()
            if chosen(choice, messages[row.queue_id], row, now)
        ]

    async def hasten(self, choice: Choice) -> Hastened:
        self.check(writing=True)
        now, count, postponed, withheld = self.clock(), 0, 0, 0
        for id_, row, message in self.meant(choice):
            if id_ in self.claimed:
                continue
            if self.held(row):
                withheld += 1
            elif row.due is not None and row.due > now:
                if (message.envelope.hold_until or 0.0) > now:
                    postponed += 1
                    continue
                row.due = now
                count += 1
        return Hastened(count, postponed, None, withheld)

    async def requeue(self, choice: Choice) -> Altered:
        self.check(writing=True)
        now, done, busy, postponed = self.clock(), [], 0, 0
        for id_, row, message in self.meant(choice):
            if (message.envelope.hold_until or 0.0) > now:
                postponed += 1
                continue
            done.append(row.queue_id)
            busy += id_ in self.claimed
            row.recipient = row.recipient._replace(attempts=0, told=Told.NOTHING)
            if row.recipient.owed is None:
                row.reason = None
                row.recipient = row.recipient._replace(reason="")
            row.due = row.due if id_ in self.claimed else now
        for queue_id in set(done):
            message = self.store.messages[queue_id]
            self.store.messages[queue_id] = replace(message, queued=now)
        return Altered(len(set(done)), len(done), busy, postponed)

    async def give_up(self, choice: Choice, reason: str) -> Altered:
        self.check(writing=True)
        done = [
            (id_, row)
            for id_, row, _ in self.meant(choice)
            if row.recipient.owed in {None, Action.FAILED}
        ]
        for id_, row in done:
            row.reason = reason
            row.recipient = row.recipient._replace(owed=Action.FAILED, reason=reason)
            row.due = row.due if id_ in self.claimed else self.clock()
            row.despite_hold = id_ not in self.claimed
        for queue_id in {row.queue_id for _, row in done}:
            rows = [row for row in self.store.rows.values() if row.queue_id == queue_id]
            message = self.store.messages[queue_id]
            if message.waybill.held and all(row.recipient.owed is not None for row in rows):
                waybill = message.waybill._replace(held="")
                self.store.messages[queue_id] = replace(message, waybill=waybill)
                for row in rows:
                    row.due = store_due(message) if row.due is None else row.due
        busy = self.claimed.intersection(id_ for id_, _ in done)
        self.given_up |= busy
        return Altered(len({row.queue_id for _, row in done}), len(done), len(busy))

    async def remove(self, choice: Choice) -> Altered:
        self.check(writing=True)
        done = self.meant(choice)
        for id_, _, _ in done:
            del self.store.rows[id_]
            self.unclaim(id_)
        names = {row.queue_id for _, row, _ in done}
        for name in names:
            self.remove_empty(name)
        return Altered(len(names), len(done))

    async def hold(self, choice: Choice, reason: str) -> Sifted:
        self.check(writing=True)
        if not reason:
            raise ValueError("a message is held for a reason")
        return self.mark_held(choice, reason)

    async def free(self, choice: Choice) -> Sifted:
        self.check(writing=True)
        done = self.mark_held(choice, "")
        for id_, row in self.store.rows.items():
            if row.due is None and id_ not in self.claimed and not self.held(row):
                row.due = store_due(self.store.messages[row.queue_id])
        return done

    def withheld(self, recipient_ids: Sequence[int]) -> frozenset[int]:
        return frozenset(
            each
            for each in recipient_ids
            if each not in self.claimed or each in self.given_up or self.held(self.store.rows[each])
        )

    def mark_held(self, choice: Choice, reason: str) -> Sifted:
        meant = list({each.queue_id: each for _, _, each in self.meant(choice)}.values())
        changed = [each for each in meant if bool(each.waybill.held) is not bool(reason)]
        for each in changed:
            for row in self.store.rows.values():
                row.despite_hold = row.despite_hold and row.queue_id != each.queue_id
            waybill = each.waybill._replace(held=reason)
            self.store.messages[each.queue_id] = replace(each, waybill=waybill)
        return Sifted(len(changed), len(meant) - len(changed), None)

    def held(self, row: Row) -> bool:
        return bool(self.store.messages[row.queue_id].waybill.held)

    async def delete(self, queue_ids: Sequence[str]) -> int:
        return (await self.remove(Choice(frozenset(queue_ids)))).messages

    async def close(self) -> None:
        self.closed = True

    def remove_empty(self, queue_id: str) -> bool:
        if any(row.queue_id == queue_id for row in self.store.rows.values()):
            return False
        return self.store.messages.pop(queue_id, None) is not None

    def check(self, *, writing: bool = False) -> None:
        if self.closed:
            raise SpoolError("spool: closed")
        if writing and self.store.full:
            raise SpoolError("spool: no space left on device")
