"""Whose the mail is: the one user that Dovecot writes it as becomes the one that Postroad runs as.

A server that is not root gives its files to nobody else. So where all mail belongs to one user, as
`vmail`, Postroad runs as that one, and both programs can read and write the mailboxes. Where each
account has an owner of its own, only a shared group helps, and the report says so.
"""

from __future__ import annotations

import grp
import pwd
from contextlib import suppress

from postroad.adopt.dovecot_notes import Notes
from postroad.adopt.finding import Finding
from postroad.adopt.old_files import OldFiles

__all__ = ["SHARE", "plan_owner", "user_named"]

SHARE = (
    "only root could write as several users: share a group ([mailbox] group, mode and file_mode), "
    "or keep the mailboxes with Dovecot (--mailbox dovecot)"
)


def plan_owner(notes: Notes, files: OldFiles, user: str, group: str, finding: Finding) -> None:
    """Plan who owns the mail; the first word counts, since a userdb goes before `mail_uid`.

    Args:
        notes: of the plan.
        files: the old file system, whose users are looked at.
        user: a name or a number; empty: nothing is said.
        group: likewise.
        finding: the setting that says so.
    """
    plan = notes.plan
    name = user_named(files, user)
    if user and not name:
        words = f"mail belongs to user {user}, and no user of this system has that number"
        plan.worsen(finding, words, f"make one, and set user in postroad.toml: useradd -u {user}")
    elif name == "root":
        plan.worsen(finding, "mail belongs to root, and Postroad does not store it as root", SHARE)
    elif name and ("user",) not in plan.settings:
        plan.set(("user",), name, finding, "the owner of the mail: Dovecot reads it as this user")
    if ("user",) not in plan.settings or ("mailbox", "group") in plan.settings:
        return  # a group that the server is not in would keep it from starting
    if group and (known := _group(files, group)):
        plan.set(("mailbox", "group"), known, finding)


def user_named(files: OldFiles, user: str) -> str:
    """The name of a user; empty if the number is nobody's."""
    if not user.isdigit():
        return user
    found = _by_number(files, "/etc/passwd", user)
    if not found:
        with suppress(KeyError, OverflowError):
            found = pwd.getpwuid(int(user)).pw_name
    return found


def _group(files: OldFiles, group: str) -> str:
    if not group.isdigit():
        return group
    found = _by_number(files, "/etc/group", group)
    if not found:
        with suppress(KeyError, OverflowError):
            found = grp.getgrgid(int(group)).gr_name
    return found


def _by_number(files: OldFiles, path: str, number: str) -> str:
    """`/etc/passwd` and `/etc/group` both have the number in their third column."""
    for line in (files.text(path) or "").splitlines():
        columns = line.split(":")
        if len(columns) > 2 and columns[2] == number:
            return columns[0]
    return ""
