"""The keys of `[directories.NAME]` for `kind = "sql"`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

__all__ = ["SqlDriver", "SqlPreset", "SqlSettings"]

SqlDriver = Literal["sqlite", "postgresql", "mysql", "sqlalchemy"]

SqlPreset = Literal["ispmail", "ispmail-debian7", "ispmail-etch"]


@dataclass(frozen=True, kw_only=True)  # no slots: `SourceSettings` has several such bases
class SqlSettings:
    """Accounts in a relational database.

    In `user_query` and `password_query`, `%u` is the whole address, `%n` what is before the @ and
    `%d` its domain, as in Dovecot; in the others `%s` is the whole address, `%u` what is before
    the @ and `%d` its domain, as in Postfix. Their values are bound, never pasted.

    Attributes:
        driver: the kind of database; `mysql` is MariaDB too, `sqlalchemy` any other that this
            library knows.
        url: the database, as SQLAlchemy writes it (sqlalchemy).
        file: the database file (sqlite).
        hosts: servers with the same data: a name or address, perhaps with `:PORT`, or `unix:PATH`
            of a socket; empty: this machine.
        database: its name on the server.
        username: who logs in there.
        password_file: a file whose first line is the password.
        tls_ca_file: authorities, PEM; with it, TCP connections to servers use TLS, and their
            certificates are checked.
        preset: queries for the tables of the ISPmail guides: `ispmail` since Debian 9,
            `ispmail-debian7` from Debian 5 to 8, `ispmail-etch` before. A query that is given
            takes the place of the preset's.
        domain_query: finds a row if a domain is one of ours.
        user_query: finds an account's row, with Dovecot's columns: user, domain, password, home,
            mail, uid, gid, quota_rule, nologin; also enabled, quota_bytes and quota_messages.
            Without `user`, only names of plain ASCII characters are found.
        password_query: finds the password, where user_query does not; the same columns.
        alias_query: finds the targets of an address, or of `@domain`, as virtual_alias_maps.
        sender_query: finds the logins that may send as an address, as smtpd_sender_login_maps;
            where it finds none, accounts and aliases say who may.
        accounts_query: finds all accounts, for `postroad user list`, as Dovecot's iterate_query:
            user, or user and domain; also the other columns of user_query. Empty: the preset's,
            where user_query is its own too.
        default_scheme: the scheme of a hash without braces; empty: as the preset's guide has it,
            else as `[directory]`.
    """

    driver: SqlDriver | None = None
    url: str = ""
    file: Path | None = None
    hosts: tuple[str, ...] = ()
    database: str = ""
    username: str = ""
    password_file: Path | None = None
    tls_ca_file: Path | None = None
    preset: SqlPreset | None = None
    domain_query: str = ""
    user_query: str = ""
    password_query: str = ""
    alias_query: str = ""
    sender_query: str = ""
    accounts_query: str = ""
    default_scheme: str = ""
