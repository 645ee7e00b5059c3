"""Folders of mailboxes looked at by who only reads: names, and the beginnings of messages.

A Maildir may belong to its user, who may put anything into it at any moment: a link in place of a
folder or a message, a pipe, a name that no mail program would give. So the folders on the way are
opened one in another, each without following a link, and messages from within their folder; nothing
is looked up by a path twice. Nothing is written, and no time stamp is changed that anybody goes by.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

from postroad.mailbox.location import Whereabouts
from postroad.mailbox.regular import open_regular

__all__ = ["Beginning", "Entry", "FolderView", "opened", "unique_key"]

PARTS = ("new", "cur")

_SIZE = re.compile(r",S=([0-9]{1,18})(?=[:,]|\Z)")
_STAMP = re.compile(r"([0-9]{1,11})\.")
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Entry(NamedTuple):
    """A message in a folder, by its name.

    Attributes:
        part: `new` or `cur`.
        name: of the file.
        inode: its number in the file system, which links to it share.
    """

    part: str
    name: str
    inode: int

    @property
    def stamp(self) -> int:
        """The seconds that its name begins with, as such names do; 0: it does not."""
        match = _STAMP.match(self.name)
        return 0 if match is None else int(match[1])

    @property
    def size(self) -> int:
        """The octets that its name tells; 0: it does not."""
        match = _SIZE.search(self.name)
        return 0 if match is None else int(match[1])


class Beginning(NamedTuple):
    """What was read of a message.

    Attributes:
        octets: its first ones.
        size: how many there are in all.
        changed: when the file was written last, seconds since the epoch; moves leave it alone.
    """

    octets: bytes
    size: int
    changed: float


def unique_key(name: str) -> int:
    """A number for the unique name of a file, which is the same with other fields and flags."""
    unique = name.partition(":")[0].partition(",")[0]
    return int.from_bytes(blake2b(os.fsencode(unique), digest_size=8).digest(), "little")


class FolderView:
    """An open folder.

    Attributes:
        identity: a number that another folder in its place would not have.
    """

    def __init__(self, parts: dict[str, int]) -> None:
        """Takes what `opened` has opened.

        Args:
            parts: descriptors of `new` and `cur`.
        """
        self._parts = parts
        self.identity = os.fstat(parts["cur"]).st_ino

    def entries(self, most: int) -> Iterator[Entry]:
        """Its messages, in no order.

        Args:
            most: entries that are looked at.

        Raises:
            OSError: it cannot be read.
        """
        for part, descriptor in self._parts.items():
            with os.scandir(descriptor) as entries:
                for entry in entries:
                    if most <= 0:
                        return
                    most -= 1
                    if not entry.name.startswith("."):
                        yield Entry(part, entry.name, entry.inode())

    def read(self, entry: Entry, most: int) -> Beginning:
        """The beginning of a message.

        Args:
            entry: one of this folder's.
            most: octets.

        Raises:
            NoRegularFile: there is a link, a pipe or the like.
            OSError: it cannot be read, or is gone.
        """
        descriptor = open_regular(entry.name, os.O_RDONLY, self._parts[entry.part])
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            return Beginning(file.read(most), status.st_size, status.st_mtime)


@contextmanager
def opened(where: Whereabouts, folder: Path) -> Iterator[FolderView]:
    """A folder of an account.

    Args:
        where: the account's mail, which was confined.
        folder: a Maildir in it.

    Raises:
        OSError: it is not there, may not be read, or a link is on the way to it.
    """
    with ExitStack() as open_ones:

        def enter(name: str | Path, within: int | None = None, way: int = _FOLDER) -> int:
            descriptor = os.open(name, way, dir_fd=within)
            open_ones.callback(os.close, descriptor)
            return descriptor

        # How an account's mail itself is reached is the operator's affair, and was looked at.
        top = where.inbox if folder == where.inbox else where.root
        inner = () if folder == where.inbox else folder.relative_to(where.root).parts
        descriptor = enter(top, way=_FOLDER & ~os.O_NOFOLLOW)
        for name in inner:
            descriptor = enter(name, descriptor)
        parts = {"cur": enter("cur", descriptor)}
        with suppress(FileNotFoundError):  # not a whole Maildir, as a crash leaves it
            parts["new"] = enter("new", descriptor)
        yield FolderView(parts)
