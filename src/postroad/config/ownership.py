"""Whose the state directory is, and who one is when changing it.

The state directory belongs to the user that the server becomes, and whoever breaks into the
server is that user. So root takes nothing in it on trust: commands that root runs there become its
owner first (`acting_as`), and the server's start gives away no more than what `OURS` names, in a
directory that cannot be taken for another's (`objection`).
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = [
    "DROP",
    "OURS",
    "Owner",
    "acting_as",
    "creation",
    "is_system_directory",
    "objection",
    "owner_of",
]

_DATABASES = (
    "bans.db",
    "directory.db",
    "dmarc-received.db",
    "dmarc-reports.db",
    "greylist.db",
    "habits.db",
    "sts.db",
    "suppression.db",
    "tls-reports.db",
    "tokens.db",
    "verified.db",
    "warmup.db",
)
OURS = frozenset(
    {
        *_DATABASES,
        *(f"{name}{end}" for name in _DATABASES for end in ("-journal", "-wal", "-shm")),
        "deferred-transports",
        "deferred-transports.lock",
        "deferred-transports.new",
        "dkim",
        "extents",
        "history",
        "lock",
        "mail",
        "mail.log",
        "outbound",
        "run",
        "spam",
        "spool",
        "srs.keys",
        "srs.keys.new",
        "srs.lock",
        "tls",
        "unread-reports",
    }
)
"""What a server keeps in its state directory."""

DROP = "maildrop"
"""Where local programs leave mail. The folder is the server's; the files in it are their owners',
root's too, and who owns them is who sent them: so they are given to nobody."""

_FILE_SYSTEMS_OWN = frozenset({"lost+found"})

_SHARED = """
/: bin boot dev efi etc home lib lib32 lib64 media mnt opt proc root run sbin srv sys tmp usr var
/usr: bin lib local sbin share src
/var: backups cache lib local lock log mail opt run spool tmp www
"""
_SYSTEM = {Path("/")}.union(
    Path(parent, name)
    for parent, _, names in (line.partition(": ") for line in _SHARED.split("\n"))
    for name in names.split()
)
"""Directories that many programs share (FHS 3.0); a server's own may lie below one."""

MAX_SHOWN = 3
"""Strangers' files that a message names."""

Owner = tuple[int, int]
"""The numbers of a user and of a group."""


def creation(name: str) -> str:
    """The command that makes a user for a server to become, with a group of its own."""
    return f"useradd --system --user-group --home-dir /var/lib/postroad {name}"


def is_system_directory(path: Path) -> bool:
    """Whether the path, as it is written, is one that many programs share."""
    return Path(os.path.normpath(path)) in _SYSTEM


def objection(directory: Path, descriptor: int, user: int) -> str:
    """Why a directory cannot be the state directory of a server.

    Args:
        directory: its path, for the message.
        descriptor: the directory, opened.
        user: the number of the user that the server becomes.

    Returns:
        One line that says what to do, or nothing where there is no objection.
    """
    if is_system_directory(directory) or is_system_directory(directory.resolve()):
        return f"state_directory {directory} is a directory of the system; name one of its own"
    owner = os.fstat(descriptor).st_uid
    if owner == user:
        return ""
    if owner != 0:
        return f"state_directory {directory} belongs to user {_name(owner)}; name another"
    strangers = sorted(set(os.listdir(descriptor)) - OURS - {DROP} - _FILE_SYSTEMS_OWN)
    if not strangers:
        return ""
    shown = ", ".join(strangers[:MAX_SHOWN]) + ("…" if len(strangers) > MAX_SHOWN else "")
    return (
        f"state_directory {directory} is root's and holds files that are not Postroad's ({shown});"
        f" name another, or give it away: chown -R {_name(user)}: {directory}"
    )


def owner_of(path: Path) -> Owner:
    """Who owns a path or, where it is not there yet, the nearest directory above it that is."""
    path = path.absolute()
    while True:
        try:
            about = path.stat()
        except FileNotFoundError:
            path = path.parent
        else:
            return about.st_uid, about.st_gid


@contextmanager
def acting_as(owner: Owner) -> Iterator[None]:
    """Be somebody else for a while, where root can and need be.

    What is made belongs to the owner then, and no link that the owner put in the way leads any
    further than the owner can go.

    Args:
        owner: whom to be; where that is root, or we are not, nothing changes.
    """
    user, group = owner
    if os.geteuid() != 0 or user == 0:
        yield
        return
    before = os.getgroups(), os.getegid()
    try:
        os.setgroups([group])
        os.setegid(group)
        os.seteuid(user)
        yield
    finally:
        os.seteuid(0)
        os.setegid(before[1])
        os.setgroups(before[0])


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)
