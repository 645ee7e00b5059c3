"""What is to be done in one mailbox, as a value, and the doing of it.

The same code runs in two places: in a thread of a worker, where the mail is the server's own, and
in an agent, a process that is the owner of the mail. So a task says everything that it takes, and
knows nothing of who asked. It blocks.

A delivery may be a repeat. Then, and only then, all folders of the account are looked through for
it, where they changed since the message came.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from postroad.mailbox.folder import INBOX, FolderName, encoded, folder_path
from postroad.mailbox.folder_making import make_folders
from postroad.mailbox.location import Whereabouts
from postroad.mailbox.maildir import Stored, confirm, create_maildir, mark_as_folder, store
from postroad.mailbox.maildirsize import MaildirSize
from postroad.mailbox.owners import Owner
from postroad.mailbox.quota import NO_QUOTA, Quota, Usage
from postroad.mailbox.rights import PRIVATE, Rights
from postroad.mailbox.scan import all_folders, earlier
from postroad.mailbox.subscriptions import subscribe
from postroad.model import Content
from postroad.model.durable import DISK, Durable

__all__ = ["Errand", "Target", "spelt_otherwise", "usage_of"]

MOST_FOLDERS = 200
"""Folders of an account beyond which none is made for mail that comes, which goes to the inbox:
strangers choose the names, and who wants more of his own makes them by his mail program."""


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
        owner: as whom it is written; `None`: as the server.
    """

    where: Whereabouts
    folder: FolderName = INBOX
    create: bool = False
    number: int = 0
    quota: Quota = NO_QUOTA
    rights: Rights = PRIVATE
    owner: Owner | None = None


@dataclass(frozen=True, slots=True)
class Errand:
    """One copy of a message for one account.

    Attributes:
        target: where it goes.
        name: of its file, from `unique_name`.
        head: lines put above the content, ended by LF.
        queued: when the message entered the queue, seconds since the epoch.
        binary: whether the content is not of lines, and is written unchanged.
        repeat: whether an earlier try may have stored it.
    """

    target: Target
    name: str
    head: bytes
    queued: float
    binary: bool = False
    repeat: bool = False

    def run(
        self, content: Content, now: Callable[[], float] = time.time, durable: Durable = DISK
    ) -> Stored:
        """Store it, unless it is there.

        Args:
            content: with CRLF; read only if it is written.
            now: seconds since the epoch.
            durable: the gate for every step that changes stable storage.

        Raises:
            OverQuota: the account has no room for it.
            UnsafeName: a link leads to where no mail may be written.
            OSError: it may not be on stable storage, and should be tried again.
        """
        target = self.target
        where, rights = target.where, target.rights
        where.confine()
        size = None
        if target.quota:
            size = MaildirSize(where, target.quota, now, rights=rights, durable=durable)
        fault = _make_control(target, durable) if size is not None else None
        if self.repeat:
            found = earlier(where, self.name, self.queued)
            if found is not None:
                return confirm(found, size, durable)
        stored = store(
            _folder(target, durable),
            self.name,
            self.head,
            content,
            self.queued,
            binary=self.binary,
            rights=rights,
            quota=size,
            durable=durable,
        )
        return stored if fault is None else stored._replace(fault=fault)


def usage_of(
    where: Whereabouts,
    quota: Quota,
    now: Callable[[], float] = time.time,
    durable: Durable = DISK,
) -> Usage:
    """What lies in an account's mailbox.

    Raises:
        OSError, UnsafeName: it cannot be found out.
    """
    where.confine()
    return MaildirSize(where, quota, now, rights=PRIVATE, durable=durable).usage()


def _make_control(target: Target, durable: Durable) -> OSError | None:
    """Make the folder of `maildirsize` and `subscriptions`, where it is one of its own.

    Returns:
        Why it cannot be made, which is no reason to keep mail back.
    """
    control = target.where.control
    if control == target.where.inbox or control.is_dir():
        return None
    try:
        make_folders(control, target.rights, durable)
    except OSError as error:
        return error
    return None


def _folder(target: Target, durable: Durable) -> Path:
    """The Maildir of the folder, made if that is wanted; else the inbox.

    A link that leads out of the account's own mail is no folder of it.
    """
    where, folder, rights = target.where, target.folder, target.rights
    if folder.is_inbox or not folder.fits(where):
        return where.inbox
    path = folder_path(where, folder)
    if (path / "tmp").is_dir():
        return path if where.holds(path) else where.inbox
    there = spelt_otherwise(where, folder)
    if there is not None:
        return there if where.holds(there) else where.inbox
    if not target.create or not folder.can_be_made(where):
        return where.inbox
    if not where.holds(path):  # a link can lead to what is not there yet
        return where.inbox
    if len(all_folders(where)) >= MOST_FOLDERS:
        return where.inbox
    if not (where.inbox / "tmp").is_dir():
        create_maildir(where.inbox, rights, durable)
    create_maildir(path, rights, durable)
    if not where.nested:
        mark_as_folder(path, rights, durable)
    _make_control(target, durable)  # without it the folder is made and only not subscribed to
    subscribe(where, folder, rights)
    return path


def spelt_otherwise(where: Whereabouts, folder: FolderName) -> Path | None:
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
