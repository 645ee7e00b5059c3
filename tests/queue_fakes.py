"""What a runner needs around it: a spool in memory, a door, a router, a journal, a clock."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import TypeVar

from postroad.delivery import Route
from postroad.model import Address, ContentFilter, Envelope, StoredMessage, StoredRecipient
from postroad.model.journal import Event
from postroad.queue import Runner
from postroad.spool import Claim, Claimed, Done, Retry, SpoolError
from queue_mail import NOON

E = TypeVar("E", bound=Event)


class FakeClock:
    def __init__(self, now: float = NOON) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class FakeSpool:
    """A shard without a disk: the same promises as long as the process lives."""

    def __init__(self) -> None:
        self.messages: dict[str, StoredMessage] = {}
        self.due: dict[int, float] = {}
        self.rows: dict[int, tuple[str, StoredRecipient]] = {}
        self.claimed: set[int] = set()
        self.reasons: dict[int, str] = {}
        self.settled: list[list[Done | Retry]] = []
        self.claims = 0
        self.held: set[str] = set()  # queue IDs
        self.full = False  # every write fails
        self.deaf = False  # every read fails
        self.gate = asyncio.Event()  # settle waits here
        self.gate.set()
        self.settling = 0

    def put(
        self, message: StoredMessage, recipients: Iterable[StoredRecipient], due: float = 0.0
    ) -> None:
        """A message that was there before."""
        self.messages[message.queue_id] = message
        for recipient in recipients:
            self.rows[recipient.id] = (message.queue_id, recipient)
            self.due[recipient.id] = due

    def commit(self, message: StoredMessage, recipients: Sequence[StoredRecipient]) -> Claimed:
        """A message that just came in, claimed for whoever committed it."""
        self.put(message, recipients)
        self.claimed |= {recipient.id for recipient in recipients}
        return Claimed(message, tuple(recipients))

    async def claim(self, now: float, limit: int) -> Claim:
        await asyncio.sleep(0)
        if self.deaf:
            raise SpoolError("the disk is gone")
        self.claims += 1
        free = sorted(
            (self.due[at], at)
            for at, (queue_id, _) in self.rows.items()
            if at not in self.claimed and queue_id not in self.held
        )
        taken = [at for due, at in free if due <= now][:limit]
        self.claimed.update(taken)
        rest = [due for due, at in free if at not in self.claimed]
        groups: dict[str, list[StoredRecipient]] = {}
        for at in taken:
            queue_id, recipient = self.rows[at]
            groups.setdefault(queue_id, []).append(recipient)
        messages = tuple(Claimed(self.messages[key], tuple(to)) for key, to in groups.items())
        return Claim(messages, min(rest, default=None))

    async def settle(self, results: Sequence[Done | Retry]) -> list[str]:
        self.settling += 1
        assert self.settling == 1
        try:
            await asyncio.sleep(0)
            await self.gate.wait()
            if self.full:
                raise SpoolError("no space left on device")
            return self._settle(results)
        finally:
            self.settling -= 1

    async def release(self, recipient_ids: Sequence[int]) -> None:
        await asyncio.sleep(0)
        if self.full:
            raise SpoolError("no space left on device")
        self.claimed.difference_update(recipient_ids)

    def withheld(self, recipient_ids: Sequence[int]) -> set[int]:
        return {
            each
            for each in recipient_ids
            if each not in self.claimed or self.rows[each][0] in self.held
        }

    def _settle(self, results: Sequence[Done | Retry]) -> list[str]:
        self.settled.append(list(results))
        touched = {}
        for result in results:
            assert result.recipient_id in self.claimed
            self.claimed.discard(result.recipient_id)
            queue_id, recipient = self.rows[result.recipient_id]
            if isinstance(result, Done):
                touched[queue_id] = None
                del self.rows[result.recipient_id], self.due[result.recipient_id]
            else:
                self.reasons[recipient.id] = result.reason
                self.due[recipient.id] = result.at
                again = recipient._replace(
                    attempts=recipient.attempts + result.tried,
                    told=result.told or recipient.told,
                    owed=result.owed or recipient.owed,
                    reason=result.reason,
                )
                self.rows[recipient.id] = (queue_id, again)
        left = {queue_id for queue_id, _ in self.rows.values()}
        gone = [queue_id for queue_id in touched if queue_id not in left]
        for queue_id in gone:
            del self.messages[queue_id]
        return gone


class FakeDoor:
    """Takes bounces, or fails as told."""

    def __init__(self) -> None:
        self.submitted: list[tuple[Envelope, list[Address], bytes]] = []
        self.error: Exception | None = None
        self.taken = asyncio.Event()

    async def submit(
        self, envelope: Envelope, recipients: Sequence[Address], message: bytes
    ) -> str:
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        self.submitted.append((envelope, list(recipients), message))
        self.taken.set()
        return f"BOUNCE{len(self.submitted)}"


class FakeRouter:
    """Everything goes by `transport` to its domain; `broken` domains raise, `slow` ones wait."""

    def __init__(self) -> None:
        self.transport = "smtp"
        self.filter = "smtp"
        self.broken: set[str] = set()
        self.gate = asyncio.Event()
        self.slow: set[str] = set()

    async def route(
        self,
        address: Address,
        content_filter: ContentFilter | None = None,
        *,
        sender: Address | None = None,
        listener: str = "",
    ) -> Route:
        if content_filter is not None:
            return Route(self.filter, content_filter.nexthop)
        if address.domain in self.slow:
            await self.gate.wait()
        if address.domain in self.broken:
            raise ConnectionError("the directory is gone")
        return Route(self.transport, address.domain)


class FakeJournal:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        self.events.append(event)

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]


async def until(happened: Callable[[], object], turns: int = 2000) -> None:
    """Turn the loop until something happened; it has to happen without time passing."""
    for _ in range(turns):
        if happened():
            return
        await asyncio.sleep(0)
    raise AssertionError("it did not happen")


async def turn(times: int = 20) -> None:
    """Turn the loop, so that whatever could happen now has happened."""
    for _ in range(times):
        await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def delivering(runner: Runner) -> AsyncIterator[None]:
    """The runner runs meanwhile."""
    task = asyncio.create_task(runner.run())
    await turn()
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
