"""Dovecot's word for a place of mail, as `[mailbox]` has it."""

from __future__ import annotations

from postroad.adopt.old_files import OldFiles

__all__ = ["placed"]

_PATHS = ("INBOX=/", "CONTROL=/")
"""Options of `mail_location` by which mail, or what Postroad keeps beside it, lies elsewhere. The
others (INDEX and its kin) are about files that only Dovecot has."""


def placed(files: OldFiles, location: str) -> str:
    """A home or a `mail_location`, below the root of the old file system.

    Args:
        files: the old file system.
        location: `maildir:~/Maildir:CONTROL=/var/control/%u`, or a path.
    """
    path, *options = location.removeprefix("maildir:").split(":")
    if path.startswith("~/"):
        path = f"%h{path[1:]}"
    return ":".join([_below(files, path), *(_option(files, each) for each in options)])


def _option(files: OldFiles, option: str) -> str:
    if not option.upper().startswith(_PATHS):
        return option
    name, _, path = option.partition("=")
    return f"{name}={_below(files, path)}"


def _below(files: OldFiles, path: str) -> str:
    return str(files.place(path)) if path.startswith("/") else path
