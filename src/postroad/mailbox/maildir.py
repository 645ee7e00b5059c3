"""Messages as files in a Maildir, durable when `store` returns.

This module knows folders, names and syncs. It does not know accounts, queues or threads: it
blocks, and `writer` keeps it off the event loop. The layout is Maildir++ (an inbox is the
`tmp`, `new` and `cur` of the top folder), as Dovecot and Courier read it. Lines end with LF, as
those expect; a message that was sent as BINARYMIME (RFC 3030 §3) is kept octet by octet, because
a CRLF in it need not be the end of a line.

Theory of operation
-------------------
A delivery writes `tmp/NAME`, syncs the file, renames it to `new/NAME,S=…` and syncs `new`. Only
then is it reported. A crash before the rename leaves a file in `tmp` that no reader looks at; a
crash after it leaves a message that the queue may deliver again, since it was never told.

So that the repeat does not show up twice, the unique name is derived from the queue ID and the
recipient's permanent identity, not from clock and process ID. A repeated delivery writes the
same file in `tmp`, over what was left there, and renames it over the same file in `new`. If a
mail program moved the message to `cur` in between, it is found there by its name and left alone.
`cur` may be large, so it is read only if it was changed since the message was queued: before
that, no reader can have moved this message into it. Where the delivery may be a repeat (`writer`
knows when), the account's other folders are looked through in the same way: a mail program, or
another rule about folders, may have taken it there. What is found is synced where it lies before
it is reported, for the mail program that moved it may not have done so.

With a quota, a message is let in when its size is known, and counted after it has its name in
`new` (`maildirsize` tells why so). By then it is delivered: a count that fails is a line in the log
and no reason to deliver it again, or to return what its reader has.

A new Maildir gets its `tmp` last, after `new` and `cur` and the folders above are on disk. So
whoever can create a file in `tmp`, in any thread or process, may rely on the rest.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from postroad.mailbox.folder_making import make_folders, sync_folder
from postroad.mailbox.quota import NO_USAGE, OverQuota, Usage
from postroad.mailbox.regular import open_regular
from postroad.mailbox.rights import PRIVATE, Rights
from postroad.mailbox.scan import holds
from postroad.mailbox.variables import UnsafeName
from postroad.model import Content, Envelope, StoredMessage, StoredRecipient
from postroad.model.durable import DISK, Durable, Operation

__all__ = [
    "Counting",
    "Stored",
    "confirm",
    "create_maildir",
    "lf_lines",
    "mark_as_folder",
    "store",
    "trace_lines",
    "unique_name",
]

_UNSAFE_IN_HOST = str.maketrans({"/": "\\057", ":": "\\072", ",": "\\054"})


class Stored(NamedTuple):
    """What became of a delivery.

    Attributes:
        written: whether a file was written; not, if an earlier try had done that.
        before: usage without the message, where there is a quota.
        after: with it.
        fault: why the message could not be counted; the next who asks counts all.
    """

    written: bool
    before: Usage = NO_USAGE
    after: Usage = NO_USAGE
    fault: OSError | None = None


_WRITTEN = Stored(written=True)


class Counting(Protocol):
    """Who keeps a mailbox' usage; `MaildirSize` does. Every method may raise `OSError`.

    What cannot be written is no reason for that: then the next who asks counts.
    """

    @property
    def fault(self) -> OSError | None:
        """Why the usage could not be written; `None`: it was."""
        ...

    def admit(self, size: int) -> None:
        """Raise `OverQuota` where there is no room for so many octets."""
        ...

    def add(self, size: int) -> tuple[Usage, Usage]:
        """Count a message; usage before and after."""
        ...

    def recalculate(self) -> Usage:
        """Count all of it."""
        ...


def unique_name(message: StoredMessage, recipient_id: int, host: str, number: int = 0) -> str:
    """The name of a delivery, the same each time it is tried.

    `seconds.unique.host`, as the Maildir convention wants it, with the identity of the delivery
    in the middle part.

    Args:
        message: gives the seconds and the queue ID.
        recipient_id: `StoredRecipient.id`.
        host: this server's name; what a name cannot hold is escaped.
        number: of the copy, where a recipient has one in each of several folders.
    """
    host = host.translate(_UNSAFE_IN_HOST)
    copy = f"C{number}" if number else ""
    return f"{int(message.arrived)}.Q{message.queue_id}R{recipient_id}{copy}.{host}"


def trace_lines(envelope: Envelope, recipients: Iterable[StoredRecipient]) -> bytes:
    """What final delivery puts above the header: `Return-Path` and the recipients.

    `Return-Path` is RFC 5321 §4.4's. `Delivered-To` is where the message went, `X-Original-To`
    what RCPT said where that differs; both are Postfix's. Lines end as on disk, with LF.
    """
    lines = [f"Return-Path: <{envelope.sender_text}>"]
    for recipient in recipients:
        if recipient.original != recipient.address:
            lines.append(f"X-Original-To: {recipient.original}")
        lines.append(f"Delivered-To: {recipient.address}")
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")


def lf_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same content with LF for each CRLF, wherever the chunks are cut."""
    held = b""
    for chunk in chunks:
        piece = held + chunk if held else chunk
        held = b"\r" if piece.endswith(b"\r") else b""
        yield (piece[:-1] if held else piece).replace(b"\r\n", b"\n")
    if held:
        yield held


def store(
    maildir: Path,
    name: str,
    head: bytes,
    content: Content,
    queued: float,
    *,
    binary: bool = False,
    rights: Rights = PRIVATE,
    quota: Counting | None = None,
    durable: Durable = DISK,
) -> Stored:
    """Put one message into a Maildir, creating the Maildir if need be.

    Args:
        maildir: the top folder.
        name: from `unique_name`.
        head: lines put above the content, ended by LF.
        content: with CRLF; it is written with LF, else unchanged.
        queued: when the message entered the queue, seconds since the epoch.
        binary: whether the content is not of lines, and is written unchanged.
        rights: of what is made.
        quota: lets messages in, and counts them; `None`: there is none.
        durable: the gate for every step that changes stable storage.

    Returns:
        Whether a file was written; not, if a reader has moved this delivery to `cur` already.

    Raises:
        OverQuota: there is no room for it in the mailbox.
        UnsafeName: a part of the Maildir is a link.
        OSError: it may not be on stable storage, and should be tried again.
    """
    copy = _Copy(maildir, name, head, content, queued, binary, rights, quota, durable)
    try:
        return _store(copy)
    except FileNotFoundError:
        create_maildir(maildir, rights, durable)
        return _store(copy)


def confirm(directory: Path, quota: Counting | None = None, durable: Durable = DISK) -> Stored:
    """Make sure of a delivery that was found in a directory, as if it had been written now.

    Args:
        directory: `new` or `cur` of some folder.
        quota: whose sum may lack the message.
        durable: the gate for every step.

    Raises:
        OSError: it may not be on stable storage.
    """
    sync_folder(directory, durable)
    return Stored(written=False) if quota is None else _counted_anew(quota)


def create_maildir(maildir: Path, rights: Rights = PRIVATE, durable: Durable = DISK) -> None:
    """Make the folders that are missing, each with its name on stable storage.

    Args:
        maildir: the top folder.
        rights: of the folders.
        durable: the gate for every step.

    Raises:
        OSError: a folder cannot be made or synced.
    """
    make_folders(maildir, rights, durable, inner=(maildir / "cur", maildir / "new"))
    rights.make_folder(maildir / "tmp", durable)


def mark_as_folder(maildir: Path, rights: Rights, durable: Durable = DISK) -> None:
    """Put the empty file `maildirfolder` into a folder beside the inbox, as Maildir++ wants it.

    Programs that deliver by themselves know by it that the quota is kept one folder above.

    Raises:
        OSError: it cannot be made.
    """
    path = maildir / "maildirfolder"
    flags = os.O_CREAT | os.O_WRONLY
    descriptor = durable.perform(Operation.CREATE, path, lambda: open_regular(path, flags))
    try:
        rights.give(descriptor)
    finally:
        os.close(descriptor)


@dataclass(frozen=True, slots=True)
class _Copy:
    """What `store` was asked to put where."""

    maildir: Path
    name: str
    head: bytes
    content: Content
    queued: float
    binary: bool
    rights: Rights
    quota: Counting | None
    durable: Durable


def _store(copy: _Copy) -> Stored:
    maildir, name, head, content = copy.maildir, copy.name, copy.head, copy.content
    durable, quota = copy.durable, copy.quota
    _require_own(maildir)
    if holds(maildir / "cur", name, copy.queued):
        return confirm(maildir / "cur", quota, durable)
    if quota is not None and not _may_begin(copy, quota):
        return confirm(maildir / "new", quota, durable)
    temporary = maildir / "tmp" / name
    try:
        size = _write(temporary, copy)
        # Dovecot's fields: octets on disk, and octets with CRLF. The latter it counts itself where
        # it is not told.
        virtual = len(head) + head.count(b"\n") + content.size
        fields = f"S={size}" if copy.binary else f"S={size},W={virtual}"
        new = maildir / "new" / f"{name},{fields}"
        is_there = quota is not None and os.path.lexists(new)  # a repeat needs no room
        if quota is not None and not is_there:
            quota.admit(size)
        durable.perform(Operation.RENAME, temporary, lambda: temporary.rename(new))
    except BaseException:  # also a content that turns out to be damaged, which is no lost I/O
        with suppress(OSError):
            durable.perform(Operation.UNLINK, temporary, temporary.unlink)
        raise
    sync_folder(maildir / "new", durable)
    if quota is None:
        return _WRITTEN
    return _counted_anew(quota) if is_there else _counted(quota, size)


def _counted(quota: Counting, size: int) -> Stored:
    try:
        before, after = quota.add(size)
    except OSError as error:
        return Stored(written=True, fault=error)
    return Stored(written=True, before=before, after=after, fault=quota.fault)


def _counted_anew(quota: Counting) -> Stored:
    """Of a repeat: nobody knows whether it was counted."""
    try:
        quota.recalculate()
    except OSError as error:
        return Stored(written=False, fault=error)
    return Stored(written=False, fault=quota.fault)


def _require_own(maildir: Path) -> None:
    """Refuse a Maildir of which a part is a link: its owner could have mail written anywhere.

    Raises:
        UnsafeName: it is one.
        FileNotFoundError: there is no whole Maildir.
    """
    for part in ("cur", "new", "tmp"):
        if stat.S_ISLNK(os.lstat(maildir / part).st_mode):
            raise UnsafeName(f"`{part}` of its Maildir is a link")


def _may_begin(copy: _Copy, quota: Counting) -> bool:
    """Whether there is room for anything, before all of it is written in vain.

    Returns:
        False where there is no room and need be none, for an earlier try is in `new`.

    Raises:
        OverQuota: there is none.
    """
    try:
        quota.admit(len(copy.head))
    except OverQuota:
        if holds(copy.maildir / "new", copy.name, copy.queued):
            return False
        raise
    return True


def _write(path: Path, copy: _Copy) -> int:
    """Write and sync the file; returns its size in octets."""
    perform, chunks = copy.durable.perform, copy.content.chunks()
    # What a crash left under this name is a part of the same message: written over.
    flags = os.O_CREAT | os.O_WRONLY | os.O_TRUNC
    descriptor = perform(Operation.CREATE, path, lambda: open_regular(path, flags))
    with os.fdopen(descriptor, "wb") as file:
        if copy.rights is not PRIVATE:
            copy.rights.give(descriptor)

        def write() -> int:
            size = file.write(copy.head)
            for piece in chunks if copy.binary else lf_lines(chunks):
                size += file.write(piece)
            file.flush()
            return size

        size = perform(Operation.WRITE, path, write)
        perform(Operation.SYNC_FILE, path, lambda: os.fsync(descriptor))
    return size
