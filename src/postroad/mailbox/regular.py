"""Opening a file that others may have put there: never through a link, and never waiting.

A Maildir may belong to its user, and so may what lies in it. A pipe where a file should be would
keep a thread in open(2) until somebody opens its other end, which is never; so files are opened
without waiting, and looked at before anything is read from them.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

__all__ = ["NoRegularFile", "open_regular"]

_WAY = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class NoRegularFile(OSError):
    """There is a pipe, a socket, a directory or the like in place of a file."""

    def __init__(self) -> None:
        super().__init__(errno.EINVAL, "it is no regular file")


def open_regular(path: Path | str, flags: int, within: int | None = None) -> int:
    """Open a regular file; its descriptor. One that is made is its owner's alone.

    Args:
        path: the file; a link in its place is an error.
        flags: as of open(2).
        within: an open folder that a name without a path is in.

    Raises:
        NoRegularFile: it is something else.
        OSError: it cannot be opened.
    """
    try:
        descriptor = os.open(path, flags | _WAY, 0o600, dir_fd=within)
    except OSError as error:
        if error.errno in (errno.ENXIO, errno.EISDIR):
            raise NoRegularFile from None  # a pipe nobody reads from, or a socket; a directory
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NoRegularFile
    return descriptor
