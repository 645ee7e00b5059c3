"""Whether the files that a configuration names can be used, looked at one by one.

Opening a certificate is the one way to know that it can be opened, so these checks do what the
server is going to do and report what the server would have died of.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from postroad.config.account_files import account_file_faults
from postroad.config.configuration import Configuration
from postroad.config.directory_servers import password_file_faults
from postroad.config.dkim import dkim_file_faults
from postroad.config.filter_programs import program_file_faults
from postroad.config.lines import KeyPath
from postroad.config.logins_elsewhere import login_file_faults
from postroad.config.mistake import Fault
from postroad.config.outbound import outbound_file_faults, policy_table_faults
from postroad.config.relaying import relay_faults
from postroad.config.results import result_faults
from postroad.config.sockets import socket_owner_faults
from postroad.config.spam_services import rspamd_file_faults
from postroad.config.tables import FileValues, table_faults
from postroad.config.ways import way_table_faults
from postroad.directory.oauth.oauth import OAuthFileError, load_key_set, load_secret
from postroad.net.certificates import TlsConfigurationError
from postroad.net.listener import BindError
from postroad.net.tls import client_context
from postroad.net.tls_server import Certificates, ServerContext, trust
from postroad.net.unix import owner_named

__all__ = ["unusable_files"]


def unusable_files(configuration: Configuration) -> Iterator[Fault]:
    """A fault for every file that is absent, unreadable, unsafe or not what it should be."""
    for check in CHECKS:
        yield from check(configuration)
    values = FileValues()  # a table is read once, whatever is asked of it
    yield from table_faults(configuration, values)
    yield from result_faults(configuration, values)
    yield from policy_table_faults(configuration, values)
    yield from way_table_faults(configuration, values)
    yield from relay_faults(configuration, values)


def _authorities(configuration: Configuration) -> Iterator[Fault]:
    if configuration.relay.ca_file is not None:
        yield from _usable_authorities(("relay", "ca_file"), configuration.relay.ca_file)
    for name, directory in configuration.directories.items():
        if directory.tls_ca_file is not None:
            path: KeyPath = ("directories", name, "tls_ca_file")
            yield from _usable_authorities(path, directory.tls_ca_file)


def _usable_authorities(key: KeyPath, file: Path) -> Iterator[Fault]:
    try:
        client_context(verify=True, ca_file=file)
    except TlsConfigurationError as error:
        yield Fault(key, str(error))


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
    yield from _pairs(configuration)


def _pairs(configuration: Configuration) -> Iterator[Fault]:
    """Each certificate is tried by itself, so that one that is broken hides no other."""
    tls = configuration.tls
    settings = replace(tls, client_ca_file=None)
    for at, pair in enumerate(configuration.key_pairs):
        try:
            Certificates(settings, [pair])
        except TlsConfigurationError as error:
            more = at > 0
            keyed = tls.certificates[at - 1].key if more else tls.key
            path: KeyPath = ("tls", "certificates", at - 1) if more else ("tls",)
            named = "key" if error.file == pair.key and keyed else "certificate"
            yield Fault((*path, named), str(error))
    if tls.client_ca_file is not None:
        try:
            trust(ServerContext(ssl.PROTOCOL_TLS_SERVER), tls.client_ca_file)
        except TlsConfigurationError as error:
            yield Fault(("tls", "client_ca_file"), str(error))


def _oauth(configuration: Configuration) -> Iterator[Fault]:
    settings = configuration.oauth
    try:
        if settings.introspection and settings.client_secret_file:
            load_secret(settings)  # `checks` says what is missing
        load_key_set(settings)
    except OAuthFileError as error:
        yield Fault(("oauth", error.key), str(error))
    if settings.ca_file is not None:
        yield from _usable_authorities(("oauth", "ca_file"), settings.ca_file)


def _socket_owners(configuration: Configuration) -> Iterator[Fault]:
    """Of Unix-domain sockets: users and groups are files too, `/etc/passwd` for instance."""
    for name, listener in configuration.listeners.items():
        if not listener.unix_owner:
            continue
        try:
            owner_named(listener.unix_owner)
        except BindError as error:
            words = str(error).removeprefix("unix_owner ")
            yield Fault(("listeners", name, "unix_owner"), words)


def _speaks_tls(configuration: Configuration) -> bool:
    """Whether any listener needs a certificate; unreadable ones count, as they will once right."""
    try:
        return any(listener.tls != "none" for listener in configuration.resolved_listeners)
    except ValueError:
        return True


CHECKS: tuple[Callable[[Configuration], Iterator[Fault]], ...] = (
    login_file_faults,
    _authorities,
    outbound_file_faults,
    _certificate,
    _oauth,
    _socket_owners,
    socket_owner_faults,
    dkim_file_faults,
    password_file_faults,
    account_file_faults,
    program_file_faults,
    rspamd_file_faults,
)
