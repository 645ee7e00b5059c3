"""Messages in files, folders and mailboxes, one after the other, for commands that read many.

Of each message so much is read as is asked for, so that the size of a mailbox does not matter. What
is in a folder may have been put there by anybody: links in it are not followed, and only files are
opened.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from postroad.cli.refusal import Refusal
from postroad.model.printable import printable

__all__ = ["messages_in"]

_LINE = 64 * 1024  # octets of a line that are read at once: a longer one comes in pieces
_MAILBOX = re.compile(rb"From \S{1,320} .{1,40}\d\d:\d\d.{0,20} \d{4}\b")
_QUOTED = re.compile(rb">+From ")
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def messages_in(sources: Iterable[str], limit: int) -> Iterator[bytes]:
    """The messages of each source.

    A source is a message, a mailbox in one file (mbox), a Maildir (the messages in its `cur` and
    `new`), another folder with a file for each message, or `-` for standard input. Of a folder,
    folders in it are not looked at: they may hold mail of another kind.

    Args:
        sources: their names, in order; `./-` is a file or a folder.
        limit: octets of each message that are wanted; the rest is passed over.

    Raises:
        OSError: a source cannot be read. Of a folder, a file that cannot be read is told of on
            standard error and passed over.
        Refusal: there is no message in a folder.
    """
    for source in sources:
        if source == "-":
            yield from _in_file(sys.stdin.buffer, limit)
        elif (path := Path(source)).is_dir():
            yield from _in_folder(path, limit)
        else:
            with path.open("rb") as file:
                yield from _in_file(file, limit)


def _in_folder(folder: Path, limit: int) -> Iterator[bytes]:
    is_maildir = (folder / "cur").is_dir()
    rooms = [folder / "cur", folder / "new"] if is_maildir else [folder]
    count = 0
    for room in filter(Path.is_dir, rooms):
        if is_maildir and room.is_symlink():  # it leads to other people's mail
            print(f"postroad: warning: {printable(str(room))}: it is a link", file=sys.stderr)
            continue
        # What is named by the operator may be reached by a link, but not what is in it.
        way = _FOLDER if room == folder else _FOLDER | os.O_NOFOLLOW
        descriptor = os.open(room, way)
        try:
            for name in sorted(os.listdir(descriptor)):
                file = None if name.startswith(".") else _opened(descriptor, room / name)
                if file is not None:
                    count += 1
                    with file:
                        yield from _in_file(file, limit)
        finally:
            os.close(descriptor)
    if not count:
        raise Refusal(f"{folder}: there is no message in this folder", os.EX_NOINPUT)


def _opened(room: int, path: Path) -> BinaryIO | None:
    """The file of a name in a folder; `None`: it is no file. A pipe does not hold us up."""
    try:
        if not stat.S_ISREG(os.lstat(path.name, dir_fd=room).st_mode):
            return None
        number = os.open(path.name, _FILE, dir_fd=room)
    except OSError as error:
        words = (error.strerror or "").lower()
        print(f"postroad: warning: {printable(str(path))}: {words}", file=sys.stderr)
        return None
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        return None
    return os.fdopen(number, "rb")


def _in_file(file: BinaryIO, limit: int) -> Iterator[bytes]:
    """The messages of a file: those of a mailbox where its first line says so."""
    first = file.readline(_LINE)
    is_mailbox = _MAILBOX.match(first) is not None
    message = bytearray(b"" if is_mailbox else first)
    is_behind_blank = is_at_line = False
    while line := file.readline(_LINE):
        is_blank = line in {b"\n", b"\r\n"}
        if is_mailbox and is_behind_blank and is_at_line and _MAILBOX.match(line):
            yield bytes(message)
            message.clear()
        elif len(message) < limit:
            is_quoted = is_mailbox and is_at_line and _QUOTED.match(line)
            message += line[1:] if is_quoted else line
        is_behind_blank, is_at_line = is_blank, line.endswith(b"\n")
    if message:
        yield bytes(message)
