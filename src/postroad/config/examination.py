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
from postroad.config.reach import Account, obstacles

__all__ = ["Finding", "Verdict", "examine"]

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
    found = list(obstacles(file, configuration, account))
    for words in found:
        yield Finding("user", Verdict.ERROR, f"the server's user {account.name} {words}")
    if not found:
        message = f"the server's user {account.name} can read and write what it must"
        yield Finding("user", Verdict.OK, message)


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
