"""What is wrong with the logins at other servers, where their secrets are, and with warm-ups.

A login that lacks half of itself, or whose secret lies open, is told of with its line, before any
mail waits for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from postroad.config.configuration import Configuration
from postroad.config.lines import KeyPath
from postroad.config.mistake import Fault, nearest, shown
from postroad.delivery.credentials import CredentialsError, login_of, read_secret, unsafe
from postroad.delivery.settings import RelaySettings
from postroad.delivery.source_pool import read_source
from postroad.delivery.transport_settings import TransportSettings
from postroad.delivery.warmup_settings import GROUPS, OTHERS, Schedule, first_day
from postroad.net.certificates import TlsConfigurationError
from postroad.net.tls import client_context
from postroad.sasl.client import CLIENT_MECHANISMS
from postroad.tables import TableMistake, files_of

__all__ = ["login_faults", "login_file_faults", "source_addresses", "warmup_faults"]

_SAFE_WITHOUT_TLS = tuple(
    name for name in CLIENT_MECHANISMS if name.startswith(("SCRAM-", "CRAM-"))
)


def login_faults(configuration: Configuration) -> Iterator[Fault]:
    """Logins at the smarthost, at the next hops of transports, and those who get tokens."""
    relay = configuration.relay
    if relay.username and not relay.nexthop:
        yield Fault(("relay", "username"), "is for a smarthost, and none is given")
    if (
        relay.username
        and relay.tls == "none"
        and not relay.login_without_tls
        and not set(relay.login_mechanisms or CLIENT_MECHANISMS) <= set(_SAFE_WITHOUT_TLS)
    ):
        yield Fault(("relay", "tls"), "a password is not sent without TLS", "verify")
    if relay.tls_wrapper and relay.tls == "none":
        yield Fault(("relay", "tls_wrapper"), 'is TLS, which tls = "none" forbids')
    if relay.sender_logins and not relay.logins:
        yield Fault(("relay", "sender_logins"), "needs logins, the tables that have them")
    for path, section in _sections(configuration):
        yield from _pair(configuration, path, section)
    for user, settings in configuration.tokens.items():
        at: KeyPath = ("tokens", user)
        if not _is_safe_url(settings.endpoint):
            words = f'expected "https://…", or "http://127.0.0.1…", not {shown(settings.endpoint)}'
            yield Fault((*at, "endpoint"), words)
        if settings.refresh_token_file is None and settings.client_secret_file is None:
            words = "needs refresh_token_file, or client_secret_file to ask in our own name"
            yield Fault((*at, "client_id"), words)


def login_file_faults(configuration: Configuration) -> Iterator[Fault]:
    """Files of secrets that cannot be used, or lie open."""
    user = configuration.user
    for path, section in _sections(configuration):
        if section.username and section.password_file is not None:
            try:
                login_of(section.username, section.password_file, ".".join(path), user)
            except CredentialsError as error:
                yield Fault((*path, "password_file"), str(error))
        for at, table in enumerate(section.logins):
            yield from _open_table((*path, "logins", at), table, user)
    for name, each in configuration.transports.items():
        if each.ca_file is not None:
            try:
                client_context(verify=True, ca_file=each.ca_file)
            except TlsConfigurationError as error:
                yield Fault(("transports", name, "ca_file"), str(error))
    for name, settings in configuration.tokens.items():
        for key in ("client_secret_file", "refresh_token_file"):
            file = getattr(settings, key)
            try:
                if file is not None:
                    read_secret(file, user)
            except CredentialsError as error:
                yield Fault(("tokens", name, key), str(error))
        if settings.ca_file is not None:
            try:
                client_context(verify=True, ca_file=settings.ca_file)
            except TlsConfigurationError as error:
                yield Fault(("tokens", name, "ca_file"), str(error))


def warmup_faults(configuration: Configuration) -> Iterator[Fault]:
    """Schedules that are none, and addresses that nothing is sent from."""
    sources = set(source_addresses(configuration))
    for address, settings in configuration.warmup.items():
        path: KeyPath = ("warmup", address)
        try:
            known = read_source(address).address
        except ValueError:
            yield Fault(path, f"expected an IP address, not {shown(address)}")
            continue
        if known != address:
            yield Fault(path, f"this address is written {known}", f'warmup."{known}"')
        elif address not in sources:
            yield Fault(path, f"no source_addresses have {address}, so nothing is sent from it")
        try:
            first_day(settings)
        except ValueError as error:
            yield Fault((*path, "start"), str(error))
        yield from _schedule((*path, "schedule"), settings.schedule)
        for group, text in settings.groups.items():
            if group not in GROUPS:
                words = f"expected one of {', '.join(GROUPS)}; {OTHERS} is what schedule says"
                yield Fault((*path, "groups", group), words, nearest(group, GROUPS))
            yield from _schedule((*path, "groups", group), text)


def _sections(
    configuration: Configuration,
) -> Iterator[tuple[tuple[str, ...], RelaySettings | TransportSettings]]:
    """Those that may set a login."""
    yield ("relay",), configuration.relay
    for name, each in configuration.transports.items():
        yield ("transports", name), each


def _pair(
    configuration: Configuration,
    path: tuple[str, ...],
    section: RelaySettings | TransportSettings,
) -> Iterator[Fault]:
    """A user name, and where its secret is."""
    if section.username and section.password_file is None:
        if section.username not in configuration.tokens:
            words = "needs password_file, a file that holds the password, or a section [tokens]"
            yield Fault((*path, "username"), words)
    elif section.password_file is not None and not section.username:
        yield Fault((*path, "password_file"), "needs username, the name to log in with")


def _open_table(path: KeyPath, table: str, user: str) -> Iterator[Fault]:
    """A table of passwords in a file that others can read."""
    try:
        files = list(files_of(table))
    except TableMistake:
        return  # which `tables` tells of
    for file in files:
        words = unsafe(file, user)
        if words:
            yield Fault(path, words)


def _schedule(path: KeyPath, text: str) -> Iterator[Fault]:
    try:
        Schedule.parse(text)
    except ValueError as error:
        yield Fault(path, str(error))


def source_addresses(configuration: Configuration) -> Iterator[str]:
    """The addresses that mail may leave from, as far as they are right."""
    texts = [
        *configuration.delivery.source_addresses,
        *(text for each in configuration.transports.values() for text in each.source_addresses),
    ]
    for text in texts:
        try:
            yield read_source(text).address
        except ValueError:
            continue  # which `ways` tells of


def _is_safe_url(text: str) -> bool:
    """Secrets go over TLS, or stay on this machine."""
    try:
        url = urlsplit(text)
        host = url.hostname
    except ValueError:
        return False
    local = host in {"127.0.0.1", "::1", "localhost"}
    return bool(host) and (url.scheme == "https" or (url.scheme == "http" and local))
