"""What a SQL directory asks: the operator's queries, or those of a preset.

`user_query` and `password_query` are Dovecot's: `%u` is the whole address, `%n` what is before the
@, `%d` its domain, with `%L` before the letter changing nothing, for names are asked for in lower
case. The others are Postfix's: `%s` is the whole key, `%u` what is before the @, `%d` the domain
(mysql_table(5)). `%s` is the whole key in all of them. A key is never a part of a query's text
(`tables.statement`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace
from types import MappingProxyType

from postroad.directory.sql.settings import SqlSettings
from postroad.tables.statement import Flavour, Statement, StatementError, statement

__all__ = ["MOST_LISTED", "PRESETS", "Queries", "QueryMistake", "queries_of", "scheme_of"]

FLAVOURS = {
    "sqlite": Flavour.SQLITE,
    "mysql": Flavour.MYSQL,
    "mariadb": Flavour.MYSQL,
    "postgresql": Flavour.POSTGRESQL,
}

MOST_LISTED = 100_000
"""Accounts of one list: some 50 MB, and more than an operator reads."""

_DOVECOT = re.compile(r"%(%|\{[^}]*\}|[LU]?.|$)", re.DOTALL)
_MEANT = MappingProxyType(
    {
        "%": "%%",
        "u": "%s",
        "s": "%s",
        "n": "%u",
        "d": "%d",
        "{user}": "%s",
        "{username}": "%u",
        "{domain}": "%d",
        "{user|username}": "%u",
        "{user|domain}": "%d",
    }
)
"""Dovecot's placeholders as those of `tables`; 2.4 has the forms with a bar."""

_TWICE = re.compile("%L?u@")


class QueryMistake(ValueError):
    """A query cannot be used.

    Attributes:
        key: the setting that holds it.
    """

    def __init__(self, key: str, words: str) -> None:
        """Args: `words` for the operator."""
        super().__init__(words)
        self.key = key


@dataclass(frozen=True, slots=True)
class Queries:
    """The queries of a directory; `None` where there is none.

    Attributes:
        domain: a row if a domain is there.
        user: an account and its place.
        password: the account's password, where another query has the rest.
        alias: the targets of an address.
        sender: the logins that own an address.
        accounts: all accounts.
    """

    domain: Statement | None = None
    user: Statement | None = None
    password: Statement | None = None
    alias: Statement | None = None
    sender: Statement | None = None
    accounts: Statement | None = None

    @property
    def told_of_accounts(self) -> frozenset[str]:
        """The placeholders by which the queries of an account are told its name."""
        asked = [each for each in (self.user, self.password) if each is not None]
        return frozenset(piece.code for each in asked for piece in each.pieces if piece.code)


_DOMAINS = "SELECT 1 FROM virtual_domains WHERE name='%s'"
_ALIASES = "SELECT destination FROM virtual_aliases WHERE source='%s' ORDER BY id"

PRESETS: dict[str, dict[str, str]] = {
    "ispmail": {
        "domain_query": _DOMAINS,
        "user_query": (
            "SELECT email AS user, password, quota AS quota_bytes"
            " FROM virtual_users WHERE email='%u'"
        ),
        "alias_query": _ALIASES,
        "accounts_query": "SELECT email AS user, quota AS quota_bytes FROM virtual_users",
    },
    "ispmail-debian7": {
        "domain_query": _DOMAINS,
        "user_query": "SELECT email AS user, password FROM virtual_users WHERE email='%u'",
        "alias_query": _ALIASES,
        "accounts_query": "SELECT email AS user FROM virtual_users",
    },
    "ispmail-etch": {
        "domain_query": _DOMAINS,
        "user_query": (
            "SELECT u.user AS user, d.name AS domain, u.password AS password"
            " FROM virtual_users AS u JOIN virtual_domains AS d ON d.id = u.domain_id"
            " WHERE d.name='%d' AND u.user='%n'"
        ),
        "alias_query": (
            "SELECT a.destination"
            " FROM virtual_aliases AS a JOIN virtual_domains AS d ON d.id = a.domain_id"
            " WHERE d.name='%d' AND a.source='%u' ORDER BY a.id"
        ),
        "accounts_query": (
            "SELECT u.user AS user, d.name AS domain"
            " FROM virtual_users AS u JOIN virtual_domains AS d ON d.id = u.domain_id"
        ),
    },
}
"""The tables of the ISPmail guides: since Debian 9, with a quota; since Debian 5, with whole
addresses; and before, with a name and the number of its domain."""

OLD_SCHEME = "PLAIN-MD5"
"""Of hashes without braces in the two older forms (their default_pass_scheme)."""


def scheme_of(settings: SqlSettings, default: str) -> str:
    """The scheme of a stored hash without braces.

    Args:
        settings: of the directory.
        default: `[directory] default_scheme`.
    """
    old = settings.preset in {"ispmail-debian7", "ispmail-etch"}
    return settings.default_scheme or (OLD_SCHEME if old else default)


def queries_of(settings: SqlSettings) -> Queries:
    """The queries of a section.

    Raises:
        QueryMistake: one cannot be used, or the one that is needed is missing.
    """
    given = dict(PRESETS.get(settings.preset or "", {}))
    names = tuple(f"{each.name}_query" for each in fields(Queries))
    if settings.user_query:
        given.pop("accounts_query", None)  # those of another table, perhaps
    given |= {name: text for name in names if (text := getattr(settings, name))}
    if not given:
        raise QueryMistake("preset", "is required, or user_query, or another query")
    flavour = _flavour(settings)
    read = {
        name.removesuffix("_query"): _statement(name, text, flavour) for name, text in given.items()
    }
    return replace(Queries(), **read)


def _flavour(settings: SqlSettings) -> Flavour:
    """Whose SQL it is; that of databases which nobody named here is the standard's."""
    if settings.driver == "sqlalchemy":
        return FLAVOURS.get(re.split("[+:]", settings.url)[0], Flavour.POSTGRESQL)
    return FLAVOURS[settings.driver or "sqlite"]


def _statement(name: str, text: str, flavour: Flavour) -> Statement:
    try:
        dovecot = name in {"user_query", "password_query", "accounts_query"}
        found = statement(_as_postfix(text) if dovecot else text, flavour)
    except StatementError as error:
        raise QueryMistake(name, str(error)) from error
    if name == "accounts_query":
        return _listing(found, flavour)
    if not found.places:
        raise QueryMistake(name, "holds no placeholder such as '%s', so it finds the same for all")
    return found


def _listing(found: Statement, flavour: Flavour) -> Statement:
    """The list of all accounts.

    MariaDB sends at most as many rows as one account's answer may have (`opening`), but where a
    query says itself how many. The others are told how many rows are read.
    """
    if found.places:
        raise QueryMistake("accounts_query", "lists all accounts, so it can hold no placeholder")
    text = found.texts[0].strip().removesuffix(";").rstrip()
    if flavour is Flavour.MYSQL:
        text = f"SELECT * FROM ({text}\n) AS listed LIMIT {MOST_LISTED + 1}"  # noqa: S608
    return Statement((text,), ())


def _as_postfix(text: str) -> str:
    """The text with Postfix's placeholders.

    Raises:
        StatementError: a placeholder means nothing here.
    """
    if _TWICE.search(text):
        raise StatementError("%u is the whole address here, as in Dovecot: write %u or %n@%d")
    return _DOVECOT.sub(_meant, text)


def _meant(found: re.Match[str]) -> str:
    word = found[1].removeprefix("L") if len(found[1]) > 1 else found[1]
    if word not in _MEANT:
        raise StatementError(f'"{found[0][:20]}" means nothing here; write %u, %n or %d')
    return _MEANT[word]
