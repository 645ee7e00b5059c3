"""Taking messages out of the drop: the server's side, as far as files go.

Theory of operation. Anybody may put anything into `new`, and change what is theirs there at any
time. So a file is first renamed into `taken`, where its owner cannot reach its name any more, and
only then opened, never through a link, and judged as the opened file that it is: a regular one,
with no second name, whose slip names it. Its owner is its sender.

Exactly once. Before the message goes to the spool the file's name gets the queue ID that it will
have there, durably; after it is in the spool, and before its delivery may begin, the file is
removed, durably as well. Whoever starts after a crash asks of each file with a queue ID whether
that message is in the spool: then the file is what is left over, else it is begun anew.

What cannot be queued is moved to `aside` under its name, with the reason in the log, as far as its
owner has room there (`aside`). So is at once what has no name of ours, 32 hexadecimal digits: with
another name it might be too long to get a queue ID, or seem to have one.

All functions block, and are called in a thread.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from io import FileIO
from itertools import islice

from postroad.maildrop import slip as slips
from postroad.maildrop.aside import Aside
from postroad.maildrop.drop import HIDDEN
from postroad.maildrop.folder import ASIDE, NEW, TAKEN
from postroad.maildrop.shares import Shares
from postroad.maildrop.slip import Slip, SlipError

__all__ = ["Broken", "Collection", "Found", "Parcel", "opened"]

AT_ONCE = 500
"""Files of one look into the drop: enough to go on with, and the next look begins after them."""

UNFINISHED = 86_400.0
"""Seconds after which a file that is still being written has been given up by its writer."""

MAX_SHOWN = 40
"""Characters of a name that the log shows: ours have 32."""

_NAME = re.compile(r"[0-9a-f]{32}\Z")
_WAY = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Broken(Exception):
    """A file is no message; the text says why in a few words. It is to be put aside."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file in `taken`.

    Attributes:
        name: as the program that left it called it.
        queue_id: what its message was to be called; empty where it got no name yet.
    """

    name: str
    queue_id: str = ""

    @property
    def file(self) -> str:
        """Its name in `taken`."""
        return f"{self.name}.{self.queue_id}" if self.queue_id else self.name


@dataclass(slots=True)
class Parcel:
    """A message of the drop, opened.

    Attributes:
        uid: the number of the user who left it.
        left: when it was complete, seconds since the epoch.
        slip: its envelope.
        size: octets of its content.
    """

    uid: int
    left: float
    slip: Slip
    size: int
    _file: FileIO
    _start: int
    _left: int

    @property
    def is_read(self) -> bool:
        """Whether nothing of the content is left to read."""
        return not self._left

    def read(self, octets: int) -> bytes:
        """The next octets of the content; empty at its end.

        Raises:
            Broken: it is shorter than its slip says.
        """
        wanted = min(octets, self._left)
        found = self._file.read(wanted) if wanted else b""
        if wanted and not found:
            raise Broken("it is shorter than it says")
        self._left -= len(found)
        return found

    def header(self, limit: int) -> bytes:
        """The header section as far as it is within a limit, with LF; reads on from nowhere else.

        Raises:
            OSError: it cannot be read.
        """
        octets = os.pread(self._file.fileno(), min(limit, self.size), self._start)
        return octets.partition(b"\n\n")[0].rstrip(b"\n") + b"\n"

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


class Collection:
    """The files of a drop."""

    def __init__(self, folder: str) -> None:
        """Nothing is looked at yet.

        Args:
            folder: the drop's; see `folder.lay`.
        """
        self._new = os.path.join(folder, NEW)
        self._taken = os.path.join(folder, TAKEN)
        self._aside_folder = os.path.join(folder, ASIDE)
        self._aside = Aside(self._aside_folder)

    def begun(self) -> list[Found]:
        """What lies in `taken`.

        Raises:
            OSError: it cannot be listed.
        """
        found = []
        for name in sorted(os.listdir(self._taken)):
            first, _, queue_id = name.partition(".")
            found.append(Found(first, queue_id))
        return found

    def take(self, now: float, strange: list[str], shares: Shares | None = None) -> list[Found]:
        """Move complete files from `new` to `taken`, the oldest of those that are found first.

        Args:
            now: seconds since the epoch.
            strange: gets a line for each thing that can neither be taken nor be left in silence.
            shares: how many may be taken of whom.

        Returns:
            Those that were, AT_ONCE at most.

        Raises:
            OSError: the folder cannot be listed or written.
        """
        self._aside.look_anew()
        shares = shares or Shares()
        with os.scandir(self._taken) as entries:
            for entry in entries:
                shares.count(entry.stat(follow_symlinks=False).st_uid)
        with os.scandir(self._new) as entries:
            ages = list(islice(self._complete(entries, now, strange, shares), AT_ONCE))
        return [Found(name) for _, name in sorted(ages) if self._took(name, strange)]

    def open(self, found: Found, limit: int) -> Parcel:
        """Open a file of `taken`.

        Args:
            found: which.
            limit: octets of content that a message may have; 0 for no limit.

        Raises:
            Broken: it is no message.
            OSError: it cannot be read now.
        """
        return opened(os.path.join(self._taken, found.file), found.name, limit)

    def name(self, found: Found, queue_id: str) -> Found:
        """Write the queue ID on a file, durably, before its message is committed.

        Raises:
            OSError: it cannot be.
        """
        named = Found(found.name, queue_id)
        self._move(found.file, self._taken, named.file)
        self._sync(self._taken)
        self._sync(self._new)  # or a crash could show the file where it came from
        return named

    def remove(self, found: Found) -> None:
        """Remove a file, durably.

        Raises:
            OSError: it cannot be.
        """
        os.unlink(os.path.join(self._taken, found.file))
        self._sync(self._taken)

    def put_aside(self, found: Found) -> str:
        """Put a file where nobody picks it up.

        Returns:
            Its path there; empty where it was removed, as its owner has too many there.

        Raises:
            OSError: it cannot be.
        """
        kept = self._aside.take(os.path.join(self._taken, found.file), found.name)
        if kept:
            self._sync(self._aside_folder)
        return kept

    def _complete(
        self, entries: Iterator[os.DirEntry[str]], now: float, strange: list[str], shares: Shares
    ) -> Iterator[tuple[float, str]]:
        for entry in entries:
            try:
                about = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue  # its owner took it back
            if stat.S_ISDIR(about.st_mode):
                continue  # it is in nobody's way, and only its owner can move it
            if not entry.name.startswith(HIDDEN):
                # What has no name of ours does not go to `taken`.
                if not _NAME.match(entry.name) or shares.admits(about.st_uid):
                    yield about.st_mtime, entry.name
            elif about.st_mtime < now - UNFINISHED:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(entry.path)
                strange.append(f"removed {_shown(entry.name)}, which nobody finished for a day")

    def _took(self, name: str, strange: list[str]) -> bool:
        if not _NAME.match(name):
            self._outcast(name, strange)
            return False
        try:
            self._move(name, self._taken, name, source=self._new)
        except OSError:  # it is gone, or a directory came in its place
            return False
        return True

    def _outcast(self, name: str, strange: list[str]) -> None:
        """Get a file out of the way whose name is none of ours."""
        with contextlib.suppress(OSError):
            kept = self._aside.take(os.path.join(self._new, name), os.urandom(8).hex())
            what = f"put aside as {os.path.basename(kept)}" if kept else "removed"
            strange.append(f"{_shown(name)} in the drop has no name of ours; it was {what}")

    def _move(self, name: str, folder: str, new_name: str, source: str = "") -> None:
        os.rename(os.path.join(source or self._taken, name), os.path.join(folder, new_name))

    def _sync(self, folder: str) -> None:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def opened(path: str, name: str, limit: int) -> Parcel:
    """Open a file of the drop.

    Args:
        path: where it lies.
        name: as the program that left it called it.
        limit: octets of content that a message may have; 0 for no limit.

    Raises:
        Broken: it is no message.
        OSError: it cannot be read now.
    """
    try:
        descriptor = os.open(path, _WAY)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO, errno.EACCES):
            raise Broken(_WHY[error.errno]) from None
        raise
    file = FileIO(descriptor)
    try:
        return _parcel(file, name, limit)
    except BaseException:
        file.close()
        raise


def _shown(name: str) -> str:
    """A name that somebody chose, as a log may have it."""
    return repr(name if len(name) <= MAX_SHOWN else f"{name[:MAX_SHOWN]}…")


_WHY = {
    errno.ELOOP: "a symbolic link",
    errno.ENXIO: "a socket or a device",
    errno.EACCES: "not readable for the server",
}


def _parcel(file: FileIO, name: str, limit: int) -> Parcel:
    about = os.fstat(file.fileno())
    if not stat.S_ISREG(about.st_mode):
        raise Broken("no regular file")
    if about.st_nlink != 1:
        raise Broken("a file with another name elsewhere")
    try:
        slip, start, size = slips.read(file.read(slips.MAX_SLIP), name)
    except SlipError as error:
        raise Broken(str(error)) from None
    if start + size != about.st_size:
        raise Broken("not as long as it says")
    if limit and size > limit:
        raise Broken(f"longer than {limit} octets, which is limits.message_size")
    file.seek(start)
    left = max(0.0, min(about.st_mtime, about.st_ctime))  # the first is its owner's to choose
    return Parcel(about.st_uid, left, slip, size, file, start, size)
