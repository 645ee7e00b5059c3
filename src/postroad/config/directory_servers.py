"""What the configuration says of directories that are servers: LDAP, and a running Dovecot."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator

from postroad.config.configuration import Configuration
from postroad.config.lines import KeyPath
from postroad.config.mistake import Fault, nearest, shown
from postroad.delivery.credentials import CredentialsError, read_secret
from postroad.directory.dovecot.backend import endpoint_of
from postroad.directory.ldap.settings import ATTRIBUTES
from postroad.directory.placeholders import unknown_placeholder, uses
from postroad.directory.source_settings import SourceSettings
from postroad.directory.variables import Format, FormatMistake
from postroad.model.address import is_domain
from postroad.tables import TableMistake

__all__ = ["directory_server_faults", "password_file_faults"]

_URL = re.compile(
    r"(?:ldaps?://(?:\[[0-9A-Fa-f:.]+\]|[^\s/:?#\[\]]+)(?::[0-9]{1,5})?/?|ldapi://\S+)\Z"
)
_ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9;-]{0,199}\Z")  # RFC 4512 §2.5, with options
_FILTERS = ("user_filter", "alias_filter", "domain_filter")


def directory_server_faults(configuration: Configuration) -> Iterator[Fault]:
    """Faults in values."""
    for name, settings in configuration.directories.items():
        path: KeyPath = ("directories", name)
        if settings.kind == "ldap":
            yield from _ldap(path, settings)
        if settings.kind == "dovecot":
            yield from _dovecot(path, settings)
    yield from _passed_twice(configuration)


def password_file_faults(configuration: Configuration) -> Iterator[Fault]:
    """Faults in the files that hold passwords of logins at directories."""
    for name, settings in configuration.directories.items():
        if settings.password_file is not None:
            try:
                read_secret(settings.password_file, configuration.user)
            except CredentialsError as error:
                yield Fault(("directories", name, "password_file"), str(error))


def _ldap(path: KeyPath, settings: SourceSettings) -> Iterator[Fault]:
    if importlib.util.find_spec("bonsai") is None:
        words = "needs the library bonsai, which is not installed: pip install 'postroad[ldap]'"
        yield Fault((*path, "kind"), words)
    if not settings.urls:
        yield Fault((*path, "urls"), 'needs at least one server, such as "ldap://127.0.0.1"')
    for at, url in enumerate(settings.urls):
        if not _URL.match(url):
            words = (
                f'expected "ldap://HOST:PORT", "ldaps://HOST" or "ldapi://PATH", not {shown(url)}'
            )
            yield Fault((*path, "urls", at), words)
        elif settings.start_tls and not url.startswith("ldap://"):
            words = "start_tls begins TLS on a plain connection, and this is none"
            yield Fault((*path, "urls", at), words)
    if bool(settings.reader_dn) != (settings.password_file is not None):
        # RFC 4513 §5.1.2: a name with an empty password is nobody's login, and looks like one.
        key, other = (
            ("reader_dn", "password_file")
            if settings.reader_dn
            else (
                "password_file",
                "reader_dn",
            )
        )
        yield Fault((*path, key), f"needs {other} beside it")
    yield from _search(path, settings)
    yield from _attributes(path, settings)


def _search(path: KeyPath, settings: SourceSettings) -> Iterator[Fault]:
    if not settings.user_filter and not settings.bind_dn:
        words = 'needs a filter such as "(&(objectClass=mailUser)(mail=%s))", or bind_dn'
        yield Fault((*path, "user_filter"), words)
    asked = [key for key in _FILTERS if getattr(settings, key)]
    if asked and not settings.base:
        yield Fault((*path, "base"), f"{asked[0]} needs to know where in the tree to search")
    for key in (*_FILTERS, "bind_dn", "base"):
        yield from _placeholders((*path, key), getattr(settings, key), key)
    for key in asked:
        text = getattr(settings, key)
        if text.startswith("(") and not _balanced(text):
            yield Fault((*path, key), "its parentheses do not match")


def _placeholders(path: KeyPath, text: str, key: str) -> Iterator[Fault]:
    unknown = unknown_placeholder(text)
    if unknown:
        words = f'"{unknown}" means nothing; use %u, %n, %d or %%'
        yield Fault(path, words)
    wanted = "sud" if key == "domain_filter" else "usn"
    if text and key != "base" and not uses(text, wanted):
        named = "%d" if key == "domain_filter" else "%u or %n"
        yield Fault(path, f"needs {named}, or every name would be answered alike")


def _balanced(text: str) -> bool:
    depth = 0
    for at, character in enumerate(re.sub(r"\\.", "  ", text)):
        depth += (character == "(") - (character == ")")
        if depth <= 0 and at < len(text) - 1:
            return False
    return depth == 0


def _attributes(path: KeyPath, settings: SourceSettings) -> Iterator[Fault]:
    for use, attribute in settings.attributes.items():
        if use not in ATTRIBUTES:
            words = f"expected one of {', '.join(ATTRIBUTES)}"
            yield Fault((*path, "attributes", use), words, nearest(use, ATTRIBUTES))
        elif not _ATTRIBUTE.match(attribute):
            words = f"expected the name of an attribute, not {shown(attribute)}"
            yield Fault((*path, "attributes", use), words)
    if bool(settings.alias_filter) != ("alias" in settings.attributes):
        words = "alias_filter and attributes.alias, the attribute with the targets, go together"
        yield Fault((*path, "alias_filter"), words)


def _dovecot(path: KeyPath, settings: SourceSettings) -> Iterator[Fault]:
    if settings.default_domain and not is_domain(settings.default_domain):
        words = f'expected a domain such as "example.org", not {shown(settings.default_domain)}'
        yield Fault((*path, "default_domain"), words)
    if not settings.socket and not settings.userdb_socket:
        words = 'needs the path of Dovecot\'s socket, such as "/var/spool/postfix/private/auth"'
        yield Fault((*path, "socket"), words)
    if settings.mechanisms and not settings.socket:
        yield Fault((*path, "mechanisms"), "needs socket, which they are passed on to")
    for key in ("socket", "userdb_socket"):
        text = getattr(settings, key)
        try:
            if text:
                endpoint_of(text)
        except TableMistake:
            words = f'expected an absolute path, or "HOST:PORT", not {shown(text)}'
            yield Fault((*path, key), words)
    try:
        Format(settings.username_format)
    except FormatMistake as error:
        yield Fault((*path, "username_format"), str(error))


def _passed_twice(configuration: Configuration) -> Iterator[Fault]:
    """A client names a mechanism before it says who it is: one directory has to be meant."""
    taken: dict[str, str] = {}
    for name, settings in configuration.directories.items():
        for at, mechanism in enumerate(settings.mechanisms):
            other = taken.setdefault(mechanism, name)
            if other != name or mechanism in settings.mechanisms[:at]:
                words = f"{mechanism} is passed on to {other} already"
                yield Fault(("directories", name, "mechanisms", at), words)
