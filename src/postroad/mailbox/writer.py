"""Writes to Maildirs beside the event loop.

Syncs block, so each message is stored in a thread; several at a time, because a file system
commits the syncs that wait together as one. How many deliveries are under way at all is bounded
by who asks for them. How full a mailbox is, is found out by threads of their own: where a file
system does not answer, the sessions that ask are not in the way of those who write elsewhere.

A delivery may be a repeat if the message is older than this process, was tried before, or was
stored by this process already: its mark may have been lost (`errand` tells what that costs). What
belongs to other users is handed to those who are them (`Others`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar
from weakref import WeakValueDictionary

from postroad.mailbox.errand import Errand, Target, usage_of
from postroad.mailbox.location import Whereabouts
from postroad.mailbox.maildir import Stored, store, trace_lines, unique_name
from postroad.mailbox.owners import Owner, OwnerAway
from postroad.mailbox.quota import Quota, Usage
from postroad.model import BodyType, Content, StoredMessage, StoredRecipient
from postroad.model.durable import DISK, Durable

__all__ = ["LOOKING", "THREADS", "MaildirWriter", "Others", "Target"]

THREADS = 16  # enough to share the file system's commits; more wait for them in vain
PER_OWNER = 12  # of these: who owns mail can stop whoever writes it, and shall stop nobody else's
LOOKING = 4  # threads; an answer is one small file, as a rule
REMEMBERED = 4096  # deliveries whose marks may still fail: more than run at a time
SAME_MOMENT = 2.0  # seconds by which the clock may have been set since a message came

T = TypeVar("T")


class Others(Protocol):
    """Who writes as other users; `agent.pool.AgentPool` does. Every method blocks."""

    def deliver(self, owner: Owner, errand: Errand, content: Content) -> Stored:
        """As `Errand.run`; may raise `OwnerAway` as well."""
        ...

    def usage(self, owner: Owner, where: Whereabouts, quota: Quota) -> Usage:
        """As `usage_of`; may raise `OwnerAway` as well."""
        ...

    def close(self) -> None:
        """Let them go."""
        ...


class MaildirWriter:
    """Stores messages into any number of Maildirs.

    Args:
        host: this server's name, a part of every file's name.
        threads: how many files are written and synced at a time.
        now: seconds since the epoch.
        durable: the gate for every step that changes stable storage.
        others: write what is not the server's own; closed with this.
    """

    def __init__(
        self,
        host: str,
        threads: int = THREADS,
        *,
        now: Callable[[], float] = time.time,
        durable: Durable = DISK,
        others: Others | None = None,
    ) -> None:
        self._host = host
        self._others = others
        self._turns: WeakValueDictionary[Owner, asyncio.Semaphore] = WeakValueDictionary()
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="maildir")
        self._looking = ThreadPoolExecutor(LOOKING, thread_name_prefix="mailbox-room")
        self._now = now
        self._durable = durable
        self._started = now()
        self._stored: dict[str, None] = {}

    @property
    def has_others(self) -> bool:
        """Whether somebody writes what is not the server's own."""
        return self._others is not None

    async def store(
        self, maildir: Path, message: StoredMessage, recipients: Sequence[StoredRecipient]
    ) -> bool:
        """Put one copy of the message, for these recipients, into a Maildir.

        Args:
            maildir: the top folder; made if it is not there.
            message: what is stored.
            recipients: at least one; they are named above the header, and the first gives the
                copy its identity.

        Returns:
            Whether a file was written; not, if an earlier try left this copy in `cur`.

        Raises:
            OSError: it may not be on stable storage, and should be tried again.
        """
        name = unique_name(message, recipients[0].id, self._host)
        return (await self._in_thread(self._plain, maildir, name, message, recipients)).written

    async def deliver(
        self, target: Target, message: StoredMessage, recipient: StoredRecipient
    ) -> Stored:
        """Put a recipient's copy into a folder of an account.

        Args:
            target: where to.
            message: what is stored.
            recipient: whose copy it is.

        Returns:
            Whether a file was written, and the account's usage where it has a quota.

        Raises:
            OverQuota: the account has no room for it.
            UnsafeName: a link leads to where no mail may be written.
            OSError: it may not be on stable storage, and should be tried again.
        """
        name = unique_name(message, recipient.id, self._host, target.number)
        repeat = (
            name in self._stored
            or recipient.attempts > 0
            or message.queued < self._started + SAME_MOMENT
        )
        binary = message.envelope.body is BodyType.BINARY_MIME
        head = trace_lines(message.envelope, (recipient,))
        errand = Errand(target, name, head, message.queued, binary, repeat)
        async with self._turn(target.owner):
            stored = await self._in_thread(self._deliver, errand, message.content)
        self._stored[name] = None
        if len(self._stored) > REMEMBERED:
            del self._stored[next(iter(self._stored))]
        return stored

    async def usage(self, where: Whereabouts, quota: Quota, owner: Owner | None = None) -> Usage:
        """What lies in an account's mailbox.

        Args:
            where: the account's mail.
            quota: what it may have.
            owner: whose it is; `None`: the server's.

        Raises:
            OSError, UnsafeName: it cannot be found out.
        """

        def look() -> Usage:
            if owner is None:
                return usage_of(where, quota, self._now, self._durable)
            return self._as_others().usage(owner, where, quota)

        return await asyncio.get_running_loop().run_in_executor(self._looking, look)

    def close(self) -> None:
        """End the threads; blocks until the messages already asked for are written."""
        self._looking.shutdown(wait=False, cancel_futures=True)  # nobody waits for an answer now
        self._threads.shutdown()
        if self._others is not None:
            self._others.close()

    def _in_thread(self, work: Callable[..., T], *arguments: object) -> asyncio.Future[T]:
        return asyncio.get_running_loop().run_in_executor(self._threads, partial(work, *arguments))

    def _plain(
        self,
        maildir: Path,
        name: str,
        message: StoredMessage,
        recipients: Sequence[StoredRecipient],
    ) -> Stored:
        return store(
            maildir,
            name,
            trace_lines(message.envelope, recipients),
            message.content,
            message.queued,
            binary=message.envelope.body is BodyType.BINARY_MIME,
            durable=self._durable,
        )

    def _deliver(self, errand: Errand, content: Content) -> Stored:
        owner = errand.target.owner
        if owner is None:
            return errand.run(content, self._now, self._durable)
        return self._as_others().deliver(owner, errand, content)

    def _turn(self, owner: Owner | None) -> AbstractAsyncContextManager[None]:
        """A turn at the threads; of other owners none has all of them at a time."""
        if owner is None:
            return nullcontext()
        turn = self._turns.get(owner)
        if turn is None:
            turn = self._turns[owner] = asyncio.Semaphore(PER_OWNER)
        return turn

    def _as_others(self) -> Others:
        if self._others is None:
            raise OwnerAway("the server can write as no other user")
        return self._others
