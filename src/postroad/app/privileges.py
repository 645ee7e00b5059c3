"""From root, who may bind port 25, to a user who may do nothing else.

What root left in the state directory is given to that user, who may have been there before and put
links in the way. So each thing is opened, never through a link, and it is the opened thing that is
judged and given: a directory, or a file that has no second name elsewhere.
"""

from __future__ import annotations

import os
import pwd
import stat
from pathlib import Path

from postroad.config.ownership import DROP, OURS, creation, objection

__all__ = ["PrivilegeError", "drop", "unprivileged_user"]

DEFAULT_USER = "postroad"


class PrivilegeError(Exception):
    """Privileges cannot be dropped; the message says what to do."""


def unprivileged_user(configured: str) -> pwd.struct_passwd | None:
    """The account to become.

    Args:
        configured: `user` of the configuration; empty for `postroad`.

    Returns:
        The account, or `None` when there is nothing to drop: the process is not root, or the
        configuration says `root`.

    Raises:
        PrivilegeError: root, and no such account.
    """
    if os.geteuid() != 0 or configured == "root":
        return None
    name = configured or DEFAULT_USER
    try:
        return pwd.getpwnam(name)
    except KeyError:
        raise PrivilegeError(
            f"started as root, and there is no user {name} to become: create it with"
            f" `{creation(name)}`, or name another with"
            ' user = "…" in the configuration'
        ) from None


def drop(account: pwd.struct_passwd, own: Path) -> None:
    """Become the account for good, with its groups and no others.

    Args:
        account: whom to become.
        own: the state directory, made if it is not there; what root left of a server in it is
            given to the account first, or the server could not write its own files.

    Raises:
        PrivilegeError: the state directory is not the account's and nobody's to give, or the
            system refuses.
    """
    try:
        own.mkdir(mode=0o700, parents=True, exist_ok=True)
        _give(own, account)
        os.initgroups(account.pw_name, account.pw_gid)
        os.setgid(account.pw_gid)
        os.setuid(account.pw_uid)
    except OSError as error:
        raise PrivilegeError(f"cannot become user {account.pw_name}: {error}") from None
    os.umask(0o077)


def _give(own: Path, account: pwd.struct_passwd) -> None:
    """Give a server's files in the state directory, and the directory, where they are root's."""
    folder = os.open(own, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        words = objection(own, folder, account.pw_uid)
        if words:
            raise PrivilegeError(words)
        for name in OURS.intersection(os.listdir(folder)):
            if stat.S_ISDIR(os.lstat(name, dir_fd=folder).st_mode):
                for _, folders, files, inner in os.fwalk(name, dir_fd=folder):
                    for each in (*folders, *files):
                        _give_one(each, inner, account)
            _give_one(name, folder, account)
        _give_drop(folder, account)
        if os.fstat(folder).st_uid == 0:
            os.fchown(folder, account.pw_uid, account.pw_gid)
    finally:
        os.close(folder)


def _give_drop(folder: int, account: pwd.struct_passwd) -> None:
    """Give the drop and the folders in it, but not what lies in those."""
    try:
        drop = os.open(DROP, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
    except (FileNotFoundError, NotADirectoryError):
        return
    try:
        for name in os.listdir(drop):
            _give_one(name, drop, account)
    finally:
        os.close(drop)
    _give_one(DROP, folder, account)


def _give_one(name: str, folder: int, account: pwd.struct_passwd) -> None:
    """Give one thing in an open directory, if it is root's to give."""
    if not _is_to_give(os.lstat(name, dir_fd=folder)):
        return  # not even opened: to open a pipe or a device is to do something
    way = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    opened = os.open(name, way, dir_fd=folder)
    try:
        if _is_to_give(os.fstat(opened)):
            os.fchown(opened, account.pw_uid, account.pw_gid)
    finally:
        os.close(opened)


def _is_to_give(about: os.stat_result) -> bool:
    """A file with a second name may be one of the system's."""
    plain = stat.S_ISREG(about.st_mode) and about.st_nlink == 1
    return about.st_uid == 0 and (plain or stat.S_ISDIR(about.st_mode))
