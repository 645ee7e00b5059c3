"""Listening Unix-domain sockets: a path, its rights, and what an earlier server left there.

A socket is made with its mode, gets its owner, and only then listens: whoever may not speak to the
server cannot even for a moment. A file of a server that is
gone is replaced; one that somebody still answers on, or that is no socket at all, never is.
"""

from __future__ import annotations

import errno
import grp
import os
import pwd
import socket
import stat

from postroad.net.listener import BACKLOG, BindError

__all__ = ["bind_unix", "owner_named"]

MAX_PATH = 107
"""Octets of a socket's path: what Linux has room for, unix(7)."""

ALL_RIGHTS = 0o777


def bind_unix(path: str, *, mode: int, owner: tuple[int, int] | None) -> socket.socket:
    """A listening socket at a path.

    Args:
        path: absolute; its directory must be there.
        mode: permission bits; who may write to the socket may connect.
        owner: the numbers of its user and group; `None`: ours.

    Raises:
        BindError: something is in the way, or forbidden.
    """
    if len(os.fsencode(path)) > MAX_PATH:
        raise BindError(f"cannot listen on {path}: a socket's path has {MAX_PATH} octets at most")
    opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _clear(path)
        mask = os.umask(ALL_RIGHTS & ~mode)
        try:
            opened.bind(path)
        finally:
            os.umask(mask)
        if owner is not None:
            os.chown(path, *owner, follow_symlinks=False)
        opened.setblocking(False)
        opened.listen(BACKLOG)
    except OSError as error:
        opened.close()
        words = (error.strerror or str(error)).lower()
        raise BindError(f"cannot listen on {path}: {words}") from None
    except BindError:
        opened.close()
        raise
    return opened


def owner_named(text: str) -> tuple[int, int]:
    """The numbers of `user`, which brings its own group, or of `user:group`.

    Raises:
        BindError: there is no such user or group.
    """
    user, colon, group = text.partition(":")
    try:
        account = pwd.getpwnam(user)
        return account.pw_uid, grp.getgrnam(group).gr_gid if colon else account.pw_gid
    except KeyError:
        raise BindError(f"unix_owner {text}: there is no such user or group") from None


def _clear(path: str) -> None:
    """Remove the socket of a server that is gone."""
    try:
        kind = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(kind):
        raise BindError(f"cannot listen on {path}: something that is no socket is there")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asker:
        asker.setblocking(False)
        answer = asker.connect_ex(path)
    if answer not in {errno.ECONNREFUSED, errno.ENOENT}:
        raise BindError(f"cannot listen on {path}: another server does")
    os.unlink(path)
