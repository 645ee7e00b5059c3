r"""Subscriptions of a mailbox: the folders that mail programs show (IMAP's SUBSCRIBE).

The file `subscriptions` is Dovecot's: one name in each line, either as on disk, or, below the line
`V\t2`, with tabs between a folder and those in it. Whoever changes it holds `subscriptions.lock`
and renames that over it, as Dovecot does. A folder without a subscription is only hidden, so a
lock that somebody keeps is not waited for, and mail never waits for any of this.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

from postroad.mailbox.folder import FolderName, encoded
from postroad.mailbox.location import Whereabouts
from postroad.mailbox.regular import open_regular
from postroad.mailbox.rights import Rights

__all__ = ["subscribe"]

FILE = "subscriptions"
STALE = 60.0  # seconds; Dovecot waits half as long
LONGEST = 1 << 20  # octets; more is no list of folders

_VERSION_2 = b"V\t2\n\n"


def subscribe(where: Whereabouts, name: FolderName, rights: Rights) -> bool:
    """Add a folder to the subscriptions.

    Args:
        where: the account's mail.
        name: of the folder.
        rights: of the file.

    Returns:
        Whether it is one of them now; not, if somebody else holds the file.
    """
    path = where.control / FILE
    lock = where.control / f"{FILE}.lock"
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        _break_stale(lock)
        descriptor = os.open(lock, flags, 0o600)
    except OSError:
        return False
    try:
        with os.fdopen(descriptor, "wb") as file:
            octets = _read(path)
            line = _line(where, name, version=2 if octets.startswith(_VERSION_2) else 1)
            if line in octets.split(b"\n"):
                lock.unlink()
                return True
            rights.give(descriptor)
            joint = b"" if not octets or octets.endswith(b"\n") else b"\n"
            file.write(octets + joint + line + b"\n")
            file.flush()
            os.fsync(descriptor)
        lock.rename(path)
    except OSError:
        with suppress(OSError):
            lock.unlink()
        return False
    return True


def _break_stale(lock: Path) -> None:
    """Remove a lock that a program left which died; those who hold it need no second."""
    with suppress(FileNotFoundError):
        if lock.stat(follow_symlinks=False).st_mtime < time.time() - STALE:
            lock.unlink()


def _read(path: Path) -> bytes:
    try:
        descriptor = open_regular(path, os.O_RDONLY)
    except FileNotFoundError:
        return b""
    with os.fdopen(descriptor, "rb") as file:
        octets = file.read(LONGEST + 1)
    if len(octets) > LONGEST:
        raise OSError("it is no list of folders")
    return octets


def _line(where: Whereabouts, name: FolderName, *, version: int) -> bytes:
    parts = name.parts if where.utf8 else tuple(map(encoded, name.parts))
    if version == 2:
        return "\t".join(parts).encode()
    return ("/" if where.nested else ".").join(parts).encode()
