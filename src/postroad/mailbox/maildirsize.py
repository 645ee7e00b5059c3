"""Usage of a mailbox, kept in `maildirsize` as Maildir++ and Dovecot's `quota = maildir` keep it.

The file's first line is the quota (`1000000S,1000C`); each further line is what came or went
(`2345 1`, `-2345 -1`), and their sum is what lies there. Whoever delivers appends a line; O_APPEND
keeps lines of several processes apart. Other programs write here too, so whatever looks odd is no
error: the file is made anew from the names of the messages, which tell their sizes (`,S=`).

Theory of operation
-------------------
A message is counted after it has its name in `new`, and its line is on stable storage before the
delivery is reported. So after a crash there may be a message without its line, never a line
without its message. But then the delivery was not reported either, is repeated, and finds the
message: a repeat does not add a line, as nobody knows whether there is one; it has the file made
anew. That is the whole of crash safety here, and a wrong sum would be no loss of mail either. A
line that cannot be written, on a disk that is full, holds up nothing for the same reason: the file
is removed instead, and who asks next counts.

The file is made anew as the Maildir++ rules say: when it is missing, damaged, no regular file, of
another quota or longer than 5120 octets; and where it says that the mailbox is over its quota while
it has more than its first sum, or is older than 15 minutes: nobody's mail is refused for a sum that
may be stale. A new file is written beside the old one, synced and renamed over it. If folders
change while they are counted, the file is removed again, and the next who asks counts (as Dovecot
does). Who appended to the file that was replaced meanwhile does the same. Threads of one process
take turns.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from postroad.mailbox.folder_making import sync_folder
from postroad.mailbox.location import Whereabouts
from postroad.mailbox.quota import NO_USAGE, OverQuota, Quota, Usage
from postroad.mailbox.regular import NoRegularFile, open_regular
from postroad.mailbox.rights import PRIVATE, Rights
from postroad.mailbox.scan import all_folders, count
from postroad.model.durable import DISK, Durable, Operation

__all__ = ["FILE", "MaildirSize"]

FILE = "maildirsize"
LONGEST = 5120  # octets, beyond which Maildir++ wants the file made anew
STALE = 15 * 60.0  # seconds after which a sum that refuses mail is not believed

_TURNS = tuple(threading.Lock() for _ in range(64))
"""Threads that change the same file take turns; two mailboxes seldom share one of these."""


class MaildirSize:
    """The count of one account's mail; every method blocks.

    Args:
        where: the account's mail.
        quota: what it may have.
        now: seconds since the epoch.
        rights: of the file.
        durable: the gate for every step that changes stable storage.
    """

    def __init__(
        self,
        where: Whereabouts,
        quota: Quota,
        now: Callable[[], float],
        *,
        rights: Rights = PRIVATE,
        durable: Durable = DISK,
    ) -> None:
        self._where = where
        self._quota = quota
        self._now = now
        self._rights = rights
        self._durable = durable
        self._path = where.control / FILE
        self._turn = _TURNS[hash(self._path) % len(_TURNS)]
        self._fault: OSError | None = None

    @property
    def fault(self) -> OSError | None:
        """What was in the way of writing the file, the last time; `None`: nothing."""
        return self._fault

    def usage(self) -> Usage:
        """What lies there now; counted, if the file cannot be believed.

        Raises:
            OSError: the folders cannot be read.
        """
        with self._turn:
            found = self._read()
            return self._recount() if found is None else found

    def peek(self) -> Usage:
        """The same, and nothing is written.

        Raises:
            OSError: the folders cannot be read.
        """
        found = self._read()
        return count(all_folders(self._where))[0] if found is None else found

    def recalculate(self) -> Usage:
        """Count, whatever the file says.

        Raises:
            OSError: the folders cannot be read.
        """
        with self._turn:
            return self._recount()

    def admit(self, size: int) -> None:
        """Ask for room for a message.

        Args:
            size: its octets on disk, as far as they are known.

        Raises:
            OverQuota: there is none.
            OSError: that cannot be found out.
        """
        if not self._quota.has_room(self.usage(), size):
            raise OverQuota

    def add(self, size: int) -> tuple[Usage, Usage]:
        """Count a message that has come; on stable storage when this returns.

        Args:
            size: its octets on disk.

        Returns:
            Usage before and after it; each of several that come at once has its own.

        Raises:
            OSError: it could not be counted, and the file says nothing any more, if possible.
        """
        with self._turn:
            try:
                after = self._append(size)
            except OSError as error:
                self._forget(error)
                after = None
            if after is None:
                after = self._recount()  # which sees the message
        return Usage(max(0, after.octets - size), max(0, after.messages - 1)), after

    def _read(self) -> Usage | None:
        """The file's sum; `None`: it is not to be believed."""
        try:
            descriptor = open_regular(self._path, os.O_RDONLY)
        except (OSError, NoRegularFile):  # what cannot be opened is not believed
            return None
        try:
            octets = _read_whole(descriptor)
            modified = os.fstat(descriptor).st_mtime
        finally:
            os.close(descriptor)
        lines = None if octets is None else self._lines(octets)
        if lines is None:
            return None
        usage = _sum(lines)
        if usage is None:
            return None
        stale = len(lines) > 1 or modified < self._now() - STALE
        return None if stale and self._quota.is_exceeded(usage) else usage

    def _lines(self, octets: bytes) -> list[bytes] | None:
        """The lines after the first; `None`: they are no such file, or of another quota."""
        if not octets.endswith(b"\n") or b"\0" in octets:
            return None
        first, *lines = octets[:-1].split(b"\n")
        return lines if lines and _limits(first) == _limits(_header(self._quota)) else None

    def _append(self, size: int) -> Usage | None:
        """Add a line; the sum with it, or `None` where the file has to be made anew."""
        try:
            descriptor = open_regular(self._path, os.O_RDWR | os.O_APPEND)
        except (OSError, NoRegularFile):  # what cannot be opened is not believed
            return None
        try:
            line = f"{size} 1\n".encode("ascii")
            perform = self._durable.perform
            perform(Operation.WRITE, self._path, lambda: os.write(descriptor, line))
            perform(Operation.SYNC_FILE, self._path, lambda: os.fsync(descriptor))
            end = os.lseek(descriptor, 0, os.SEEK_CUR)  # of our own line: others may be behind it
            octets = os.pread(descriptor, min(end, LONGEST + 1), 0)
            if not _is_same(descriptor, self._path):
                return None
        finally:
            os.close(descriptor)
        lines = self._lines(octets) if len(octets) <= LONGEST else None
        return None if lines is None else _sum(lines)

    def _recount(self) -> Usage:
        folders = all_folders(self._where)
        if not folders:
            return NO_USAGE  # no mail has come yet, and there may be no place for a file
        usage, latest = count(folders)
        try:
            self._write(usage)
        except OSError as error:
            self._forget(error)
            return usage
        if count(folders, changed_after=latest)[1] > latest:
            with suppress(FileNotFoundError):
                self._durable.perform(Operation.UNLINK, self._path, self._path.unlink)
        return usage

    def _forget(self, error: OSError) -> None:
        """The file cannot be written: what it says may be wrong, so it goes, if it can."""
        self._fault = error
        with suppress(OSError):
            self._durable.perform(Operation.UNLINK, self._path, self._path.unlink)

    def _write(self, usage: Usage) -> None:
        """Put a new file in the old one's place."""
        unique = f"{FILE}.{os.getpid()}.{threading.get_ident()}"
        temporary = self._path.with_name(unique)
        text = b"%s\n%d %d\n" % (_header(self._quota), usage.octets, usage.messages)
        perform = self._durable.perform
        flags = os.O_CREAT | os.O_WRONLY | os.O_TRUNC
        try:
            descriptor = perform(
                Operation.CREATE, temporary, lambda: open_regular(temporary, flags)
            )
            try:
                self._rights.give(descriptor)
                perform(Operation.WRITE, temporary, lambda: os.write(descriptor, text))
                perform(Operation.SYNC_FILE, temporary, lambda: os.fsync(descriptor))
            finally:
                os.close(descriptor)
            perform(Operation.RENAME, temporary, lambda: temporary.rename(self._path))
        except BaseException:
            with suppress(OSError):
                perform(Operation.UNLINK, temporary, temporary.unlink)
            raise
        sync_folder(self._path.parent, self._durable)


def _header(quota: Quota) -> bytes:
    """The quota as the file's first line says it; `0S` for none, as Dovecot writes it."""
    parts = [f"{quota.octets}S"] if quota.octets or not quota.messages else []
    if quota.messages:
        parts.append(f"{quota.messages}C")
    return ",".join(parts).encode("ascii")


def _limits(header: bytes) -> tuple[int, int] | None:
    octets = messages = 0
    for part in header.split(b","):
        number, kind = part[:-1], part[-1:]
        if not number.isdigit() or len(number) > 19 or kind not in (b"S", b"C"):
            return None
        if kind == b"S":
            octets = int(number)
        else:
            messages = int(number)
    return octets, messages


def _sum(lines: list[bytes]) -> Usage | None:
    octets = messages = 0
    for line in lines:
        parts = line.split()
        if len(parts) != 2 or any(len(part) > 20 for part in parts):
            return None
        try:
            octets, messages = octets + int(parts[0]), messages + int(parts[1])
        except ValueError:
            return None
    return Usage(octets, messages) if octets >= 0 and messages >= 0 else None


def _read_whole(descriptor: int) -> bytes | None:
    """The file; `None`: it is too long."""
    octets = os.read(descriptor, LONGEST + 1)
    return octets if len(octets) <= LONGEST else None


def _is_same(descriptor: int, path: Path) -> bool:
    ours = os.fstat(descriptor)
    try:
        there = path.stat(follow_symlinks=False)
    except FileNotFoundError:
        return False
    return (ours.st_dev, ours.st_ino) == (there.st_dev, there.st_ino)
