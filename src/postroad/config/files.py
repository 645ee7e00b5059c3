"""Whether the files that a configuration names can be used, looked at one by one.

Opening a certificate is the one way to know that it can be opened, so these checks do what the
server is going to do and report what the server would have died of.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from postroad.config.configuration import Configuration
from postroad.config.lines import KeyPath
from postroad.config.mistake import Fault
from postroad.net.tls import TlsConfigurationError, client_context, server_context

__all__ = ["unusable_files"]

MAX_PASSWORD_FILE = 4096
"""Octets; a larger file is something else, named by mistake."""


def unusable_files(configuration: Configuration) -> Iterator[Fault]:
    """A fault for every file that is absent, unreadable, unsafe or not what it should be."""
    for check in CHECKS:
        yield from check(configuration)


def _password_file(configuration: Configuration) -> Iterator[Fault]:
    file = configuration.relay.password_file
    if file is None:
        return
    path: KeyPath = ("relay", "password_file")
    try:
        with file.open("rb") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            octets = opened.read(MAX_PASSWORD_FILE + 1)
    except OSError as error:
        yield Fault(path, _cannot_read(file, error))
        return
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        yield Fault(path, f"{file} is open to everybody on this machine; chmod o-rwx it")
    if not octets.split(b"\n", 1)[0].strip() or len(octets) > MAX_PASSWORD_FILE:
        yield Fault(path, f"{file} does not hold a password on its first line")


def _authorities(configuration: Configuration) -> Iterator[Fault]:
    file = configuration.relay.ca_file
    if file is None:
        return
    try:
        client_context(verify=True, ca_file=file)
    except TlsConfigurationError as error:
        yield Fault(("relay", "ca_file"), str(error))


def _certificate(configuration: Configuration) -> Iterator[Fault]:
    tls = configuration.tls
    if not _speaks_tls(configuration):
        return
    if tls.key is not None and tls.certificate is None:
        yield Fault(("tls", "key"), "needs certificate, the certificate that it belongs to")
        return
    if tls.certificate is None and not configuration.certificate.exists():
        yield Fault(
            ("tls", "certificate"),
            f"is required, for {configuration.certificate}, which `postroad init` makes, is not "
            "there",
        )
        return
    try:
        server_context(tls, configuration.certificate, configuration.key)
    except TlsConfigurationError as error:
        named = "key" if error.file == configuration.key and tls.key else "certificate"
        yield Fault(("tls", named), str(error))


def _speaks_tls(configuration: Configuration) -> bool:
    """Whether any listener needs a certificate; unreadable ones count, as they will once right."""
    try:
        return any(listener.tls != "none" for listener in configuration.resolved_listeners)
    except ValueError:
        return True


def _cannot_read(file: Path, error: OSError) -> str:
    return f"{file} cannot be read: {(error.strerror or str(error)).lower()}"


CHECKS: tuple[Callable[[Configuration], Iterator[Fault]], ...] = (
    _password_file,
    _authorities,
    _certificate,
)
