"""Where mail for people here ends: Postfix's `virtual_transport` and `mailbox_transport`.

An LMTP server stays what it is. Postfix's own `virtual` and `local` are Postroad's Maildirs, at the
same place and with the same owner. A program that delivers becomes a transport of the kind `pipe`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from postroad.adopt.finding import Finding, Verdict
from postroad.adopt.postfix.domains import DIRECTORY, Domains
from postroad.adopt.postfix.installation import OldPostfix
from postroad.adopt.postfix.main_cf import Parameter

__all__ = ["lmtp_target", "translate_delivery"]

_LMTP = re.compile(
    r"lmtp:(?:(?P<unix>unix:)(?P<path>\S+)|(?:inet:)?(?P<host>\[[^\]\s]+\]|[^\s:\[\]]+)"
    r"(?::(?P<port>\w+))?)\Z"
)
_LMTP_PORT = 24
"""postconf(5), lmtp_tcp_port."""

_USERDB = "/run/dovecot/auth-userdb"
"""Where Dovecot says who its users are (its 10-master.conf)."""

_AS_ASKED = "Postroad writes the Maildirs itself, as was asked for"
_DELIVERS = re.compile(r"/(dovecot-lda|deliver|dovecot/dovecot-lda)(\s|\Z)")


def lmtp_target(old: OldPostfix, text: str) -> str | None:
    """`lmtp:unix:private/dovecot-lmtp` as `[mailbox] transport` has it; `None`: it is none."""
    found = _LMTP.match(text.strip())
    if found is None:
        return None
    if found["unix"]:
        return f"lmtp:unix:{old.in_queue(found['path'])}"
    port = found["port"] or str(_LMTP_PORT)
    host = found["host"]
    if host.startswith("[") and ":" not in host:
        host = host.strip("[]")
    return f"lmtp:inet:{host}:{port}" if port.isdigit() else None


def translate_delivery(old: OldPostfix, domains: Domains, *, mailboxes_here: bool) -> None:
    """Plan where mail ends.

    Args:
        old: whose it is.
        domains: those that are ours.
        mailboxes_here: whether Postroad is to write the Maildirs, whatever Postfix does.
    """
    if mailboxes_here:
        for name in ("virtual_transport", "mailbox_transport", "local_transport"):
            old.translated(name, _AS_ASKED)
        _command(old, mailboxes_here=True)
        _places(old)
        return
    virtual = old.main.value("virtual_transport") if _has_virtual(old) else ""
    local = old.main.value("mailbox_transport") or _local(old)
    if virtual:
        _class(old, "virtual_transport", virtual, (), domains)
    if not virtual or ("mailbox", "transport") not in old.plan.settings:
        name = "mailbox_transport" if old.main.value("mailbox_transport") else "local_transport"
        if local:
            _class(old, name, local, domains.local if virtual else (), domains)
    elif lmtp_target(old, local) == old.plan.get(("mailbox", "transport")):
        old.translated("mailbox_transport", "`[mailbox] transport`, as for the other domains")
    elif local:
        _class(old, "mailbox_transport", local, domains.local, domains)
    elif any(domain for domain in domains.local):
        _separate(old, domains.local)
    _command(old, mailboxes_here=False)
    _people(old, domains)
    _login_names(old)
    _places(old)


def _separate(old: OldPostfix, local: Sequence[str]) -> None:
    """Mail for this machine's own names goes where all other mail for people here goes."""
    words = (
        f"mail for accounts in {', '.join(local)} goes to `[mailbox] transport` as well, where "
        "Postfix wrote it into the files of the system's users"
    )
    place = old.main.get("mydestination")
    if place is None:
        return
    old.plan.find(
        Finding(
            place.file,
            place.line,
            "mail_spool_directory",
            old.main.value("mail_spool_directory"),
            Verdict.UNSUPPORTED,
            words,
            "let their aliases lead to accounts",
            matters=False,
        )
    )


def _has_virtual(old: OldPostfix) -> bool:
    return bool(old.main.value("virtual_mailbox_domains") or old.main.get("virtual_transport"))


def _local(old: OldPostfix) -> str:
    """`local_transport` where somebody changed it."""
    value = old.main.value("local_transport")
    return "" if old.main.get("local_transport") is None or value.startswith("local") else value


def _class(old: OldPostfix, name: str, target: str, only: Sequence[str], domains: Domains) -> None:
    """Plan the transport of a class of domains: for all, or for some only."""
    parameter = old.main.get(name)
    lmtp = lmtp_target(old, target)
    if lmtp and not only:
        finding = old.note(parameter, Verdict.TRANSLATED, "`[mailbox] transport`")
        old.plan.set(("mailbox", "transport"), lmtp, finding)
    elif target.partition(":")[0] in ("virtual", "local", ""):
        if parameter is not None:
            old.note(parameter, Verdict.TRANSLATED, "Postroad's Maildirs")
    elif lmtp:
        words = "the transport of those domains"
        finding = old.note(parameter, Verdict.TRANSLATED, words)
        for domain in only:
            where = target.partition(":")[2]
            if where.startswith("unix:"):
                where = f"unix:{old.in_queue(where.removeprefix('unix:'))}"
            old.plan.set(("domain", domain, "transport"), f"lmtp:{where}", finding)
    else:
        _program(
            old, parameter, target, only or domains.virtual, () if only else domains.mailbox_tables
        )


def _program(
    old: OldPostfix,
    parameter: Parameter | None,
    target: str,
    domains: Sequence[str],
    tables: Sequence[str],
) -> None:
    """A transport of master.cf, mostly Dovecot's own delivery agent."""
    name, _, nexthop = target.partition(":")
    service = old.master.named(name)
    arguments = " ".join(service.arguments) if service else ""
    if service is None:
        old.note(
            parameter, Verdict.UNSUPPORTED, f"there is no service {name}: mail goes to Maildirs"
        )
        return
    todo = ""
    if _DELIVERS.search(arguments):
        todo = "Dovecot takes mail by LMTP better than by a program: `[mailbox] transport`"
    finding = old.note(parameter, Verdict.TRANSLATED, f"`[transports.{name}]`", todo)
    for domain in domains:
        old.plan.set(("domain", domain, "transport"), f"{name}:{nexthop}", finding)
    # Domains that only a table knows: whoever it finds goes this way.
    found = [f"pipemap:{{{table}, static:{name}:{nexthop}}}" for table in tables]
    if found:
        old.plan.extend(("routing", "transport"), found, finding)


def _command(old: OldPostfix, *, mailboxes_here: bool) -> None:
    command = old.main.value("mailbox_command")
    if not command:
        return
    if _DELIVERS.search(command) and mailboxes_here:
        old.translated("mailbox_command", _AS_ASKED)
        return
    if _DELIVERS.search(command):
        words = "mail goes into Maildirs, not through Dovecot's delivery agent"
        todo = 'let Dovecot take mail by LMTP: `[mailbox] transport = "lmtp:unix:…"`'
    else:
        words = "mail goes into Maildirs, not through this program: what it sorts stays unsorted"
        todo = "a transport of the kind `pipe` runs it (docs/last-hops.md)"
    old.missing("mailbox_command", words, todo)


def _places(old: OldPostfix) -> None:
    """Where Postroad's own Maildirs are, whose they are, and how much goes in."""
    base = old.main.value("virtual_mailbox_base")
    if ("directories", DIRECTORY, "mailbox") in old.plan.settings and base:
        finding = old.translated(
            "virtual_mailbox_base", f"`[directories.{DIRECTORY}] mailbox_base`"
        )
        place = str(old.files.place(base))
        if _writes(old):
            old.plan.set(("directories", DIRECTORY, "mailbox_base"), place, finding)
    _owner(old)
    home = old.main.value("home_mailbox")
    if home.endswith("/") and _writes(old):
        words = "`[mailbox] path`, below each home in /home, which `[mailbox] roots` allows"
        todo = (
            'only root writes into homes: `user = "root"`, or better let Dovecot take mail by '
            "LMTP (`[mailbox] transport`)"
        )
        finding = old.translated("home_mailbox", words, todo)
        old.plan.set(("mailbox", "path"), f"%h/{home.rstrip('/')}", finding)
        old.plan.set(("mailbox", "roots"), ["/home"], finding)
    elif home and not home.endswith("/"):
        old.missing("home_mailbox", "mail goes into Maildirs, not into mbox files", "convert them")
    elif home:
        old.translated("home_mailbox", "the mail store says where mail lies")
    _quota(old)


def _people(old: OldPostfix, domains: Domains) -> None:
    """Who has a mailbox in local domains: Dovecot's users, or those of the system."""
    known = old.plan.get(("directories", DIRECTORY, "mailbox")) is not None
    asks_system = any("passwd.byname" in word for word in old.main.words("local_recipient_maps"))
    if not domains.local or not asks_system:
        old.translated("local_recipient_maps", "whoever is in `[directories]`")
        return
    asks_dovecot = ("directories", "dovecot", "socket") in old.plan.settings
    if _writes(old) or not (known or asks_dovecot):
        path = ("directories", "system")
        home = old.main.value("home_mailbox").endswith("/")
        words = "`[directories.system]`: the users of this system"
        finding = old.translated("local_recipient_maps", words)
        old.plan.set((*path, "kind"), "pam", finding, words)
        old.plan.set((*path, "service"), _pam_service())
        old.plan.set((*path, "domains"), domains.local)
        default = old.plan.get(("directories", DIRECTORY, "default_domain"))
        old.plan.set((*path, "default_domain"), str(default or domains.local[0]))
        if home and _writes(old):
            old.plan.set((*path, "use_homes"), value=True)
    elif not known:
        socket = str(old.files.place(_USERDB))
        parameter = old.main.get("mailbox_transport") or old.main.get("virtual_transport")
        words = f"Dovecot is asked who has a mailbox, at {socket}"
        todo = (
            "let the user that Postroad runs as connect there: `unix_listener auth-userdb` with "
            "mode = 0660 and group = postroad, in Dovecot's `service auth`"
        )
        finding = old.finding(parameter, Verdict.TRANSLATED, words, todo=todo)
        old.plan.find(finding)
        old.plan.set(("directories", "dovecot", "userdb_socket"), socket, finding)
        old.translated("local_recipient_maps", words)


def _pam_service() -> str:
    """A service of this system's PAM; `other` refuses everybody, and Dovecot checks passwords."""
    names = ("postroad", "dovecot", "smtp", "login", "other")
    return next((name for name in names if Path("/etc/pam.d", name).exists()), "other")


def _login_names(old: OldPostfix) -> None:
    """Names without a domain, as users of a system log in with."""
    path = ("directories", "dovecot")
    default = old.plan.get(("directories", DIRECTORY, "default_domain"))
    if (*path, "socket") not in old.plan.settings or not isinstance(default, str):
        return
    old.plan.set((*path, "default_domain"), default)
    if old.plan.get(("directories", DIRECTORY, "mailbox")) is None:
        remark = "Dovecot gets the name as users type it; `%u` would be the whole address"
        old.plan.set((*path, "username_format"), "%n", None, remark)


def _writes(old: OldPostfix) -> bool:
    """Whether Postroad writes Maildirs."""
    return old.plan.get(("mailbox", "transport")) in (None, "maildir")


def _owner(old: OldPostfix) -> None:
    for parameter, key in (("virtual_uid_maps", "user"), ("virtual_gid_maps", "group")):
        value = old.main.value(parameter).strip()
        if not value:
            continue
        number = value.removeprefix("static:")
        if not _writes(old):
            old.translated(parameter, "the mail store writes the files, as whom it likes")
        elif number.isdigit():
            words = f"`[mailbox] {key}`"
            todo = ""
            if key == "user":
                todo = f"let Postroad run as this user (`user`), or give it /{number}'s files"
            finding = old.translated(parameter, words, todo)
            old.plan.set(("mailbox", key), number, finding)
        else:
            words = "all mail is written by the user that Postroad runs as"
            old.missing(parameter, words, "one directory can say uid and gid of each account")


def _quota(old: OldPostfix) -> None:
    name = "virtual_mailbox_limit" if _has_virtual(old) else "mailbox_size_limit"
    for parameter in ("virtual_mailbox_limit", "mailbox_size_limit"):
        if old.main.get(parameter) is None:
            continue
        limit = old.main.number(parameter)
        if not _writes(old) or not limit:
            words = "the mail store has its own limits" if limit else "there is no limit"
            old.translated(parameter, words)
        elif parameter == name:
            words = "it is a file's size in Postfix, which does not bound a Maildir: no limit"
            old.translated(parameter, words, "`[mailbox] quota` bounds a whole mailbox")
        else:
            old.translated(parameter, "there are no mbox files")
