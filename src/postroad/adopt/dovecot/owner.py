"""Whose the mail is: the one user that Dovecot writes it as becomes the one that Postroad runs as.

A server that is not root gives its files to nobody else. So where all mail belongs to one user, as
`vmail`, Postroad runs as that one, and both programs can read and write the mailboxes. Where each
account has an owner of its own, a server that is started as root writes as each of them.
"""

from __future__ import annotations

import grp
import pwd
from contextlib import suppress

from postroad.adopt.dovecot.notes import Notes
from postroad.adopt.finding import Finding
from postroad.adopt.old_files import OldFiles

__all__ = ["SHARE", "plan_owner", "user_named"]

SHARE = (
    "a server that is started as root writes as those users whom [mailbox] uids allows, never as "
    "root: name them there, or keep the mailboxes with Dovecot (--mailbox dovecot)"
)


def plan_owner(notes: Notes, files: OldFiles, user: str, group: str, finding: Finding) -> Finding:
    """Plan who owns the mail; the first word counts, since a userdb goes before `mail_uid`.

    Args:
        notes: of the plan.
        files: the old file system, whose users are looked at.
        user: a name or a number; empty: nothing is said.
        group: likewise.
        finding: the setting that says so.

    Returns:
        The same, which names what comes from it.
    """
    plan = notes.plan
    name = user_named(files, user)
    if user and not name:
        words = f"mail belongs to user {user}, and no user of this system has that number"
        plan.worsen(finding, words, f"make one, and set user in postroad.toml: useradd -u {user}")
        return finding
    if name == "root":
        plan.worsen(finding, "mail belongs to root, and Postroad does not store it as root", SHARE)
        return finding
    if name and ("user",) not in plan.settings:
        finding = plan.amend(finding, f'`user = "{name}"`', _doubt(files, name))
        plan.set(("user",), name, finding, "the owner of the mail: Dovecot reads it as this user")
    if ("user",) not in plan.settings or ("mailbox", "group") in plan.settings:
        return finding  # a group that the server is not in would keep it from starting
    if group and (known := _group(files, group)):
        finding = plan.amend(finding, f'`[mailbox] group = "{known}"`')
        plan.set(("mailbox", "group"), known, finding)
    return finding


def _doubt(files: OldFiles, name: str) -> str:
    """What there is to do before the server runs as somebody's login; empty for nothing."""
    home, shell = _login_of(files, name)
    if not home.startswith("/home/") or shell.endswith(("/nologin", "/false")):
        return ""
    return (
        f"the whole mail server runs as {name}, who can log in ({home}, {shell}), and has all the "
        "rights of that login: give the mail to a user of its own, in Dovecot too, and name it in "
        "user and [mailbox] group of postroad.toml; or keep the mailboxes with Dovecot "
        "(--mailbox dovecot)"
    )


def _login_of(files: OldFiles, name: str) -> tuple[str, str]:
    """Home and shell of a user of the old system, or else of this one; empty for an unknown."""
    for line in (files.text("/etc/passwd") or "").splitlines():
        columns = line.split(":")
        if len(columns) > 6 and columns[0] == name:
            return columns[5], columns[6]
    with suppress(KeyError):
        known = pwd.getpwnam(name)
        return known.pw_dir, known.pw_shell
    return "", ""


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
