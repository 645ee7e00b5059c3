"""What the configuration says of accounts in files and of the users of this system.

Files that are not there, or hold a line that nobody could use, are named with file and line before
a server starts with them. Once it runs, such a file only keeps its last good state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

from postroad.config.configuration import Configuration
from postroad.config.lines import KeyPath
from postroad.config.mistake import Fault, nearest, shown
from postroad.directory.files.backend import aliases_of, passwd_of
from postroad.directory.files.postfix_tables import value_objection
from postroad.directory.names import domain_form
from postroad.directory.passwords.schemes import SCHEMES
from postroad.directory.source_settings import SourceSettings
from postroad.directory.variables import Format, FormatMistake
from postroad.model.address import is_domain
from postroad.tables import TableMistake, files_of, open_table
from postroad.tables.table import Warn, ignore

__all__ = [
    "account_faults",
    "account_file_faults",
    "account_file_warnings",
    "account_files",
    "directories_with_files",
    "home_of",
    "owners_in_files",
]

_SERVICES = (Path("/etc/pam.d"), Path("/usr/lib/pam.d"), Path("/usr/share/pam.d"))
_TABLES = ("virtual", "mailbox", "domain_tables")


def home_of(settings: SourceSettings, configuration: Configuration) -> str:
    """Where names without a domain live, for a directory of files or of this system's users."""
    domains = configuration.local_domains or (configuration.hostname,)
    return settings.default_domain or domains[0]


def account_faults(configuration: Configuration) -> Iterator[Fault]:
    """Faults in values."""
    for name, settings in configuration.directories.items():
        path: KeyPath = ("directories", name)
        if settings.kind in {"files", "pam"}:
            yield from _domain((*path, "default_domain"), settings.default_domain)
        if settings.kind == "files":
            yield from _files(path, settings)
        if settings.kind == "pam":
            yield from _pam(path, settings)


def account_file_faults(configuration: Configuration) -> Iterator[Fault]:
    """Faults in the files themselves."""
    for name, settings in configuration.directories.items():
        path: KeyPath = ("directories", name)
        home = domain_form(home_of(settings, configuration))
        if settings.kind == "files":
            for key, read in _readers(settings, configuration, ignore):
                yield from _read((*path, key), read)
            for key in _TABLES:
                yield from _tables((*path, key), key, settings, home)
        if settings.kind == "pam":
            yield from _service((*path, "service"), settings)


def account_file_warnings(configuration: Configuration) -> list[str]:
    """What is odd in files that can be used, each on one line: accounts and lists that cannot."""
    found: list[str] = []
    for settings in configuration.directories.values():
        if settings.kind != "files":
            continue
        for _, read in _readers(settings, configuration, found.append):
            with suppress(TableMistake):  # which `account_file_faults` tells of
                read()
    return found


def owners_in_files(
    configuration: Configuration,
) -> Iterator[tuple[str, dict[tuple[int, int | None], str]]]:
    """The users and groups that own mail by a passwd-file, each with the first such account."""
    for name, settings in configuration.directories.items():
        if settings.kind != "files" or settings.passwd is None:
            continue
        home = domain_form(home_of(settings, configuration))
        found: dict[tuple[int, int | None], str] = {}
        with suppress(TableMistake):  # which `account_file_faults` tells of
            read = passwd_of(settings, home, configuration.directory.default_scheme, ignore)
            for user, entry in read[0].items():
                if entry.place.uid is not None:
                    found.setdefault((entry.place.uid, entry.place.gid), user)
        yield name, found


def account_files(configuration: Configuration, *, secret: bool = False) -> Iterator[Path]:
    """Every file that the server must read for accounts; with `secret`, those with passwords."""
    for settings in configuration.directories.values():
        if settings.kind != "files":
            continue
        if settings.passwd is not None:
            yield settings.passwd
        if not secret:
            yield from settings.aliases
        for key in _TABLES:
            for table in getattr(settings, key):
                try:
                    yield from files_of(table, secret=secret)
                except TableMistake:
                    continue  # which `account_file_faults` tells of


def directories_with_files(configuration: Configuration) -> Iterator[str]:
    """The names of directories whose aliases may name files that mail is written to."""
    for name, settings in configuration.directories.items():
        if settings.kind == "files" and settings.aliases and settings.allow_files:
            yield name


def _readers(
    settings: SourceSettings, configuration: Configuration, warn: Warn
) -> Iterator[tuple[str, Callable[[], object]]]:
    """What reads the files that are no tables, by their keys."""
    home = domain_form(home_of(settings, configuration))
    if settings.passwd is not None:
        scheme = settings.default_scheme or configuration.directory.default_scheme
        yield "passwd", partial(passwd_of, settings, home, scheme, warn)
    if settings.aliases:
        yield "aliases", partial(aliases_of, settings, home, warn)


def _files(path: KeyPath, settings: SourceSettings) -> Iterator[Fault]:
    if not (settings.passwd or settings.virtual or settings.aliases or settings.mailbox):
        words = "needs passwd, virtual, aliases or mailbox, the files that its accounts are in"
        yield Fault((*path, "kind"), words)
    try:
        Format(settings.username_format)
    except FormatMistake as mistake:
        yield Fault((*path, "username_format"), str(mistake))
    scheme = settings.default_scheme.upper().partition(".")[0]
    if scheme and scheme not in SCHEMES:
        words = f"there is no password scheme {shown(settings.default_scheme)}"
        yield Fault((*path, "default_scheme"), words, nearest(scheme, SCHEMES))
    for at, domain in enumerate(settings.local_domains):
        yield from _domain((*path, "local_domains", at), domain)
    if settings.command_time_limit <= 0:
        yield Fault((*path, "command_time_limit"), "a command that never ends holds up its mail")


def _pam(path: KeyPath, settings: SourceSettings) -> Iterator[Fault]:
    if not settings.service or "/" in settings.service:
        words = f"expected the name of a file in /etc/pam.d, not {shown(settings.service)}"
        yield Fault((*path, "service"), words)
    if settings.minimum_uid < 1:
        yield Fault((*path, "minimum_uid"), "cannot be less than 1: root gets no mail as root")


def _domain(path: KeyPath, domain: str) -> Iterator[Fault]:
    if domain and not is_domain(domain):
        yield Fault(path, f'expected a domain such as "example.org", not {shown(domain)}')


def _read(path: KeyPath, read: Callable[[], object]) -> Iterator[Fault]:
    try:
        read()
    except TableMistake as mistake:
        yield Fault(path, f"{mistake.where}{mistake.message}", mistake.suggestion)


def _tables(path: KeyPath, key: str, settings: SourceSettings, home: str) -> Iterator[Fault]:
    for at, name in enumerate(getattr(settings, key)):
        try:
            values = open_table(name).values()
            words = value_objection(settings, home, name, values)
        except TableMistake as mistake:
            yield Fault((*path, at), f"{mistake.where}{mistake.message}", mistake.suggestion)
            continue
        if words:
            yield Fault((*path, at), words)


def _service(path: KeyPath, settings: SourceSettings) -> Iterator[Fault]:
    """PAM itself falls back to its service "other", which is rarely what was meant."""
    folders = _SERVICES if settings.service_directory is None else (settings.service_directory,)
    if not any((folder / settings.service).is_file() for folder in folders):
        words = f"PAM has no service of this name: there is no {folders[0] / settings.service}"
        yield Fault(path, words)
