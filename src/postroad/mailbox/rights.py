"""To whom files of mail belong, and what others may do with them.

The server is no root when it writes mail, and a process that is not root gives no file to another
user. So there are two honest ways to share mailboxes with an IMAP server. Either both run as one
user (`user = "vmail"`): then nothing is to be done here. Or they share a group that the server is
in: then folders are made with a mode such as 2770, whose set-group-ID bit gives what is made in
them to the same group, and files with 0660. Whatever else a directory asks for is said in words,
not tried: mail that its owner cannot read must wait where somebody sees it.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from postroad.model.durable import Durable, Operation

__all__ = ["PRIVATE", "Rights", "group_bit_objection", "parse_mode"]

_OF_GROUP = stat.S_IRGRP | stat.S_IWGRP


@dataclass(frozen=True, slots=True)
class Rights:
    """What is made for an account is made so.

    Attributes:
        folder_mode: of folders, as in chmod(1).
        file_mode: of files.
        group: the number of the group they are given to; `None`: whatever the system gives.
    """

    folder_mode: int = 0o700
    file_mode: int = 0o600
    group: int | None = None

    def of_account(self, uid: int | None, gid: int | None) -> Rights | str:
        """The rights for an account of which a directory names owner and group.

        Args:
            uid: the number of the owner; `None`: whoever the server is.
            gid: the number of the group; `None`: as for all.

        Returns:
            The rights, or why what is asked for cannot be done.
        """
        own = os.geteuid()
        group = self.group if gid is None or gid == os.getegid() else gid
        if group is not None and own != 0 and group not in (os.getegid(), *os.getgroups()):
            return f"its group is {group}, which the server's user is not in"
        shared = group if group is not None else gid
        if uid is not None and uid != own and (shared is None or not self.is_shared):
            return (
                f"its owner is user {uid}, and the server runs as user {own}: run it as that user,"
                " or share a group with [mailbox] group, mode and file_mode"
            )
        return self if group == self.group else replace(self, group=group)

    @property
    def is_shared(self) -> bool:
        """Whether the group may do all that the owner may."""
        folders = self.folder_mode >> 3 & 0o7 == 0o7
        return folders and self.file_mode & _OF_GROUP == _OF_GROUP

    def make_folder(self, path: Path, durable: Durable) -> None:
        """Make a folder that may be there already.

        One that is, empty and only its owner's, is as a crash leaves it between two steps.

        Raises:
            OSError: it cannot be made.
        """
        if path.is_dir():
            if self.folder_mode != PRIVATE.folder_mode and _is_unfinished(path):
                self._finish(path)
            return
        with suppress(FileExistsError):  # made meanwhile by another thread or process
            durable.perform(Operation.CREATE, path, lambda: self._make(path))

    def give(self, descriptor: int) -> None:
        """Give an opened, new file to whom it is for.

        Raises:
            OSError: the system refuses.
        """
        if self.group is not None:
            os.fchown(descriptor, -1, self.group)
        if self.file_mode != PRIVATE.file_mode:  # else it was made so, whatever the umask
            os.fchmod(descriptor, self.file_mode)

    def _make(self, path: Path) -> None:
        path.mkdir(mode=PRIVATE.folder_mode)
        self._finish(path)

    def _finish(self, path: Path) -> None:
        if self.group is not None:
            os.chown(path, -1, self.group, follow_symlinks=False)
        if self.folder_mode != PRIVATE.folder_mode:
            path.chmod(self.folder_mode)  # after chown, which may take the set-group-ID bit away


def group_bit_objection(
    mode: int, folder: Path, chmod: Callable[[str, int], None] = os.chmod
) -> str:
    """Why folders cannot be given their set-group-ID bit here, found out by trying it.

    A service manager can forbid it to a process (systemd's `RestrictSUIDSGID=`), which no look at
    files tells. A folder that inherits the bit is no way round: whoever sets its other bits takes
    that one away.

    Args:
        mode: of folders.
        folder: where one can be made, and is removed again.
        chmod: how a mode is set.

    Returns:
        A line; empty if it can be set, is not wanted, or nothing can be tried.
    """
    if not mode & stat.S_ISGID:
        return ""
    try:
        with tempfile.TemporaryDirectory(prefix=".rights-", dir=folder) as tried:
            try:
                chmod(tried, PRIVATE.folder_mode | stat.S_ISGID)
            except PermissionError:
                return (
                    "[mailbox] mode: the system lets this process set no set-group-ID bit;"
                    " its systemd unit must not have RestrictSUIDSGID=yes"
                )
    except OSError:
        return ""  # of a state directory that cannot be written, others tell
    return ""


def _is_unfinished(path: Path) -> bool:
    about = path.stat()
    if about.st_uid != os.geteuid() or about.st_mode & 0o777 != PRIVATE.folder_mode:
        return False
    with os.scandir(path) as entries:
        return next(entries, None) is None


PRIVATE = Rights()
"""Nobody else's business: 0700 and 0600."""


def parse_mode(text: str) -> int:
    """A mode in octal digits, as chmod(1) reads it: `0700`, `2770`.

    Raises:
        ValueError: it is none, or would keep the server itself out, or let everybody in.
    """
    if not text or len(text) > 5 or not all("0" <= digit <= "7" for digit in text):
        raise ValueError('a mode is octal digits such as "0700" or "2770"')
    mode = int(text, 8)
    if mode & 0o600 != 0o600:
        raise ValueError(f"with mode {text} the server itself could not read and write")
    if mode & 0o002:
        raise ValueError(f"with mode {text} everybody could change the mail")
    return mode
