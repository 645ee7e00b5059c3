"""Dovecot's userdbs: where each account's mail lies, and whose it is.

A userdb of the same kind and file as a passdb is the same directory. What `static` says for all
becomes `[mailbox]`. Homes that a directory names must lie below `[mailbox] roots`, so the folders
that they lie in are looked for: in the passwd-file itself, or in the text of the query.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from postroad.adopt.dovecot.args import args_of
from postroad.adopt.dovecot.conf import Section, read_parameters
from postroad.adopt.dovecot.names import SYSTEM_DRIVERS, DovecotNames
from postroad.adopt.dovecot.newer import PARAMETERS
from postroad.adopt.dovecot.notes import Notes
from postroad.adopt.dovecot.owner import SHARE, plan_owner
from postroad.adopt.dovecot.per_domain import files_by_domain
from postroad.adopt.dovecot.place import placed
from postroad.adopt.finding import Finding
from postroad.adopt.old_files import OldFiles

__all__ = ["adopt_userdb"]

_KINDS = frozenset({"passwd-file", "sql", "ldap"})
_QUERIES = ("user_query", "password_query")
_COLUMN = r"(?:'([^']*)'|\"([^\"]*)\"|(\d+))\s+(?:as\s+)?[`\"']?(?:userdb_)?{name}\b"
_LITERAL_PATH = re.compile(r"['\"](?:maildir:)?(/[^'\"%]*)")


def adopt_userdb(
    notes: Notes,
    files: OldFiles,
    userdb: Section,
    passdbs: Sequence[Section],
    names: DovecotNames,
) -> None:
    """Say what becomes of a userdb.

    Args:
        notes: takes it.
        files: the old file system.
        userdb: the section.
        passdbs: those that became directories.
        names: how users are named.
    """
    driver = userdb.text("driver")
    if driver == "static":
        _static(notes, files, userdb, names)
    elif driver == "prefetch":
        _prefetch(notes, files, userdb, passdbs)
    elif driver == "passwd" and any(each.text("driver") in SYSTEM_DRIVERS for each in passdbs):
        words = "the directory of the users of this system knows them"
        notes.not_needed(userdb, "driver", words)
    elif driver in _KINDS and any(_is_same(files, userdb, each) for each in passdbs):
        finding = notes.not_needed(userdb, "driver", "the directory of the same passdb says it")
        _of_accounts(notes, files, userdb, finding)
    else:
        words = (
            f"what the driver {driver} says of users is not asked for: their mail lies where "
            "[mailbox] path says"
        )
        notes.unsupported(userdb, "driver", words, "see docs/directories.md")
    for key in userdb.values:
        if not notes.spoken_of(userdb, key):
            _rest(notes, userdb, key)


def _rest(notes: Notes, userdb: Section, key: str) -> None:
    if key in ("override_fields", "default_fields"):
        words = f"what these fields say of each account is left out: {userdb.text(key)}"
        notes.unsupported(userdb, key, words, "[mailbox] has path, home, user and quota for all")
    else:
        notes.not_needed(userdb, key, "goes with the driver")


def _is_same(files: OldFiles, userdb: Section, passdb: Section) -> bool:
    """Whether both ask the same: one file, or two with the same text, as Dovecot advises."""
    if userdb.text("driver") != passdb.text("driver"):
        return False
    mine, theirs = args_of(userdb.text("args")).last, args_of(passdb.text("args")).last
    text = files.text(mine)
    return mine == theirs or (text is not None and text == files.text(theirs))


def _static(notes: Notes, files: OldFiles, userdb: Section, names: DovecotNames) -> None:
    options = dict(args_of(userdb.text("args")).options)
    finding = notes.translated(userdb, "args", "[mailbox] home, path, user and group")
    notes.not_needed(userdb, "driver", "[mailbox] says where mail lies, for all accounts")
    home, mail = options.pop("home", ""), options.pop("mail", "")
    if home:
        notes.plan.set(("mailbox", "home"), placed(files, names.in_path(home)), finding)
    if mail:
        notes.plan.set(("mailbox", "path"), placed(files, names.in_path(mail)), finding)
    plan_owner(notes, files, options.pop("uid", ""), options.pop("gid", ""), finding)
    options.pop("allow_all_users", "")
    rule = options.pop("quota_rule", "")
    left = [*options, *(["quota_rule"] if rule else [])]
    if left:
        words = f"what it says of {', '.join(left)} is left out"
        notes.unsupported(userdb, "default_fields", words, "[mailbox] quota bounds mailboxes")


def _prefetch(notes: Notes, files: OldFiles, userdb: Section, passdbs: Sequence[Section]) -> None:
    finding = notes.not_needed(userdb, "driver", "the directory of the passdb says it all at once")
    for passdb in passdbs:
        if passdb.text("driver") in _KINDS:
            finding = _of_accounts(notes, files, passdb, finding)


# What a directory says of each account ------------------------------------------------------------


_FIRST = 500
"""The first user that may own mail unless `[mailbox] uids` says else."""


def _of_accounts(notes: Notes, files: OldFiles, section: Section, finding: Finding) -> Finding:
    """Look for the folders and owners that accounts have, so that they are allowed."""
    driver, last = section.text("driver"), args_of(section.text("args")).last
    if driver == "passwd-file":
        return _of_passwd_file(notes, files, last, finding)
    if driver == "sql":
        return _of_queries(notes, files, section, finding)
    _of_entries(notes, files, section, finding)
    return finding


def _of_passwd_file(notes: Notes, files: OldFiles, path: str, finding: Finding) -> Finding:
    users, groups, homes = set[str](), set[str](), set[str]()
    paths = files_by_domain(files, path).values() if "%" in path else (path,)
    texts = (files.text(each) or "" for each in paths)
    for line in (line for text in texts for line in text.splitlines()):
        if not line or line[0] in "#:":
            continue
        columns = (*line.split(":"), *[""] * 6)
        users.add(columns[2])
        groups.add(columns[3])
        homes |= {str(PurePosixPath(columns[5]).parent)} if columns[5].startswith("/") else set()
    finding = _allow(notes, homes, finding)
    owners = sorted(users - {""})
    if len(owners) > 1:
        words = f"accounts in {path} belong to different users: {', '.join(owners[:5])}"
        if all(each.isdecimal() and int(each) >= _FIRST for each in owners):
            return notes.plan.amend(finding, f"{words}, as whom a server started as root writes")
        notes.plan.worsen(finding, words, SHARE)
    elif owners:
        group = next(iter(groups)) if len(groups) == 1 else ""
        return plan_owner(notes, files, owners[0], group, finding)
    return finding


def _settings(files: OldFiles, section: Section) -> Section:
    own = section.one(PARAMETERS)
    if own is not None:
        return own
    path = args_of(section.text("args")).last
    return read_parameters(files, files.place(path))[0]


def _of_queries(notes: Notes, files: OldFiles, section: Section, finding: Finding) -> Finding:
    settings = _settings(files, section)
    text = " ".join(settings.text(key) for key in _QUERIES)
    places = {str(PurePosixPath(f"{found}x").parent) for found in _LITERAL_PATH.findall(text)}
    finding = _allow(notes, places, finding)
    user, group = _constant(text, "uid"), _constant(text, "gid")
    finding = plan_owner(notes, files, user, group, finding)
    for name in ("home", "mail"):
        named = re.search(rf"\b(?:userdb_)?{name}\b", text.partition(" FROM ")[0], re.IGNORECASE)
        if named and not places:
            _say_roots(notes, finding)
            break
    return finding


def _of_entries(notes: Notes, files: OldFiles, section: Section, finding: Finding) -> None:
    settings = _settings(files, section)
    attributes = settings.text("user_attrs", "homeDirectory=home,uidNumber=uid,gidNumber=gid")
    if re.search(r"=(home|mail)\b", attributes):
        _say_roots(notes, finding)


def _constant(text: str, name: str) -> str:
    """The value that a query gives to a column for all accounts; empty if it is no constant."""
    found = re.search(_COLUMN.format(name=name), text, re.IGNORECASE)
    return next((each for each in found.groups() if each), "") if found else ""


def _allow(notes: Notes, folders: set[str], finding: Finding) -> Finding:
    """Allow the folders that homes lie in."""
    found = sorted(each for each in folders if os.path.normpath(each) != "/")
    if found:
        finding = notes.plan.amend(finding, "the folders of its homes: `[mailbox] roots`")
        notes.plan.extend(("mailbox", "roots"), found, finding)
    return finding


def _say_roots(notes: Notes, finding: Finding) -> None:
    words = "the directory says where each mailbox lies, and [mailbox] roots does not allow it yet"
    todo = 'set roots = ["/var/vmail"], the folder that all mail lies in, in [mailbox]'
    notes.plan.worsen(finding, words, todo)
