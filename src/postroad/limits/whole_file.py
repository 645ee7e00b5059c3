"""Small files in the state directory that are replaced as a whole: keys, thresholds, names.

A reader, and whoever looks after a crash, finds the old file or the new one: that is made under
another name beside it, synced and renamed, and then the name is synced. Only when that is done the
caller goes on. Where several processes change a file, each holds a lock from its reading to its
writing: it is a file beside it, as the one itself is replaced. What is in the files is nothing to
this module. Mail has ways of its own (`spool`, `mailbox`, `maildrop`).
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["give_away", "locked", "sync_folder", "write_whole"]

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_LOCK = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def write_whole(path: Path, pieces: Iterable[bytes], *, is_given_away: bool = False) -> None:
    """Put a file in place, whole and synced, for its owner only.

    Args:
        path: the file; its folder must exist. What a crash left of `NAME.new` is replaced.
        pieces: what is in it.
        is_given_away: see `give_away`.

    Raises:
        OSError: it is not there, or may be gone after a crash; the old one is whole.
    """
    fresh = path.with_name(f"{path.name}.new")
    with suppress(FileNotFoundError):
        fresh.unlink()
    descriptor = os.open(fresh, _NEW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            if is_given_away:
                give_away(descriptor, path.parent)
            os.fsync(descriptor)
        fresh.rename(path)
    except BaseException:
        with suppress(OSError):
            fresh.unlink()
        raise
    sync_folder(path.parent)


@contextmanager
def locked(lock: Path, *, is_given_away: bool = False) -> Iterator[None]:
    """Be alone among those who take this lock; they are waited for, as long as it takes.

    Args:
        lock: a file for nothing else; made if it is not there.
        is_given_away: see `give_away`.

    Raises:
        OSError: it cannot be opened, or is a link.
    """
    descriptor = os.open(lock, _LOCK, 0o600)
    try:
        if is_given_away:
            give_away(descriptor, lock.parent)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def give_away(descriptor: int, folder: Path) -> None:
    """Let a file that root has made be the server's, whose the folder is.

    One with a second name is root's own, perhaps: whoever writes in the folder can link to it.

    Raises:
        OSError: it cannot be given.
    """
    if os.geteuid() == 0:
        if os.fstat(descriptor).st_nlink > 1:
            raise PermissionError(errno.EPERM, "it has a second name, and is given to nobody")
        owner = folder.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to stable storage.

    Raises:
        OSError: they may not be there.
    """
    descriptor = os.open(folder, _FOLDER)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
