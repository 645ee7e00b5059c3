"""Dovecot's passdbs and userdbs as directories of Postroad.

Used where Postroad is to check passwords and to write mail by itself. Each driver that has a
counterpart becomes a `[directories.NAME]`; its users stay where they are, in their file, database
or directory service. One that has none is said, with who can no longer log in because of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from postroad.adopt.dovecot.args import Args, args_of
from postroad.adopt.dovecot.conf import Section
from postroad.adopt.dovecot.ldap import adopt_ldap
from postroad.adopt.dovecot.names import (
    FORMAT,
    SYSTEM_DRIVERS,
    DovecotNames,
    is_stripped,
    names_of,
)
from postroad.adopt.dovecot.notes import Mailboxes, Notes
from postroad.adopt.dovecot.per_domain import files_by_domain
from postroad.adopt.dovecot.sql import adopt_sql, parameters_of
from postroad.adopt.dovecot.users import adopt_userdb
from postroad.adopt.finding import Finding
from postroad.adopt.old_files import OldFiles
from postroad.adopt.plan import KeyPath

__all__ = ["adopt_accounts"]

_PAM_FLAGS = frozenset({"-session", "*", "%s"})
"""Words of PAM's `args` that name no service: the two last ones mean the protocol's."""


@dataclass(frozen=True, slots=True)
class _Passdb:
    """A passdb with its `args` taken apart.

    Attributes:
        whole: the configuration it stands in.
        section: it.
        args: its `args`: options, then a file or a service of PAM.
        names: how users are named.
    """

    whole: Section
    section: Section
    args: Args
    names: DovecotNames


def adopt_accounts(notes: Notes, files: OldFiles, whole: Section) -> None:
    """Say what becomes of every passdb and userdb."""
    if notes.mailboxes is Mailboxes.DOVECOT:
        _leave(notes, whole)
        return
    names = names_of(files, whole)
    passdbs = whole.all("passdb")
    for passdb in passdbs:
        _adopt_passdb(notes, files, whole, passdb, names)
    for userdb in whole.all("userdb"):
        adopt_userdb(notes, files, userdb, [each for each in passdbs if _is_taken(each)], names)
    _username_format(notes, whole)


def _is_taken(passdb: Section) -> bool:
    """Whether it becomes a directory."""
    refused = passdb.text("master") == "yes" or passdb.text("deny") == "yes"
    return not refused and passdb.text("driver") in _DRIVERS


def _leave(notes: Notes, whole: Section) -> None:
    for section in (*whole.all("passdb"), *whole.all("userdb")):
        for key in section.values:
            notes.not_needed(section, key, "Dovecot stays, checks passwords, and finds users by it")


# Passwords ----------------------------------------------------------------------------------------


def _adopt_passdb(
    notes: Notes, files: OldFiles, whole: Section, passdb: Section, names: DovecotNames
) -> None:
    driver = passdb.text("driver")
    if passdb.text("master") == "yes":
        _master(notes, passdb)
    elif passdb.text("deny") == "yes":
        words = "who is listed there could log in"
        todo = "disable those accounts: in their directory, or by postroad user disable"
        _refuse(notes, passdb, words, todo)
    elif driver in _DRIVERS:
        args = args_of(passdb.text("args"))
        _DRIVERS[driver](notes, files, _Passdb(whole, passdb, args, names))
    elif driver == "static":
        words = "nobody logs in by a password that is one for all, or by none (nopassword)"
        todo = "keep the mailboxes with Dovecot (--mailbox dovecot), or make accounts"
        _refuse(notes, passdb, words, todo)
    else:
        words = f"nobody whom only the driver {driver} knows can log in"
        todo = "keep the mailboxes with Dovecot (--mailbox dovecot), which goes on to check them"
        _refuse(notes, passdb, words, todo)
    for key in passdb.values:
        if not notes.spoken_of(passdb, key):
            _rest_of_passdb(notes, passdb, key)


def _master(notes: Notes, passdb: Section) -> None:
    for key in passdb.values:
        words = "master users log in at Dovecot, which stays; [login] act_as has their counterpart"
        notes.not_needed(passdb, key, words)


def _refuse(notes: Notes, section: Section, words: str, todo: str) -> None:
    notes.unsupported(section, "driver", words, todo)
    for key in section.values:
        if not notes.spoken_of(section, key):
            notes.not_needed(section, key, "goes with the driver")


_USUAL: Mapping[str, frozenset[str]] = {
    "name": frozenset(),
    "auth_verbose": frozenset(),
    "use_cache": frozenset(),
    "use_worker": frozenset(),
    "skip": frozenset({"never", "authenticated"}),
    "result_success": frozenset({"return-ok", "return"}),
    "result_failure": frozenset({"continue", "continue-fail"}),
    "result_internalfail": frozenset({"continue", "continue-fail", "return-fail"}),
    "pass": frozenset({"no"}),
    "master": frozenset({"no"}),
    "deny": frozenset({"no"}),
}
"""What a passdb may say of the order with no difference to Postroad's; empty: anything."""


def _rest_of_passdb(notes: Notes, passdb: Section, key: str) -> None:
    value = passdb.text(key)
    if key in _USUAL and (not _USUAL[key] or value in _USUAL[key]):
        words = "[directory] order says which directory is asked first; each that does not know a"
        notes.not_needed(passdb, key, f"{words} name passes it on to the next")
    elif key in _USUAL:
        words = f"one directory decides by itself here; {key} = {value} joins several"
        todo = "keep the mailboxes with Dovecot (--mailbox dovecot), which goes on to check them"
        notes.unsupported(passdb, key, words, todo)
    else:
        words = f"Postroad does not know it: what it adds to the passdb {passdb.text('driver')} is"
        todo = "see docs/directories.md for what this kind of directory knows"
        notes.unsupported(passdb, key, f"{words} left out", todo)


def _passwd_file(notes: Notes, files: OldFiles, passdb: _Passdb) -> None:
    path = passdb.args.last
    if "%" in path:
        _passwd_files(notes, files, passdb)
        return
    name = _free_name(notes, "users")
    notes.translated(passdb.section, "driver", f"[directories.{name}] kind")
    words = f"[directories.{name}]: the file is read where it is"
    there = files.exists(path)
    todo = "" if there else f"there is no {path}: put it there, or nobody can log in"
    finding = notes.translated(passdb.section, "args", words, todo)
    _plan_file(notes, passdb, name, str(files.place(path)), finding)


def _passwd_files(notes: Notes, files: OldFiles, passdb: _Passdb) -> None:
    """A file for each domain: a directory for each of them."""
    path = passdb.args.last
    found = files_by_domain(files, path)
    if not found:
        words = f"nobody in {path} can log in: a directory has one file"
        todo = "write a [directories.NAME] with passwd and domains for each of the files"
        _refuse(notes, passdb.section, words, todo)
        return
    notes.translated(passdb.section, "driver", "[directories.NAME] kind, for each domain")
    words = f"a directory with `domains` for each of {len(found)} files, read where they are"
    todo = "a new domain needs a [directories.NAME] like them"
    finding = notes.translated(passdb.section, "args", words, todo)
    for domain, file in found.items():
        name = _free_name(notes, f"users-{domain}")
        _plan_file(notes, passdb, name, str(files.place(file)), finding)
        notes.plan.set(("directories", name, "domains"), [domain], finding)
        notes.plan.set(("directories", name, "default_domain"), domain, finding)


def _plan_file(notes: Notes, passdb: _Passdb, name: str, path: str, finding: Finding) -> None:
    values: dict[str, str] = {
        "kind": "files",
        "passwd": path,
        "default_scheme": passdb.args.options.get("scheme", "") or "CRYPT",
        "username_format": _format_of(passdb),
    }
    for key, value in values.items():
        notes.plan.set(("directories", name, key), value, finding)
    if "%" not in passdb.args.last:
        _realm(notes, passdb.whole, name)


def _realm(notes: Notes, whole: Section, name: str) -> None:
    """`auth_default_realm`: what is put behind a name without a domain."""
    realm = whole.text("auth_default_realm")
    if not realm:
        return
    path = ("directories", name, "default_domain")
    if notes.spoken_of(whole, "auth_default_realm"):
        notes.plan.set(path, realm)
        return
    words = f"[directories.{name}] default_domain"
    notes.plan.set(path, realm, notes.translated(whole, "auth_default_realm", words))


def _format_of(passdb: _Passdb) -> str:
    """What is looked for in the file: the login, in one format and then in the other.

    Dovecot first gives the login the form of `auth_username_format`, then that result the form of
    the file's own `username_format`. Where one of them is the whole name, the other one says it.
    """
    own = passdb.args.options.get("username_format", "%u")
    if own in ("%u", "%Lu"):
        return passdb.whole.text("auth_username_format", FORMAT) or "%u"
    return own


def _pam(notes: Notes, _: OldFiles, passdb: _Passdb) -> None:
    name = _free_name(notes, "system")
    driver = passdb.section.text("driver")
    todo = ""
    if driver != "pam":
        todo = f"Dovecot read the passwords itself ({driver}): see that this PAM service does"
    words = f"[directories.{name}]: accounts of the system, by PAM"
    kind = notes.translated(passdb.section, "driver", words, todo)
    notes.plan.set(("directories", name, "kind"), "pam", kind)
    finding = None
    if "args" in passdb.section.values:
        finding = notes.translated(passdb.section, "args", f"[directories.{name}] service")
    notes.plan.set(("directories", name, "service"), _service(passdb), finding)
    _realm(notes, passdb.whole, name)
    least = passdb.whole.text("first_valid_uid")
    if least.isdigit() and not notes.spoken_of(passdb.whole, "first_valid_uid"):
        words = f"[directories.{name}] minimum_uid"
        noted = notes.translated(passdb.whole, "first_valid_uid", words)
        notes.plan.set(("directories", name, "minimum_uid"), int(least), noted)
    location = passdb.whole.text("mail_location").removeprefix("maildir:")
    if location.startswith(("~", "%h", "%{home}")):
        todo = (
            'only root writes into homes: user = "root", or keep the mailboxes with Dovecot '
            "(--mailbox dovecot)"
        )
        words = f"[directories.{name}] use_homes, below /home, which [mailbox] roots allows"
        homes = notes.translated(passdb.section, "use_homes", words, todo)
        notes.plan.set(("directories", name, "use_homes"), value=True, finding=homes)
        notes.plan.extend(("mailbox", "roots"), ["/home"], homes)


def _service(passdb: _Passdb) -> str:
    """The service of PAM: `*` and `%s` are the protocol's own name, which is `smtp` here."""
    if passdb.section.text("driver") != "pam":
        return "other"
    last = passdb.args.last.split()[-1:]
    if not last or last == ["-session"]:
        return "dovecot"
    return "smtp" if last[0] in _PAM_FLAGS else last[0]


def _sql(notes: Notes, files: OldFiles, passdb: _Passdb) -> None:
    section = _of_parameters(notes, passdb, "sql")
    users = any(each.text("driver") == "sql" for each in passdb.whole.all("userdb"))
    settings = parameters_of(notes, files, passdb.section, Path(passdb.args.last))
    adopt_sql(notes, files, settings, section, passdb.names, users=users)


def _ldap(notes: Notes, files: OldFiles, passdb: _Passdb) -> None:
    section = _of_parameters(notes, passdb, "ldap")
    users = any(each.text("driver") == "ldap" for each in passdb.whole.all("userdb"))
    settings = parameters_of(notes, files, passdb.section, Path(passdb.args.last))
    adopt_ldap(notes, files, settings, section, passdb.names, users=users)


def _of_parameters(notes: Notes, passdb: _Passdb, kind: str) -> KeyPath:
    """The section of a directory whose settings stand in a file of their own."""
    name = _free_name(notes, kind)
    notes.translated(passdb.section, "driver", f"[directories.{name}] kind")
    if "args" in passdb.section.values:
        words = f"[directories.{name}], from the settings in {passdb.args.last}"
        notes.translated(passdb.section, "args", words)
    return ("directories", name)


_DRIVERS: Mapping[str, Callable[[Notes, OldFiles, _Passdb], None]] = {
    "passwd-file": _passwd_file,
    **dict.fromkeys(SYSTEM_DRIVERS, _pam),
    "sql": _sql,
    "ldap": _ldap,
}


# Names ------------------------------------------------------------------------------------------


def _username_format(notes: Notes, whole: Section) -> None:
    if "auth_username_format" not in whole.values or notes.spoken_of(whole, "auth_username_format"):
        return
    if any(each.text("driver") == "passwd-file" for each in whole.all("passdb")):
        notes.translated(whole, "auth_username_format", "username_format of the directory of users")
    elif is_stripped(whole):
        words = "%u of queries, filters and paths is %n now, the name without its domain"
        notes.translated(whole, "auth_username_format", words)
    else:
        words = "queries and filters have %u, %n and %d; logins are compared in small letters"
        notes.not_needed(whole, "auth_username_format", words)


def _free_name(notes: Notes, name: str) -> str:
    taken = set(notes.plan.tables("directories"))
    free, count = name, 2
    while free in taken:
        free, count = f"{name}{count}", count + 1
    return free
