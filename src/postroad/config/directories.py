"""What the configuration says of directories and of single domains, checked.

`[directories.NAME]`, `[domain."NAME"]` and the keys of `[directory]` that name them. A key that
means nothing to a directory's kind is a mistake: it was meant to do something.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import unquote_plus

from postroad.config.configuration import Configuration
from postroad.config.kinds import faults_of_other_kinds
from postroad.config.lines import KeyPath
from postroad.config.mistake import Fault, nearest, shown
from postroad.directory.domain_settings import (
    ANY_RECIPIENT,
    VERIFIED_RECIPIENT,
    DomainKind,
    DomainSettings,
)
from postroad.directory.links import EMBEDDED
from postroad.directory.names import domain_form, has_a_label
from postroad.directory.passwords.schemes import SCHEMES
from postroad.directory.source_settings import KEYS_OF_KIND, SourceSettings
from postroad.directory.sql.opening import SqlMistake, access_of, library_missing, url_mistake
from postroad.directory.sql.queries import QueryMistake, queries_of
from postroad.model import Address, AddressError
from postroad.model.address import is_domain
from postroad.tables.kept import Bounds

__all__ = ["directory_faults"]

MOST_CONNECTIONS = 100
"""Of one worker to one directory; four workers with so many are more than servers take."""

_ENDS_HERE = frozenset({"local", "maildir", "discard"})

_COMMON = {field.name: field.default for field in dataclasses.fields(SourceSettings)}

_KEYS_OF_DOMAIN: Mapping[DomainKind, tuple[str, ...]] = {
    "alias": ("alias_of",),
    "relay": ("recipients", "nexthop", "transport"),
    "local": ("nexthop", "transport", "directories", "mail_user", "mail_group"),
}
"""The keys of a domain that have a meaning for some kinds only."""

_SERVER_KEYS = ("hosts", "database", "username", "tls_ca_file")


def directory_faults(configuration: Configuration) -> Iterator[Fault]:
    """Every fault in what is said of directories and domains."""
    for name, settings in configuration.directories.items():
        path: KeyPath = ("directories", name)
        if name == EMBEDDED:
            yield Fault(path, "is the name of the directory that is there anyway: take another")
        yield from _usual(path, settings)
        yield from faults_of_other_kinds(path, settings, settings.kind, KEYS_OF_KIND)
        yield from _KINDS.get(settings.kind, _nothing)(path, settings)
    yield from _order(configuration)
    yield from _postmaster(configuration)
    for name, domain in configuration.domain.items():
        yield from _domain(name, domain, configuration)


def _nothing(_path: KeyPath, _settings: SourceSettings) -> Iterator[Fault]:
    return iter(())


def _usual(path: KeyPath, settings: SourceSettings) -> Iterator[Fault]:
    for at, domain in enumerate(settings.domains):
        if not is_domain(domain) or not has_a_label(domain_form(domain)):
            words = f'expected a domain such as "example.org", not {shown(domain)}'
            yield Fault((*path, "domains", at), words)
    if settings.kind == "files":  # they are in memory, and followed
        for key in ("timeout", "pool", "cache", "negative_cache"):
            if getattr(settings, key) != _COMMON[key]:
                yield Fault((*path, key), 'means nothing with kind = "files"')
    if settings.timeout < 1:
        yield Fault((*path, "timeout"), "is less than a second")
    if not 1 <= settings.pool <= MOST_CONNECTIONS:
        yield Fault((*path, "pool"), f"expected a number from 1 to {MOST_CONNECTIONS}")


def _sql(path: KeyPath, settings: SourceSettings) -> Iterator[Fault]:
    if settings.driver is None:
        yield Fault(
            (*path, "driver"), 'is required: "sqlite", "postgresql", "mysql" or "sqlalchemy"'
        )
        return
    yield from _where(path, settings)
    if missing := library_missing(settings):
        yield Fault((*path, "driver"), missing)
    try:
        queries_of(settings)
        access_of(dataclasses.replace(settings, tls_ca_file=None), "", Bounds())
    except (QueryMistake, SqlMistake) as error:
        yield Fault((*path, error.key), str(error))
    if settings.default_scheme and settings.default_scheme.upper().partition(".")[0] not in SCHEMES:
        right = nearest(settings.default_scheme.upper(), tuple(SCHEMES))
        words = f"there is no scheme {shown(settings.default_scheme)}"
        yield Fault((*path, "default_scheme"), words, f'"{right}"' if right else "")


def _where(path: KeyPath, settings: SourceSettings) -> Iterator[Fault]:
    if settings.url and settings.driver != "sqlalchemy":
        yield Fault((*path, "url"), 'means something only with driver = "sqlalchemy"')
    if settings.driver == "sqlite":
        if settings.file is None:
            yield Fault((*path, "file"), 'is required with driver = "sqlite"')
        for key in (*_SERVER_KEYS, "password_file"):
            if getattr(settings, key):
                yield Fault((*path, key), 'means nothing with driver = "sqlite"')
        return
    if settings.driver == "sqlalchemy":
        yield from _by_url(path, settings)
        return
    if not settings.database:
        yield Fault((*path, "database"), "is required: the name of the database on its server")
    if settings.file is not None:
        yield Fault((*path, "file"), 'means something only with driver = "sqlite"')


def _by_url(path: KeyPath, settings: SourceSettings) -> Iterator[Fault]:
    for key in (*_SERVER_KEYS, "file"):
        if getattr(settings, key):
            yield Fault((*path, key), 'means nothing with driver = "sqlalchemy"; say it in url')
    if not settings.url:
        yield Fault((*path, "url"), 'is required with driver = "sqlalchemy"')
    elif _holds_password(settings.url):
        yield Fault((*path, "url"), "holds a password; write it into password_file")
    elif not library_missing(settings) and (words := url_mistake(settings)):
        yield Fault((*path, "url"), words)


_PASSWORD = re.compile(r"[^:/]+://[^:/]*:[^@]*@")
"""The beginning of a URL with a password, as SQLAlchemy reads it: one may have a `/` in it."""

_SECRET = re.compile(
    r"(?:^|[?&;{\s])[\w. ]*(?:password|passwd|pwd|secret|token)\s*=\s*[^&;\s]", re.IGNORECASE
)
"""One in what follows a URL, also within the text that a driver is given (ODBC's `PWD=`)."""


def _holds_password(url: str) -> bool:
    if _PASSWORD.match(url):
        return True
    query = url.partition("?")[2]
    return any(_SECRET.search(text) for text in (query, unquote_plus(query).partition("=")[2]))


_KINDS: Mapping[str, Callable[[KeyPath, SourceSettings], Iterator[Fault]]] = {"sql": _sql}
"""The checks of a kind's own keys; those of others stand with what they read."""


def _order(configuration: Configuration) -> Iterator[Fault]:
    order = configuration.directory.order
    path: KeyPath = ("directory", "order")
    yield from _named(path, order, configuration)
    missing = {EMBEDDED, *configuration.directories} - set(order)
    if order and missing and set(order) <= {EMBEDDED, *configuration.directories}:
        yield Fault(path, f"leaves out {', '.join(sorted(missing))}, which would never be asked")


def _named(path: KeyPath, names: tuple[str, ...], configuration: Configuration) -> Iterator[Fault]:
    known = (EMBEDDED, *configuration.directories)
    for at, name in enumerate(names):
        if name not in known:
            right = nearest(name, known)
            words = f"there is no directory {shown(name)}"
            yield Fault((*path, at), words, f'"{right}"' if right else "")
        elif name in names[:at]:
            yield Fault((*path, at), f"{name} is listed twice")


def _postmaster(configuration: Configuration) -> Iterator[Fault]:
    text = configuration.directory.postmaster
    if text and not _is_address(text):
        words = f'expected an address such as "john@example.org", not {shown(text)}'
        yield Fault(("directory", "postmaster"), words)


def _is_address(text: str) -> bool:
    try:
        return bool(Address.parse(text).domain)
    except AddressError:
        return False


def _domain(name: str, settings: DomainSettings, configuration: Configuration) -> Iterator[Fault]:
    path: KeyPath = ("domain", name)
    if not is_domain(name) or not has_a_label(domain_form(name)):
        yield Fault(path, f'expected a domain such as "example.org", not {shown(name)}')
        return
    ours = {domain_form(each) for each in configuration.domains}
    if settings.kind != "local" and domain_form(name) in ours:
        words = f'is one of domains, whose mail ends here; kind = "{settings.kind}" says otherwise'
        yield Fault((*path, "kind"), words)
    yield from faults_of_other_kinds(path, settings, settings.kind, _KEYS_OF_DOMAIN)
    yield from _nexthop(path, settings)
    yield from _alias(path, name, settings, configuration)
    yield from _recipients(path, settings)
    yield from _named((*path, "directories"), settings.directories, configuration)


def _nexthop(path: KeyPath, settings: DomainSettings) -> Iterator[Fault]:
    """A next hop that nothing goes to is a mistake: mail would stay here without a word."""
    transport, separator, _ = settings.transport.partition(":")
    if not settings.nexthop or settings.kind == "alias":
        return
    if not transport and settings.kind == "local":
        words = 'means something only with kind = "relay", or with a transport that goes there'
    elif transport in _ENDS_HERE:
        words = f'means nothing with transport = "{transport}", whose mail ends here'
    elif separator:
        words = "says again what transport says behind its colon: leave one of them out"
    else:
        return
    yield Fault((*path, "nexthop"), words)


def _alias(
    path: KeyPath, name: str, settings: DomainSettings, configuration: Configuration
) -> Iterator[Fault]:
    if settings.kind != "alias":
        return
    meant = domain_form(settings.alias_of)
    if not meant:
        yield Fault((*path, "alias_of"), "is required: the domain that this one stands for")
    elif meant == domain_form(name):
        yield Fault((*path, "alias_of"), "is the domain itself")
    elif any(
        domain_form(other) == meant and each.kind != "local"
        for other, each in configuration.domain.items()
    ):
        yield Fault((*path, "alias_of"), f"{settings.alias_of} is not a local domain")


def _recipients(path: KeyPath, settings: DomainSettings) -> Iterator[Fault]:
    named = settings.recipients
    if named in {ANY_RECIPIENT, VERIFIED_RECIPIENT} or ":" in named:
        return
    words = f'expected "any", "verify" or a table such as "hash:/path", not {shown(named)}'
    right = nearest(named, (ANY_RECIPIENT, VERIFIED_RECIPIENT))
    yield Fault((*path, "recipients"), words, f'"{right}"' if right else "")
