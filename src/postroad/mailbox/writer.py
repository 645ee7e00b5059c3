"""Writes to Maildirs beside the event loop.

Syncs block, so each message is stored in a thread; several at a time, because a file system
commits the syncs that wait together as one. How many deliveries are under way at all is bounded
by who asks for them. How full a mailbox is, is found out by threads of their own: where a file
system does not answer, the sessions that ask are not in the way of those who write elsewhere.

A delivery may be a repeat if the message is older than this process, was tried before, or was
stored by this process already: its mark may have been lost. Then, and only then, all folders of
the account are looked through for it, where they changed since the message came.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from postroad.mailbox.folder import INBOX, FolderName, encoded, folder_path
from postroad.mailbox.location import Whereabouts
from postroad.mailbox.maildir import (
    Stored,
    confirm,
    create_maildir,
    mark_as_folder,
    store,
    trace_lines,
    unique_name,
)
from postroad.mailbox.maildirsize import MaildirSize
from postroad.mailbox.quota import NO_QUOTA, Quota, Usage
from postroad.mailbox.rights import PRIVATE, Rights
from postroad.mailbox.scan import all_folders, earlier
from postroad.mailbox.subscriptions import subscribe
from postroad.model import BodyType, StoredMessage, StoredRecipient
from postroad.model.durable import DISK, Durable

__all__ = ["MaildirWriter", "Target"]

THREADS = 16  # enough to share the file system's commits; more wait for them in vain
LOOKING = 4  # threads; an answer is one small file, as a rule
REMEMBERED = 4096  # deliveries whose marks may still fail: more than run at a time
SAME_MOMENT = 2.0  # seconds by which the clock may have been set since a message came

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Target:
    """Where in an account's mail a copy goes.

    Attributes:
        where: the account's mail.
        folder: the folder.
        create: whether that is made if it is not there; else the inbox takes the copy.
        number: of the copy, where the account gets several: 0, 1 …
        quota: what the account may have.
        rights: of what is made.
    """

    where: Whereabouts
    folder: FolderName = INBOX
    create: bool = False
    number: int = 0
    quota: Quota = NO_QUOTA
    rights: Rights = PRIVATE


class MaildirWriter:
    """Stores messages into any number of Maildirs.

    Args:
        host: this server's name, a part of every file's name.
        threads: how many files are written and synced at a time.
        now: seconds since the epoch.
        durable: the gate for every step that changes stable storage.
    """

    def __init__(
        self,
        host: str,
        threads: int = THREADS,
        *,
        now: Callable[[], float] = time.time,
        durable: Durable = DISK,
    ) -> None:
        self._host = host
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="maildir")
        self._looking = ThreadPoolExecutor(LOOKING, thread_name_prefix="mailbox-room")
        self._now = now
        self._durable = durable
        self._started = now()
        self._stored: dict[str, None] = {}

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
        stored = await self._in_thread(self._deliver, target, name, message, recipient, repeat)
        self._stored[name] = None
        if len(self._stored) > REMEMBERED:
            del self._stored[next(iter(self._stored))]
        return stored

    async def usage(self, where: Whereabouts, quota: Quota) -> Usage:
        """What lies in an account's mailbox.

        Raises:
            OSError, UnsafeName: it cannot be found out.
        """

        def look() -> Usage:
            where.confine()
            return self._size(where, quota, PRIVATE).usage()

        return await asyncio.get_running_loop().run_in_executor(self._looking, look)

    def close(self) -> None:
        """End the threads; blocks until the messages already asked for are written."""
        self._looking.shutdown(wait=False, cancel_futures=True)  # nobody waits for an answer now
        self._threads.shutdown()

    def _in_thread(self, work: Callable[..., T], *arguments: object) -> asyncio.Future[T]:
        return asyncio.get_running_loop().run_in_executor(self._threads, partial(work, *arguments))

    def _plain(
        self,
        maildir: Path,
        name: str,
        message: StoredMessage,
        recipients: Sequence[StoredRecipient],
    ) -> Stored:
        return self._write(maildir, name, message, recipients)

    def _deliver(
        self,
        target: Target,
        name: str,
        message: StoredMessage,
        recipient: StoredRecipient,
        repeat: bool,
    ) -> Stored:
        where, rights = target.where, target.rights
        where.confine()
        size = self._size(where, target.quota, rights) if target.quota else None
        if repeat:
            found = earlier(where, name, message.queued)
            if found is not None:
                return confirm(found, size, self._durable)
        maildir = self._folder(target)
        return self._write(maildir, name, message, (recipient,), rights=rights, quota=size)

    def _folder(self, target: Target) -> Path:
        """The Maildir of the folder, made if that is wanted; else the inbox.

        A link that leads out of the account's own mail is no folder of it.
        """
        where, folder, rights = target.where, target.folder, target.rights
        if folder.is_inbox or not folder.fits(where):
            return where.inbox
        path = folder_path(where, folder)
        if (path / "tmp").is_dir():
            return path if where.holds(path) else where.inbox
        there = _spelt_otherwise(where, folder)
        if there is not None:
            return there if where.holds(there) else where.inbox
        if not target.create or not where.holds(path):  # a link can lead to what is not there yet
            return where.inbox
        if not (where.inbox / "tmp").is_dir():
            create_maildir(where.inbox, rights, self._durable)
        create_maildir(path, rights, self._durable)
        if not where.nested:
            mark_as_folder(path, rights, self._durable)
        subscribe(where, folder, rights)
        return path

    def _size(self, where: Whereabouts, quota: Quota, rights: Rights) -> MaildirSize:
        return MaildirSize(where, quota, self._now, rights=rights, durable=self._durable)

    def _write(
        self,
        maildir: Path,
        name: str,
        message: StoredMessage,
        recipients: Sequence[StoredRecipient],
        *,
        rights: Rights = PRIVATE,
        quota: MaildirSize | None = None,
    ) -> Stored:
        return store(
            maildir,
            name,
            trace_lines(message.envelope, recipients),
            message.content,
            message.queued,
            binary=message.envelope.body is BodyType.BINARY_MIME,
            rights=rights,
            quota=quota,
            durable=self._durable,
        )


def _spelt_otherwise(where: Whereabouts, folder: FolderName) -> Path | None:
    """The folder whose name differs in case only; addresses are compared without regard to it."""
    parts = folder.parts if where.utf8 else tuple(map(encoded, folder.parts))
    wanted = [part.casefold() for part in parts]
    for each in all_folders(where):
        if each == where.inbox or not each.is_relative_to(where.root):
            continue
        below = each.relative_to(where.root)
        found = below.parts if where.nested else below.name.removeprefix(".").split(".")
        if [part.casefold() for part in found] == wanted:
            return each
    return None
