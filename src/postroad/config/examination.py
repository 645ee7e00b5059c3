"""What is no mistake and yet worth knowing: the rights of files, the days of a certificate.

The configuration is a loaded one, so its files exist and fit; here they are judged.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from postroad.config.configuration import Configuration

__all__ = ["Account", "Finding", "Verdict", "examine"]

RENEWAL = timedelta(days=21)
"""Less than this to go: the renewal that was to happen has not."""


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


@dataclass(frozen=True, slots=True)
class Account:
    """Whom the server becomes.

    Attributes:
        name: as the operator knows it.
        user: its number.
        groups: the numbers of all its groups.
    """

    name: str
    user: int
    groups: frozenset[int]


def examine(
    file: Path, configuration: Configuration, now: datetime, account: Account | None
) -> Iterator[Finding]:
    """Every finding about the files of a server.

    Args:
        file: the configuration file.
        configuration: what was loaded from it.
        now: the time, with its zone.
        account: whom the server will become; `None` where it stays whoever starts it.
    """
    yield from _rights(file, configuration)
    if account is not None:
        yield from _reach(file, configuration, account)
    if any(listener.tls != "none" for listener in configuration.resolved_listeners):
        yield _certificate(configuration, now)


def _rights(file: Path, configuration: Configuration) -> Iterator[Finding]:
    private = [configuration.state_directory, configuration.directory_file, configuration.key]
    wrong = list(_too_open(file, stat.S_IWGRP | stat.S_IWOTH))
    for path in private:
        wrong += _too_open(path, stat.S_IRWXO)
    yield from wrong
    if not wrong:
        yield Finding(
            "permissions", Verdict.OK, "nobody else can read or change the server's files"
        )


def _too_open(path: Path, forbidden: int) -> Iterator[Finding]:
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
        right = "go-w" if forbidden & stat.S_IWGRP else "o-rwx"
        message = f"{path} is open to others ({rights}); chmod {right} it"
        yield Finding("permissions", Verdict.WARNING, message)


def _reach(file: Path, configuration: Configuration, account: Account) -> Iterator[Finding]:
    """The server reads its files after it has become another user, and again on every reload."""
    relay, state = configuration.relay, configuration.state_directory
    named = [
        file.absolute(),
        configuration.certificate,
        configuration.key,
        configuration.directory_file,
        *(path for path in (relay.password_file, relay.ca_file) if path is not None),
    ]
    outside = dict.fromkeys(path for path in named if not path.is_relative_to(state))
    blocked = [path for path in outside if not _may_read(account, path)]
    if not all(_may(account, parent, stat.S_IXOTH) for parent in state.parents):
        blocked.append(state)
    for path in blocked:
        message = f"{account.name}, whom the server becomes, cannot reach or read {path}"
        yield Finding("user", Verdict.ERROR, message)
    if not blocked:
        message = f"{account.name}, whom the server becomes, can read its files"
        yield Finding("user", Verdict.OK, message)


def _may_read(account: Account, path: Path) -> bool:
    real = path.resolve()
    return _may(account, real, stat.S_IROTH) and all(
        _may(account, parent, stat.S_IXOTH) for parent in real.parents
    )


def _may(account: Account, path: Path, right: int) -> bool:
    """Whether the plain permissions give a right, named by its bit for others. No ACLs."""
    try:
        about = path.stat()
    except FileNotFoundError:
        return True  # to be made, by whoever may
    if about.st_uid == account.user:
        return bool(about.st_mode & right << 6)
    if about.st_gid in account.groups:
        return bool(about.st_mode & right << 3)
    return bool(about.st_mode & right)


def _certificate(configuration: Configuration, now: datetime) -> Finding:
    certificate = x509.load_pem_x509_certificate(configuration.certificate.read_bytes())
    left = certificate.not_valid_after_utc - now
    until = f"{certificate.not_valid_after_utc:%Y-%m-%d}"
    subject = "certificate"
    if left <= timedelta():
        return Finding(subject, Verdict.ERROR, f"expired on {until}; renew it")
    if certificate.not_valid_before_utc > now:
        start = f"{certificate.not_valid_before_utc:%Y-%m-%d}"
        return Finding(subject, Verdict.ERROR, f"is not valid before {start}; is the clock right?")
    if left < RENEWAL:
        return Finding(
            subject, Verdict.WARNING, f"expires on {until}, in {left.days} days; renew it"
        )
    if not _names(certificate, configuration.hostname):
        message = f"is not for {configuration.hostname}; users' programs will refuse it"
        return Finding(subject, Verdict.WARNING, message)
    if certificate.issuer == certificate.subject:
        message = f"self-signed, valid until {until}; users' programs will ask before they trust it"
        return Finding(subject, Verdict.OK, message)
    return Finding(subject, Verdict.OK, f"valid until {until}")


def _names(certificate: x509.Certificate, hostname: str) -> bool:
    """Whether the certificate is for the name (RFC 6125 §6.4: a wildcard is one whole label)."""
    try:
        extension = certificate.extensions.get_extension_for_oid(
            ExtensionOID.SUBJECT_ALTERNATIVE_NAME
        )
    except x509.ExtensionNotFound:
        return False
    assert isinstance(extension.value, x509.SubjectAlternativeName)
    names = {name.lower() for name in extension.value.get_values_for_type(x509.DNSName)}
    wanted = hostname.lower().rstrip(".")
    return wanted in names or f"*.{wanted.partition('.')[2]}" in names
