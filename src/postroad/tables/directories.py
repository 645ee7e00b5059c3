"""From a file of parameters to a table that asks a directory: `ldap:` (ldap_table(5))."""

from __future__ import annotations

import re
from pathlib import Path

from postroad.tables.databases import Part, domains_of, require
from postroad.tables.expansion import Expansion, Template, TemplateError, template
from postroad.tables.hosts import bounds_of
from postroad.tables.parameters import Parameters
from postroad.tables.table import Table, Warn

__all__ = ["ldap_table"]

_KNOWN = (
    "server_host",
    "server_port",
    "search_base",
    "scope",
    "query_filter",
    "result_attribute",
    "result_format",
    "domain",
    "expansion_limit",
    "size_limit",
    "bind",
    "bind_dn",
    "bind_pw",
    "timeout",
    "version",
    "start_tls",
    "tls_require_cert",
    "tls_ca_cert_file",
    "tls_ca_cert_dir",
    "tls_cert",
    "tls_key",
    "chase_referrals",
)
_BIND = {"yes": True, "simple": True, "no": False, "none": False}


def ldap_table(name: str, text: str, path: Path, warn: Warn, part: Part) -> Table:
    """`ldap:FILE`.

    Raises:
        TableMistake: the file cannot be used, or the library is not installed.
    """
    parameters = Parameters.read(text, path, _KNOWN, warn)
    require("bonsai", "ldap", path)
    from postroad.tables.ldap import LdapTable, Search  # noqa: PLC0415 - who asks, pays
    from postroad.tables.ldap_connection import LdapDirectory  # noqa: PLC0415

    base, wanted = _template(parameters, "search_base"), _filter(parameters)
    if not any(piece.code for piece in (*base, *wanted)):
        raise parameters.mistake("query_filter", "has no %s, so that all keys were answered alike")
    shown = _template(parameters, "result_format", "%s")
    limit = parameters.number("expansion_limit", 0)
    search = Search(
        base=base,
        scope=_one_of(parameters, "scope", "sub", ("sub", "one", "base")),
        filter=wanted,
        attributes=parameters.words("result_attribute", "maildrop"),
        expansion=Expansion((*base, *wanted), shown),
        limit=limit,
        entries=parameters.number("size_limit", limit),
    )
    bind = _BIND[_one_of(parameters, "bind", "yes", tuple(_BIND))]
    if parameters.text("version", "3") != "3":
        raise parameters.mistake("version", "only version 3 is spoken here")
    if bind and parameters.text("bind_dn") and not parameters.text("bind_pw"):
        # RFC 4513 §5.1.2: a name with an empty password is nobody's login, and looks like one.
        raise parameters.mistake("bind_dn", "needs bind_pw, its password")
    directory = LdapDirectory(
        urls=_urls(parameters),
        bind_dn=parameters.text("bind_dn") if bind else "",
        bind_pw=parameters.text("bind_pw") if bind else "",
        start_tls=parameters.flag("start_tls", False),
        certificates="demand" if parameters.flag("tls_require_cert", True) else "never",
        ca_file=parameters.text("tls_ca_cert_file"),
        ca_directory=parameters.text("tls_ca_cert_dir"),
        certificate=parameters.text("tls_cert"),
        key=parameters.text("tls_key"),
        referrals=parameters.flag("chase_referrals", False),
        bounds=bounds_of(parameters),
    )
    return LdapTable(name, search, directory, domains_of(parameters, part))


def _urls(parameters: Parameters) -> tuple[str, ...]:
    port = parameters.number("server_port", 389, 1)
    urls = []
    for word in parameters.words("server_host", "localhost"):
        if "://" in word:
            urls.append(word)
        elif re.fullmatch(r"(?:\[[0-9A-Fa-f:.]+\]|[^:/\s]+)(?::[0-9]{1,5})?", word):
            urls.append(
                f"ldap://{word}" if re.search(r":[0-9]+$", word) else f"ldap://{word}:{port}"
            )
        else:
            raise parameters.mistake("server_host", f'expected a host or a URL, not "{word[:60]}"')
    return tuple(urls)


def _filter(parameters: Parameters) -> Template:
    pieces = _template(parameters, "query_filter", "mailacceptinggeneralid=%s")
    text = parameters.text("query_filter", "mailacceptinggeneralid=%s")
    return pieces if text.startswith("(") else template(f"({text})")


def _template(parameters: Parameters, name: str, default: str = "") -> Template:
    text = parameters.text(name, default) or parameters.required(name)
    try:
        return template(text)
    except TemplateError as error:
        raise parameters.mistake(name, str(error)) from error


def _one_of(parameters: Parameters, name: str, default: str, known: tuple[str, ...]) -> str:
    value = parameters.text(name, default).lower()
    if value not in known:
        raise parameters.mistake(name, f'expected one of {", ".join(known)}, not "{value[:60]}"')
    return value
