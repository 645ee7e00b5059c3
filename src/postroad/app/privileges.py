"""From root, who may bind port 25, to a user who may do nothing else."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

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
            f" `useradd --system --home-dir /var/lib/postroad {name}`, or name another with"
            ' user = "…" in the configuration'
        ) from None


def drop(account: pwd.struct_passwd, own: Path) -> None:
    """Become the account for good, with its groups and no others.

    Args:
        account: whom to become.
        own: the state directory; what root left there (`postroad init`, `postroad user add`)
            is given to the account first, or the server could not write its own files.

    Raises:
        PrivilegeError: the system refuses.
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


def _give(path: Path, account: pwd.struct_passwd) -> None:
    """Give root's files under a directory away, never through a symbolic link."""
    for folder, folders, files in os.walk(path):
        for name in (".", *folders, *files):
            each = os.path.join(folder, name)
            if os.lstat(each).st_uid == 0:
                os.chown(each, account.pw_uid, account.pw_gid, follow_symlinks=False)
