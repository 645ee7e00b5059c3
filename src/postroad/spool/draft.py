"""A message on its way into the spool: its queue identifier, and its content as it grows.

A content is held in memory up to the inline limit and is a file from there on, so that a session
never holds more than that of a message, and a piece on its way into the file. A message within the
limit meets no thread and no wait before its commit. Exactly one of `commit` and `discard` ends a
draft.

Before that it can be read, and be given another content: whoever examines messages may change them.
A large one is then written a second time, beside the first, and synced once, at the commit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Protocol
from zlib import crc32

from postroad.model import (
    BLANK,
    Addressee,
    Content,
    Envelope,
    StoredMessage,
    StoredRecipient,
    Told,
    Waybill,
)
from postroad.model.content import AT_HAND, Octets
from postroad.spool.bodies import Bodies
from postroad.spool.body_writer import BodyWriter
from postroad.spool.claim import Claimed
from postroad.spool.errors import CommitUnsure, SpoolError
from postroad.spool.jobs import Store
from postroad.spool.pieces import Pieces, keep
from postroad.spool.unfinished import Unfinished

__all__ = ["Desk", "Draft"]


class Vault(Protocol):
    """The part of a shard that a draft needs."""

    async def store(self, job: Store, patience: float) -> range:
        """Commit a message, within `patience` seconds, and claim its recipients."""
        ...

    def check_open(self) -> None:
        """Raise `SpoolError` when nothing can be committed any more."""
        ...

    def keep(self, job: Store) -> Content:
        """The content of a message that was just committed."""
        ...


GATHER = 0.002
"""Seconds a message waits for others that are being received, to share a sync with them."""


@dataclass(slots=True)
class Desk:
    """What all drafts of a shard share.

    Attributes:
        vault: where messages go.
        bodies: where large contents go.
        executor: where files are written, synced and removed.
        inline_limit: octets of a content that stays in memory; 0 for any number.
        clock: seconds since the epoch.
        drafts: how many messages are being received.
    """

    vault: Vault
    bodies: Bodies
    executor: Executor
    inline_limit: int
    clock: Callable[[], float]
    drafts: int = 0


class Draft:
    """A message that is being received.

    Attributes:
        queue_id: the message's identifier, from the start.
    """

    def __init__(self, number: int, queue_id: str, desk: Desk) -> None:
        self.queue_id = queue_id
        self._number = number
        self._desk = desk
        self._pieces: Pieces = []
        self._size = 0
        self._writer: BodyWriter | None = None
        self._is_spent = False
        desk.drafts += 1

    def write(self, chunk: bytes) -> Awaitable[None] | None:
        """Append octets of the content.

        Returns:
            What to wait for before more is written, so that memory holds; it raises nothing.
            `None`, and always within the inline limit: nothing.

        Raises:
            SpoolError: these, or octets written earlier, cannot be stored; the draft is discarded.
        """
        self._check_open()
        self._size += len(chunk)
        if self._writer is None:
            keep(self._pieces, chunk)
            if not self._desk.inline_limit or self._size <= self._desk.inline_limit:
                return None
            body = self._desk.bodies.create(self.queue_id)
            self._writer = BodyWriter(body, self._desk.executor)
            chunk = b"".join(self._pieces)
            self._pieces.clear()
        try:
            return self._writer.write(chunk)
        except SpoolError:
            self.discard()
            raise

    async def read(self, start: int = 0) -> Content:
        """What was written so far, complete or not. It can be read until the draft ends.

        Args:
            start: the first octet wanted.

        Raises:
            SpoolError: octets written earlier cannot be stored.
        """
        self._check_open()
        if self._writer is None:
            whole = b"".join(self._pieces)
            self._pieces[:] = [whole]
            return Octets(whole[start:] if start else whole)
        content = Unfinished(await self._writer.settle(), start, self._size - start)
        if content.size > AT_HAND:
            return content
        return Octets(await self._in_thread(lambda: b"".join(content.chunks())))

    async def replace(self, head: bytes, body: Content) -> None:
        """Put another content in the place of all that was written; once.

        Nothing is durable before `commit`, and a crash before that leaves nothing of either.

        Args:
            head: its first octets.
            body: all that follows; what `read` gave, or anything else.

        Raises:
            SpoolError: it cannot be stored, or `body` not be read.
        """
        self._check_open()
        size, old = len(head) + body.size, self._writer
        if not self._desk.inline_limit or size <= self._desk.inline_limit:
            if body.size <= AT_HAND:
                octets = b"".join((head, *body.chunks()))
            else:
                octets = await self._in_thread(lambda: b"".join((head, *body.chunks())))
            self._check_open()
            self._pieces[:], self._writer = [octets], None
        else:
            fresh = self._desk.bodies.create(self.queue_id, again=old is not None)
            writer = BodyWriter(fresh, self._desk.executor)
            try:
                await writer.copy(head, body)
                self._check_open()
            except BaseException:
                writer.discard()
                raise
            self._pieces.clear()
            self._writer = writer
        self._size = size
        if old is not None:
            old.discard()

    async def commit(
        self,
        envelope: Envelope,
        recipients: Sequence[Addressee],
        arrived: float,
        waybill: Waybill = BLANK,
    ) -> Claimed:
        """Put the message on stable storage.

        A caller cancelled while the message itself is being committed leaves it in the queue,
        and its recipients are handed back for the next claim. Cancelled before that, while a
        large content is being synced, it leaves nothing.

        Args:
            envelope: what holds for all recipients.
            recipients: where it goes; at least one.
            arrived: when the transaction began, seconds since the epoch.
            waybill: whose the message is, and whether it is held.

        Returns:
            The message with all its recipients, claimed for the caller. Without any where
            `hold_until` is still to come, from which time on they can be claimed, and where the
            message is held.

        Raises:
            SpoolError: storage failed; nothing is queued.
            ValueError: there are no recipients.
        """
        self._check_open()
        if not recipients:
            raise ValueError("a message needs a recipient")
        self._desk.vault.check_open()
        self._spend()
        octets = None if self._writer else b"".join(self._pieces)
        self._pieces.clear()
        if octets is not None:
            checksum = crc32(octets)
        else:
            checksum = await self._publish()
        queued, hold = self._desk.clock(), envelope.hold_until
        job = Store(
            self._number,
            self.queue_id,
            envelope,
            recipients,
            arrived,
            queued,
            self._size,
            octets,
            checksum,
            hold if hold is not None and hold > queued else None,
            waybill,
        )
        try:
            ids = await self._desk.vault.store(job, GATHER if self._desk.drafts else 0.0)
        except CommitUnsure:
            raise  # should the row be in the log, it needs its file; if not, recovery removes it
        except SpoolError:
            self._drop()
            raise
        message = StoredMessage(
            self.queue_id, envelope, arrived, queued, self._desk.vault.keep(job), waybill
        )
        if job.waits:
            return Claimed(message, ())
        return Claimed(
            message,
            tuple(
                [
                    StoredRecipient(
                        id_, address, original, 0, notify, orcpt, Told.NOTHING, owed, reason, sender
                    )
                    for id_, (address, original, notify, orcpt, owed, sender, reason) in zip(
                        ids, recipients, strict=True
                    )
                ]
            ),
        )

    def discard(self) -> None:
        """Forget the message; nothing happens when it was committed or discarded before."""
        if self._is_spent:
            return
        self._spend()
        self._pieces.clear()
        self._drop()

    async def _in_thread(self, step: Callable[[], bytes]) -> bytes:
        try:
            work = asyncio.get_running_loop().run_in_executor(self._desk.executor, step)
        except RuntimeError:
            raise SpoolError("spool: closed") from None
        return await asyncio.shield(work)

    def _spend(self) -> None:
        self._is_spent = True
        self._desk.drafts -= 1

    async def _publish(self) -> int:
        assert self._writer is not None, "what is in memory is published by its commit"
        try:
            return await self._writer.publish()
        except BaseException:
            self._drop()
            raise

    def _drop(self) -> None:
        if self._writer is not None:
            self._writer.discard()

    def _check_open(self) -> None:
        if self._is_spent:
            raise SpoolError(f"{self.queue_id}: the draft was already committed or discarded")
