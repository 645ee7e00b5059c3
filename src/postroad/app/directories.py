"""From `[directory]`, `[directories]` and `[domain]` to the chain that the server asks."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Protocol

from postroad.config import Configuration
from postroad.config.account_files import home_of
from postroad.delivery.credentials import CredentialsError, read_secret
from postroad.directory import EmbeddedDirectory
from postroad.directory.away import AwayBackend
from postroad.directory.backend import Backend, NamesLogins, SenderRules
from postroad.directory.chain import Chain
from postroad.directory.domain_settings import DomainSettings
from postroad.directory.dovecot.backend import DovecotBackend
from postroad.directory.files.backend import FilesBackend
from postroad.directory.interface import Passing, Standing
from postroad.directory.ldap.backend import LdapBackend
from postroad.directory.links import DomainPlan, Link, Plan
from postroad.directory.names import domain_form
from postroad.directory.pam.backend import PamBackend
from postroad.directory.recalled import RecalledBackend
from postroad.directory.source_settings import SourceSettings
from postroad.directory.sql.opening import SqlMistake, open_sql
from postroad.directory.sql.queries import QueryMistake
from postroad.model import Address
from postroad.tables.extents import Extents
from postroad.tables.kept import Bounds

__all__ = ["OPENERS", "Joining", "open_backends", "open_chain", "plan_of"]


@dataclass(frozen=True, slots=True)
class Joining:
    """What a backend is joined to.

    Attributes:
        configuration: of the server.
        clock: seconds, never going back.
        report: takes a line for the log, of what an operator should know.
        is_serving: whether what is found out is kept for the processes that come later; not, in a
            command.
    """

    configuration: Configuration
    clock: Callable[[], float]
    report: Callable[[str], None]
    is_serving: bool


class Opener(Protocol):
    """Makes the backend of one kind. It connects to nobody yet, and fails for nothing."""

    def __call__(self, name: str, settings: SourceSettings, joining: Joining) -> Backend: ...


def _files(name: str, settings: SourceSettings, joining: Joining) -> Backend:  # noqa: ARG001
    configuration = joining.configuration
    return FilesBackend(
        settings,
        domains=settings.domains,
        default_domain=home_of(settings, configuration),
        default_scheme=configuration.directory.default_scheme,
        delimiters=configuration.directory.recipient_delimiter,
        report=joining.report,
        extents=Extents(
            time.time, configuration.extents_directory, is_read_only=not joining.is_serving
        ),
    )


def _pam(name: str, settings: SourceSettings, joining: Joining) -> Backend:  # noqa: ARG001
    return PamBackend(
        settings,
        domains=settings.domains,
        default_domain=home_of(settings, joining.configuration),
        helpers=settings.pool,
        time_limit=settings.timeout,
    )


def _sql(name: str, settings: SourceSettings, joining: Joining) -> Backend:
    configuration = joining.configuration
    try:
        file = settings.password_file
        password = "" if file is None else read_secret(file, configuration.user)
        return open_sql(
            settings,
            password,
            timeout=settings.timeout,
            pool=settings.pool,
            default_scheme=configuration.directory.default_scheme,
        )
    except (CredentialsError, QueryMistake, SqlMistake) as error:
        joining.report(f"directory {name}: {error}")
        return AwayBackend(str(error))


def _ldap(name: str, settings: SourceSettings, joining: Joining) -> Backend:
    try:
        # Imported by who asks LDAP: its library is an extra.
        from postroad.directory.ldap.tree import LdapTree  # noqa: PLC0415
        from postroad.tables.ldap_connection import LdapDirectory  # noqa: PLC0415

        file = settings.password_file
        password = "" if file is None else read_secret(file, joining.configuration.user)
    except (CredentialsError, ImportError) as error:
        joining.report(f"directory {name}: {error}")
        return AwayBackend(str(error))
    directory = LdapDirectory(
        urls=settings.urls,
        bind_dn=settings.reader_dn,
        bind_pw=password,
        start_tls=settings.start_tls,
        ca_file=str(settings.tls_ca_file or ""),
        bounds=Bounds(answer=settings.timeout, connections=settings.pool),
    )
    return LdapBackend(settings, LdapTree(directory, settings.pool))


def _dovecot(name: str, settings: SourceSettings, joining: Joining) -> Backend:  # noqa: ARG001
    home = "".join((*settings.domains, *joining.configuration.local_domains)[:1])
    return DovecotBackend(settings, settings.timeout, joining.clock, home)


OPENERS: Mapping[str, Opener] = {
    "ldap": _ldap,
    "dovecot": _dovecot,
    "sql": _sql,
    "files": _files,
    "pam": _pam,
}
"""By the kind. A kind's opener is defined here, in a few lines, from the settings it needs."""


def open_chain(
    configuration: Configuration,
    embedded: EmbeddedDirectory,
    exits: AsyncExitStack,
    *,
    clock: Callable[[], float],
    report: Callable[[str], None],
    is_serving: bool = False,
) -> Chain:
    """The directories of a configuration, as one.

    Args:
        configuration: of the server.
        embedded: opened; stays the caller's to close.
        exits: closes the others.
        clock: seconds, never going back.
        report: takes a line for the log.
        is_serving: as of `Joining`.
    """
    backends = open_backends(
        configuration, exits, clock=clock, report=report, is_serving=is_serving
    )
    links = []
    for name, settings in configuration.directories.items():
        recalled = _recalled(name, backends[name], settings, clock, report)
        if isinstance(recalled, RecalledBackend):
            exits.push_async_callback(recalled.close)
        links.append(_link(name, backends[name], recalled, settings))
    return Chain(embedded, links, plan_of(configuration))


def open_backends(
    configuration: Configuration,
    exits: AsyncExitStack,
    *,
    clock: Callable[[], float],
    report: Callable[[str], None],
    is_serving: bool = False,
) -> dict[str, Backend]:
    """The directories of `[directories]`, by name and each by itself.

    Args:
        configuration: of the server.
        exits: closes them.
        clock: seconds, never going back.
        report: takes a line for the log.
        is_serving: as of `Joining`.
    """
    joining = Joining(configuration, clock, report, is_serving)
    backends = {}
    for name, settings in configuration.directories.items():
        backends[name] = OPENERS[settings.kind](name, settings, joining)
        exits.push_async_callback(backends[name].close)
    return backends


def plan_of(configuration: Configuration) -> Plan:
    """What the configuration says of domains and of the order of directories."""
    directory = configuration.directory
    return Plan(
        domains={domain_form(name): _domain(each) for name, each in configuration.domain.items()},
        first_domain="".join(map(domain_form, configuration.local_domains[:1])),
        order=directory.order,
        delimiters=directory.recipient_delimiter,
        postmaster=Address.parse(directory.postmaster) if directory.postmaster else None,
        certificates=directory.certificates,
    )


def _domain(settings: DomainSettings) -> DomainPlan:
    relayed = settings.kind == "relay"
    return DomainPlan(
        standing=Standing.RELAYED if relayed else Standing.LOCAL,
        alias_of=domain_form(settings.alias_of),
        recipients=settings.recipients if relayed else "",
        directories=settings.directories,
    )


def _recalled(
    name: str,
    backend: Backend,
    settings: SourceSettings,
    clock: Callable[[], float],
    report: Callable[[str], None],
) -> Backend:
    """The backend with a memory; files are in memory anyway, and followed."""
    if settings.kind == "files":
        return backend
    return RecalledBackend(
        backend,
        seconds=settings.cache,
        negative=settings.negative_cache,
        clock=clock,
        report=lambda words: report(f"directory {name}: {words}"),
    )


def _link(name: str, backend: Backend, recalled: Backend, settings: SourceSettings) -> Link:
    return Link(
        name,
        recalled,
        frozenset(map(domain_form, settings.domains)),
        logins=backend if isinstance(backend, NamesLogins) else None,
        senders=backend if isinstance(backend, SenderRules) and settings.sender_query else None,
        passing=backend if isinstance(backend, Passing) else None,
    )
