"""The keys of `[directories.NAME]` for `kind = "ldap"`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

__all__ = ["ATTRIBUTES", "LdapScope", "LdapSettings"]

LdapScope = Literal["sub", "one", "base"]

ATTRIBUTES = (
    "user",
    "password",
    "enabled",
    "home",
    "mail",
    "uid",
    "gid",
    "quota_rule",
    "forward",
    "alias",
)
"""What an attribute may be named for in `[directories.NAME.attributes]`."""


@dataclass(frozen=True, kw_only=True)  # no slots: `SourceSettings` has several such bases
class LdapSettings:
    """Accounts in an LDAP directory.

    Attributes:
        urls: its servers in the order they are tried, all with the same data:
            `ldap://HOST:PORT`, `ldaps://HOST` or `ldapi://PATH`.
        start_tls: begins TLS on the plain port, and does not go on without it.
        tls_ca_file: authorities, PEM; empty: the system's.
        reader_dn: the name to log in with for searches; empty: nobody's.
        password_file: a file whose first line is its password.
        bind_dn: the name of an account's entry, by which its password is checked; its `%u`, `%n`
            and `%d` are the address and its parts. With it and no `user_filter`, the entry itself
            is read, and nothing is searched for.
        base: where in the tree searches begin; it may have placeholders too.
        scope: how far they go: `sub`, `one` or `base`.
        user_filter: which entry is an account's, as `(&(objectClass=mailUser)(mail=%s))`.
        auth_bind: checks passwords by logging in as the entry that was found, also where a
            password could be read.
        alias_filter: which entries are an address's aliases; also asked for `@domain`.
        domain_filter: finds an entry if a domain is one of ours; empty: it knows none.
        attributes: which attribute of an entry says what: `user` (the account's name, with or
            without its domain), `password` (userPassword), `enabled` (TRUE or FALSE), `home`,
            `mail`, `uid`, `gid`, `quota_rule`, `forward` (of an account: where its mail goes
            instead), `alias` (of an alias: its targets). What is not named is not read, but
            `password`. Without `user`, the entry has to hold the name that was asked for in the
            attribute that `user_filter` or `bind_dn` compares.
    """

    urls: tuple[str, ...] = ()
    start_tls: bool = False
    tls_ca_file: Path | None = None
    reader_dn: str = ""
    password_file: Path | None = None
    bind_dn: str = ""
    base: str = ""
    scope: LdapScope = "sub"
    user_filter: str = ""
    auth_bind: bool = False
    alias_filter: str = ""
    domain_filter: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
