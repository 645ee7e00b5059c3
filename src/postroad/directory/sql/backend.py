"""Accounts in a relational database, as a `Backend`.

Which database it is, is behind `tables.sql.Database`; what is asked is in `queries`. Here rows
become accounts. Whatever is odd about an answer (two different rows for one account, a column whose
name means nothing, a value beyond all measure, a target that is no address) is said and makes the
directory unavailable for that name: mail waits until the operator has mended it, and nobody is told
that a user does not exist.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches

from postroad.directory.backend import Account
from postroad.directory.interface import Alias, DirectoryUnavailable, Place
from postroad.directory.names import address_form, is_plain, looked_at
from postroad.directory.passwords.credentials import Credentials
from postroad.directory.passwords.schemes import StoredHash, read_hash
from postroad.directory.sql.queries import MOST_LISTED, Queries
from postroad.directory.userdb import UserdbMistake, place_of
from postroad.model import Address, AddressError
from postroad.sasl.secrets import SecretKind
from postroad.tables.sql import Answer, Database, Row
from postroad.tables.statement import Statement
from postroad.tables.table import TableUnavailable

__all__ = ["ACCOUNT_COLUMNS", "SqlBackend", "column_of", "stored_credentials"]

MOST_VALUE = 65_536
"""Characters of one value. No address, hash or path is nearly so long; lists of targets may be."""

MOST_TARGETS = 1000
"""Targets of one alias, as for tables."""

MOST_NUMBER = 2**63 - 1
"""What file systems and databases count up to."""

_LOCAL_ALONE = frozenset("uU")
_LOCAL = frozenset("sS") | _LOCAL_ALONE
"""The placeholders of `tables.expansion` that hold what is before the @; the others the domain."""

ACCOUNT_COLUMNS = frozenset(
    {
        *("user", "username", "domain", "password", "nologin", "enabled", "active"),
        *("home", "mail", "uid", "gid", "quota_rule", "quota_bytes", "quota_messages"),
    }
)
"""What a column of `user_query` and `password_query` may be called, also with `userdb_` before."""


class SqlBackend:
    """Implements `Backend`.

    Args:
        database: asks; closed by `close`.
        queries: what is asked.
        default_scheme: of a stored hash without braces.
    """

    def __init__(self, database: Database, queries: Queries, default_scheme: str = "CRYPT") -> None:
        self._database = database
        self._queries = queries
        self._default = default_scheme

    async def has_domain(self, domain: str) -> bool:
        """See `Backend.has_domain`."""
        query = self._queries.domain
        return query is not None and bool(await self._rows("domain_query", query, domain, 1))

    async def account(self, name: str) -> Account | None:
        """See `Backend.account`."""
        found: dict[str, str | None] | None = None
        for key, query in (
            ("user_query", self._queries.user),
            ("password_query", self._queries.password),
        ):
            if query is None:
                continue
            fields = await self._fields(key, query, name)
            if fields is None:
                return None
            found = fields if found is None else found | fields
        return None if found is None else self._account(name, found)

    async def accounts(self) -> Sequence[Account] | None:
        """See `ListsAccounts.accounts`."""
        query = self._queries.accounts
        if query is None:
            return None
        answer = await self._answered("accounts_query", query, "", MOST_LISTED + 1)
        if len(answer.rows) > MOST_LISTED:
            raise DirectoryUnavailable(f"accounts_query finds more than {MOST_LISTED} accounts")
        names = [_known("accounts_query", column) for column in answer.columns]
        rows = [dict(zip(names, row, strict=True)) for row in answer.rows]
        listed = {each.name: each for row in rows for each in [self._account(_own(row), row)]}
        return [listed[name] for name in sorted(listed)]

    async def alias(self, source: str) -> Alias | None:
        """See `Backend.alias`."""
        if self._queries.alias is None:
            return None
        rows = await self._rows("alias_query", self._queries.alias, source, MOST_TARGETS)
        texts = [text for row in rows for value in row if value for text in _listed(value)]
        if len(texts) > MOST_TARGETS:
            raise DirectoryUnavailable(f"alias {source} has more than {MOST_TARGETS} targets")
        targets = dict.fromkeys(_target(source, text) for text in texts)
        return Alias(tuple(targets)) if targets else None

    async def check(
        self,
        name: str,  # noqa: ARG002 - part of the interface
        password: str,  # noqa: ARG002
        address: str = "",  # noqa: ARG002
    ) -> bool | None:
        """See `Backend.check`; every account here has credentials."""
        return None

    async def senders(self, source: str) -> frozenset[str] | None:
        """See `SenderRules.senders`."""
        if self._queries.sender is None:
            return None
        rows = await self._rows("sender_query", self._queries.sender, source, MOST_TARGETS)
        texts = [text for row in rows for value in row if value for text in _listed(value)]
        return frozenset(_name(text, source) for text in texts) or None

    def key(self, login: str) -> str:
        """See `Backend.key`: what the queries of an account are told of it."""
        codes = self._queries.told_of_accounts
        return looked_at(login, local=bool(codes & _LOCAL), domain=bool(codes - _LOCAL_ALONE))

    async def close(self) -> None:
        """See `Backend.close`."""
        await self._database.close()

    def _account(self, name: str, fields: dict[str, str | None]) -> Account:
        try:
            place = _place(fields)
        except UserdbMistake as error:
            raise DirectoryUnavailable(f"account {name}: {error}") from error
        credentials = stored_credentials(fields.get("password") or "", self._default)
        canonical = _canonical(name, fields)
        return Account(canonical, not is_denied(fields), credentials, place)

    async def _fields(self, key: str, query: Statement, name: str) -> dict[str, str | None] | None:
        """The one row of an account, by the names of its columns."""
        if "\0" in name:
            return None
        answer = await self._answered(key, query, name, 2)
        names = [_known(key, column) for column in answer.columns]
        rows = {tuple(row) for row in answer.rows}
        if len(rows) > 1:
            raise DirectoryUnavailable(f"{key} finds several rows for {name}")
        for row in rows:
            return dict(zip(names, row, strict=True))
        return None

    async def _rows(self, key: str, query: Statement, name: str, most: int) -> Sequence[Row]:
        """The rows for a name; one more than `most` where there are more."""
        if "\0" in name:  # no database keeps it
            return ()
        return (await self._answered(key, query, name, most + 1)).rows

    async def _answered(self, key: str, query: Statement, name: str, most: int) -> Answer:
        try:
            answer = await self._database.answer(query, name, most)
        except TableUnavailable as error:
            raise DirectoryUnavailable(f"{key}: {error}") from error
        if any(value and len(value) > MOST_VALUE for row in answer.rows for value in row):
            words = f"a value for {name} is longer than {MOST_VALUE} characters"
            raise DirectoryUnavailable(f"{key}: {words}")
        return answer


def column_of(name: str) -> str:
    """The field that a column means, empty if none."""
    plain = name.lower().removeprefix("userdb_")
    return plain if plain in ACCOUNT_COLUMNS else ""


def stored_credentials(stored: str, default: str) -> Credentials:
    """What a stored password gives without any work: a SCRAM verifier is one for that mechanism."""
    found = read_hash(stored, default) if stored else None
    if not isinstance(found, StoredHash) or not found.name.startswith("SCRAM-"):
        return Credentials(stored, default=default)
    text = found.octets.decode("utf-8", "replace")
    return Credentials(
        stored,
        scram_sha_1=text if found.name == SecretKind.SCRAM_SHA_1.value else "",
        scram_sha_256=text if found.name == SecretKind.SCRAM_SHA_256.value else "",
        default=default,
    )


def is_denied(fields: dict[str, str | None]) -> bool:
    """Whether the fields keep the account from logging in.

    `nologin` does with anything but a no; `enabled` and `active` do with a no. NULL is a no.
    """
    denied = "nologin" in fields and not _is_no(fields["nologin"])
    return denied or any(_is_no(fields[name]) for name in ("enabled", "active") if name in fields)


def _is_no(value: str | None) -> bool:
    return value is None or value.strip().lower() in {"", "0", "n", "no", "f", "false", "off"}


def _place(fields: dict[str, str | None]) -> Place:
    place = place_of({name: value for name, value in fields.items() if value})
    return replace(
        place,
        quota_bytes=_count("quota_bytes", fields) or place.quota_bytes,
        quota_messages=_count("quota_messages", fields) or place.quota_messages,
    )


def _count(name: str, fields: dict[str, str | None]) -> int:
    """A number of octets or messages; 0 is no limit."""
    text = fields.get(name) or "0"
    if not text.isascii() or not text.isdigit() or int(text[:20]) > MOST_NUMBER:
        raise UserdbMistake(f'{name}: expected a number, not "{text[:40]}"')
    return int(text)


def _known(key: str, column: str) -> str:
    field = column_of(column)
    if not field:
        near = get_close_matches(column.lower(), ACCOUNT_COLUMNS, n=1)
        meant = f"; did you mean {near[0]}?" if near else "; name it with AS, or leave it out"
        raise DirectoryUnavailable(f'{key}: a column "{column[:60]}" means nothing{meant}')
    return field


def _canonical(name: str, fields: dict[str, str | None]) -> str:
    """The account's name, as the row says it.

    A database compares as its collation says: `j\u00f6hn` finds john's row in MariaDB. So one that
    says nothing of whose it is, is the row of a plain name only, which can be compared in one way.
    """
    user = fields.get("user") or fields.get("username")
    if not user:
        if not is_plain(name.rpartition("@")[0]):
            words = "its row says not whose it is: a column user is missing in user_query"
            raise DirectoryUnavailable(f"account {name}: {words}")
        return name
    if "@" not in user:
        user = f"{user}@{fields.get('domain') or name.rpartition('@')[2]}"
    return _name(user, name)


def _own(fields: dict[str, str | None]) -> str:
    """The name of an account that nobody asked for, as its row says it."""
    user, domain = fields.get("user") or fields.get("username"), fields.get("domain")
    if not user or ("@" not in user and not domain):
        raise DirectoryUnavailable("accounts_query: a row says no user with its domain")
    return _name(user if "@" in user else f"{user}@{domain}", "accounts_query")


def _name(text: str, key: str) -> str:
    try:
        return str(address_form(Address.parse(text)))
    except AddressError as error:
        raise DirectoryUnavailable(f"{text[:100]!r}, found for {key}: {error}") from error


def _target(source: str, text: str) -> Address:
    try:
        return Address.parse(text)
    except AddressError as error:
        raise DirectoryUnavailable(f"alias {source}: target {text[:100]!r}: {error}") from error


def _listed(value: str) -> list[str]:
    """The addresses of a list with commas; a comma in quotes is a part of one (RFC 5321 §4.1.2)."""
    parts, quoted = [""], False
    for at, character in enumerate(value):
        if character == '"' and value[at - 1 : at] != "\\":
            quoted = not quoted
        if character == "," and not quoted:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts if part.strip()]
