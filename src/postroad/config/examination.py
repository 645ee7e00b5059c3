"""What is no mistake and yet worth knowing: the rights of files, the days of a certificate.

The configuration is a loaded one, so its files exist and fit; here they are judged.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path

from postroad.config.account_files import (
    account_file_warnings,
    account_files,
    directories_with_files,
)
from postroad.config.backscatter import careless_listeners
from postroad.config.configuration import Configuration
from postroad.config.credence import doubts
from postroad.config.destinations import rates_without_mail
from postroad.config.filter_places import silent_filters
from postroad.config.lines import KeyPath, locate
from postroad.config.logins_elsewhere import source_addresses
from postroad.config.mailboxes import mailbox_obstacles
from postroad.config.outbound import unproved_levels
from postroad.config.reach import Account, obstacles
from postroad.config.reports import unsigned_reports
from postroad.config.sendmail import (
    doubts_about_drop,
    doubts_about_users,
    doubts_about_what_comes_back,
    passable,
)
from postroad.config.sockets import bound_sockets, missing_folders
from postroad.config.spam_services import unseen_moves
from postroad.config.stowage import doubts_about_spool
from postroad.config.tables import missing_databases, table_files
from postroad.net.ourselves import is_own_address

__all__ = ["Finding", "Verdict", "examine"]


class Verdict(Enum):
    """What a finding asks of the operator: nothing, attention, or a change before serving."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        subject: what, in a word or two.
        verdict: how it is.
        message: one line that says why, or what to do.
    """

    subject: str
    verdict: Verdict
    message: str


def examine(
    file: Path, configuration: Configuration, now: datetime, account: Account | None
) -> Iterator[Finding]:
    """Every finding about the files of a server.

    Args:
        file: the configuration file.
        configuration: what was loaded from it.
        now: the time, with its zone.
        account: the server's user; `None` for root, whom nothing stops.
    """
    yield from _rights(file, configuration)
    if account is not None:
        yield from _reach(file, configuration, account)
    if any(listener.tls != "none" for listener in configuration.resolved_listeners):
        yield from _certificates(configuration, now)
    for name, database in missing_databases(configuration):
        message = f"{name} asks {database}, which is not there, so that mail is deferred"
        yield Finding("tables", Verdict.ERROR, message)
    for words in mailbox_obstacles(configuration, account):
        message = f"{_placed(file, words)}; mail for accounts would wait"
        yield Finding("mailboxes", Verdict.ERROR, message)
    for words in doubts_about_spool(configuration):
        yield Finding("spool", Verdict.WARNING, words)
    for words in doubts_about_drop(configuration):
        yield Finding("sendmail", Verdict.WARNING, words)
    for words in (
        *doubts_about_users(configuration),
        *doubts_about_what_comes_back(configuration, account.name if account else "root"),
    ):
        yield Finding("sendmail", Verdict.WARNING, _placed(file, words))
    yield from _sockets_nowhere(configuration)
    for words in silent_filters(configuration):
        yield Finding("filters", Verdict.WARNING, _placed(file, words))
    for words in unseen_moves(configuration):
        yield Finding("filters", Verdict.OK, _placed(file, words))
    for words in unsigned_reports(configuration):
        yield Finding("reports", Verdict.WARNING, _placed(file, words))
    is_root = account is None and configuration.user == "root"
    for name in directories_with_files(configuration) if is_root else ():
        message = (
            f"directories.{name}: allow_files: a server that runs as root writes to no file of"
            " aliases, and mail for them waits; give it a user"
        )
        yield Finding("accounts", Verdict.ERROR, message)
    for words in account_file_warnings(configuration):
        yield Finding("accounts", Verdict.WARNING, words)
    yield from _source_addresses(configuration)
    for words in rates_without_mail(configuration):
        yield Finding("destinations", Verdict.WARNING, words)
    yield from _strangers(configuration)
    yield from _plain_logins(configuration)
    yield from _backscatter(configuration)
    for key in unproved_levels(configuration):
        message = (
            f"{key} wants DANE, and the name servers are not on this machine: set [dns] validating"
            " if they check DNSSEC and nobody can change what they say of it"
        )
        yield Finding("DNSSEC", Verdict.WARNING, message)


def _placed(file: Path, words: str) -> str:
    """Words that begin with a key, with the line of the file where it stands before them."""
    key: KeyPath = tuple(words.partition(" ")[0].rstrip(":").split("."))
    line = locate(file.read_text(encoding="utf-8")).get(key)
    return words if line is None else f"{file}:{line}: {words}"


def _sockets_nowhere(configuration: Configuration) -> Iterator[Finding]:
    for owner, path in missing_folders(configuration):
        message = f"{owner}: {path.parent} is no directory, so the server cannot listen on {path}"
        # What is below /run is made at each boot, or by a unit with the server (RuntimeDirectory=).
        is_made_later = path.is_relative_to("/run")
        yield Finding("sockets", Verdict.WARNING if is_made_later else Verdict.ERROR, message)


def _plain_logins(configuration: Configuration) -> Iterator[Finding]:
    for listener in configuration.resolved_listeners:
        if listener.settings.plain_auth:
            message = (
                f"listener {listener.name} takes passwords without TLS, from this machine only;"
                " make sure that what stands before it speaks TLS"
            )
            yield Finding("logins", Verdict.WARNING, message)
            if not listener.settings.proxy:
                message = (
                    f"listener {listener.name} sees all users at one trusted address, so nobody who"
                    ' guesses passwords is banned; with proxy = ["127.0.0.1/32"] and a program'
                    " before it that speaks the PROXY protocol it sees their own"
                )
                yield Finding("logins", Verdict.WARNING, message)


def _source_addresses(configuration: Configuration) -> Iterator[Finding]:
    """Those that no socket can be bound to now: they may come up later, as one that moves."""
    for address in source_addresses(configuration):
        if not is_own_address(address):
            message = (
                f"{address} of source_addresses is no address of this machine now;"
                " mail that has to leave from it waits"
            )
            yield Finding("source addresses", Verdict.WARNING, message)


def _rights(file: Path, configuration: Configuration) -> Iterator[Finding]:
    private = [configuration.state_directory, configuration.directory_file]
    private += [pair.key for pair in configuration.key_pairs]
    if configuration.outbound_tls.certificate is not None:
        private.append(configuration.outbound_tls.key or configuration.outbound_tls.certificate)
    private += dict.fromkeys(table_files(configuration, secret=True))
    private += dict.fromkeys(account_files(configuration, secret=True))
    wrong = list(_too_open(file, stat.S_IWGRP | stat.S_IWOTH, "go-w"))
    for path in private:
        allowed = stat.S_IXOTH if path == passable(configuration) else 0
        right = "711" if allowed else "o-rwx"
        wrong += _too_open(path, stat.S_IRWXO & ~allowed, right)
    wrong += _open_contents(configuration)
    wrong += _open_sockets(configuration)
    wrong += _open_accounts(configuration)
    yield from wrong
    if not wrong:
        yield Finding(
            "permissions", Verdict.OK, "nobody else can read or change the server's files"
        )


def _open_contents(configuration: Configuration) -> Iterator[Finding]:
    """What strangers could reach by its name, where they may pass the state directory."""
    state = passable(configuration)
    if state is None or not state.is_dir() or not state.stat().st_mode & stat.S_IXOTH:
        return
    for path in sorted(state.iterdir()):
        about = path.lstat()
        if path != configuration.maildrop_directory and stat.S_ISDIR(about.st_mode):
            yield from _too_open(path, stat.S_IRWXO)


def _too_open(path: Path, forbidden: int, right: str = "o-rwx") -> Iterator[Finding]:
    """A file that others may do more with than they should; `right` is what chmod takes."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return  # made at the first start
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        yield Finding("permissions", Verdict.WARNING, f"{path} cannot be looked at: {reason}")
        return
    if mode & forbidden:
        rights = stat.filemode(mode)
        message = f"{path} is open to others ({rights}); chmod {right} it"
        yield Finding("permissions", Verdict.WARNING, message)


def _open_sockets(configuration: Configuration) -> Iterator[Finding]:
    """Whoever may write to a socket of ours is trusted as a client."""
    for listener in configuration.resolved_listeners:
        for bind in listener.binds:
            if bind.path and bind.mode & stat.S_IWOTH:
                may = "deliver" if listener.lmtp else "send to any domain"
                message = (
                    f"every user of this machine may write to {bind.path} (listener"
                    f" {listener.name}, unix_mode {listener.settings.unix_mode}), is trusted there"
                    f" and may {may}; take unix_mode 0660 and a group"
                )
                yield Finding("permissions", Verdict.WARNING, message)


def _open_accounts(configuration: Configuration) -> Iterator[Finding]:
    """Whoever may write to a socket of `[sockets]` may ask, and say for whom."""
    for name, settings, bind in bound_sockets(configuration):
        if bind.path and bind.mode & stat.S_IWOTH:
            may = "look accounts up"
            if settings.kind == "dovecot-auth":
                may = "try passwords in the name of any client's address"
            message = (
                f"every user of this machine may write to {bind.path} (sockets.{name}, unix_mode"
                f" {settings.unix_mode}) and {may}; take unix_mode 0660 and an owner"
            )
            yield Finding("permissions", Verdict.WARNING, message)


def _reach(file: Path, configuration: Configuration, account: Account) -> Iterator[Finding]:
    found = list(obstacles(file, configuration, account))
    for words in found:
        yield Finding("user", Verdict.ERROR, f"the server's user {account.name} {words}")
    if not found:
        message = f"the server's user {account.name} can read and write what it must"
        yield Finding("user", Verdict.OK, message)


def _certificates(configuration: Configuration, now: datetime) -> Iterator[Finding]:
    several = len(configuration.key_pairs) > 1
    for doubt in doubts(configuration, now):
        subject = f"certificate {doubt.pair.certificate}" if several else "certificate"
        verdict = Verdict.OK if doubt.harmless else Verdict.WARNING
        yield Finding(subject, verdict, doubt.words)


def _strangers(configuration: Configuration) -> Iterator[Finding]:
    """Who asks servers for certificates turns away those that have one of their own making."""
    for listener in configuration.resolved_listeners:
        if listener.preset == "mx" and listener.settings.client_certificates:
            message = (
                f"listener {listener.name} asks for certificates: a server that shows one which"
                " client_ca_file does not vouch for cannot send us mail; leave it to the listeners"
                " of users"
            )
            yield Finding("client certificates", Verdict.WARNING, message)


def _backscatter(configuration: Configuration) -> Iterator[Finding]:
    for name in careless_listeners(configuration):
        message = (
            f"listener {name} takes mail for recipients that nobody has, and returns it to senders"
            " who are often forged; leave out reject_unlisted_recipient = false"
        )
        yield Finding("recipients", Verdict.WARNING, message)
