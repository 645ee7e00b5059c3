"""Changes to the embedded directory, as the command line makes them.

Synchronous, for a process that makes one change and ends. Each method is one transaction, on
stable storage when it returns; the workers see it at their next look-up. A change that makes no
sense raises a `DirectoryMistake` and changes nothing.

What an operator should know:

- An account's name is its address, in lower case. It belongs to one of our domains.
- A disabled account cannot log in; mail for it is still taken in.
- An address is an account or an alias, never both. An alias delivers to several targets, ours or
  foreign; the source `@domain` catches all that nobody else in the domain has.
- A domain in the configuration is ours without being added here.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from postroad.directory.entry import (
    AliasEntry,
    DomainEntry,
    UserEntry,
    parse_domain,
    parse_key,
    parse_source,
    parse_targets,
    parse_user,
)
from postroad.directory.interface import Alias, DirectoryUnavailable, Unknown
from postroad.directory.lookups import Lookups
from postroad.directory.mistake import (
    AliasExists,
    AliasLoop,
    DomainConfigured,
    DomainExists,
    DomainInUse,
    UnknownAlias,
    UnknownDomain,
    UnknownTarget,
    UnknownUser,
    UnusablePassword,
    UserExists,
)
from postroad.directory.names import address_form
from postroad.directory.password import MAX_PASSWORD, OWASP, PasswordProfile, hash_password
from postroad.directory.schema import open_for_change
from postroad.model import Address

__all__ = ["DirectoryEditor"]


class DirectoryEditor:
    """Lists and changes domains, accounts and aliases. A context manager that closes itself.

    Every method may raise `DirectoryUnavailable` when the file cannot be read or written.

    Args:
        connection: from `schema.open_for_change`; closed by `close`.
        lookups: over the same connection.
        profile: the cost of new password hashes.
    """

    def __init__(
        self, connection: sqlite3.Connection, lookups: Lookups, profile: PasswordProfile = OWASP
    ) -> None:
        self._connection = connection
        self._lookups = lookups
        self._profile = profile

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        domains: Sequence[str],
        delimiters: str = "+",
        profile: PasswordProfile = OWASP,
    ) -> DirectoryEditor:
        """Open the database, creating it (mode 0600) if it is not there.

        Args:
            path: the file; its folder must exist.
            domains: the domains of the configuration.
            delimiters: `recipient_delimiter` of the configuration.
            profile: the cost of new password hashes.

        Raises:
            DirectoryUnavailable: the file cannot be created, opened or locked.
            SchemaTooNew: a later release wrote it.
        """
        connection = open_for_change(path)
        return cls(connection, Lookups(connection, domains, delimiters), profile)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # Domains

    def domains(self) -> tuple[DomainEntry, ...]:
        """All our domains: those of the configuration first, then by name."""
        configured = self._lookups.configured_domains
        with self._translated():
            rows = self._rows("SELECT name FROM domains ORDER BY name")
        own = [str(row[0]) for row in rows if row[0] not in configured]
        return (
            *(DomainEntry(name, configured=True) for name in configured),
            *(DomainEntry(name, configured=False) for name in own),
        )

    def add_domain(self, domain: str) -> str:
        """Make a domain ours and return the form it is kept in (an A-label).

        Raises:
            InvalidName: it is no domain name.
            DomainConfigured, DomainExists: it is ours already.
        """
        form = parse_domain(domain)
        self._refuse_configured(form)
        with self._change():
            if self._rows("SELECT 1 FROM domains WHERE name = ?", form):
                raise DomainExists(f"the domain {form} is there already")
            self._rows("INSERT INTO domains (name) VALUES (?)", form)
        return form

    def remove_domain(self, domain: str) -> str:
        """Let a domain go and return the form it was kept in.

        Raises:
            DomainConfigured: it is removed from the configuration file, not here.
            UnknownDomain: it is not in the directory.
            DomainInUse: accounts or aliases of it are left.
        """
        form = parse_domain(domain)
        self._refuse_configured(form)
        with self._change():
            if not self._rows("SELECT 1 FROM domains WHERE name = ?", form):
                raise UnknownDomain(f"there is no domain {form} in the directory")
            users = self._count("SELECT count(*) FROM users WHERE domain = ?", form)
            aliases = self._count(
                "SELECT count(DISTINCT source) FROM aliases WHERE domain = ?", form
            )
            if users or aliases:
                raise DomainInUse(
                    f"the domain {form} is in use (accounts: {users}, aliases: {aliases}); "
                    "remove them first"
                )
            self._rows("DELETE FROM domains WHERE name = ?", form)
        return form

    # Accounts

    def users(self) -> tuple[UserEntry, ...]:
        """All accounts, by domain and name."""
        with self._translated():
            rows = self._rows("SELECT name, enabled FROM users ORDER BY domain, name")
        return tuple(UserEntry(str(name), bool(enabled)) for name, enabled in rows)

    def add_user(self, name: str, password: str) -> str:
        """Add an account and return its canonical name.

        Args:
            name: its address.
            password: what its owner will log in with.

        Raises:
            InvalidName: no address, or none a mail folder can be named after.
            UnknownDomain: its domain is not ours.
            UserExists, AliasExists: the address is taken.
            UnusablePassword: empty, too long, or with a NUL.
        """
        form = parse_user(name)
        stored = self._hash(password)
        key = str(form)
        with self._change():
            self._require_domain(form.domain)
            self._refuse_user(key)
            if self._rows("SELECT 1 FROM aliases WHERE source = ?", key):
                raise AliasExists(f"{key} is an alias; remove it first")
            self._rows(
                "INSERT INTO users (name, domain, password) VALUES (?, ?, ?)",
                *(key, form.domain, stored),
            )
        return key

    def remove_user(self, name: str) -> tuple[str, ...]:
        """Remove an account; its mail stays on disk.

        Returns:
            The sources of the aliases that still point at it, which now lead nowhere.

        Raises:
            UnknownUser: there is no such account.
        """
        key = parse_key(name)
        with self._change():
            self._require_user(key)
            self._rows("DELETE FROM users WHERE name = ?", key)
            left = self._rows(
                "SELECT DISTINCT source FROM aliases WHERE target_key = ? ORDER BY source", key
            )
        return tuple(str(row[0]) for row in left)

    def set_password(self, name: str, password: str) -> str:
        """Give an account a new password and return its canonical name.

        Raises:
            UnknownUser: there is no such account.
            UnusablePassword: empty, too long, or with a NUL.
        """
        key = parse_key(name)
        stored = self._hash(password)
        with self._change():
            self._require_user(key)
            self._rows("UPDATE users SET password = ? WHERE name = ?", stored, key)
        return key

    def set_enabled(self, name: str, *, enabled: bool) -> str:
        """Allow or forbid an account to log in and return its canonical name.

        Raises:
            UnknownUser: there is no such account.
        """
        key = parse_key(name)
        with self._change():
            self._require_user(key)
            self._rows("UPDATE users SET enabled = ? WHERE name = ?", int(enabled), key)
        return key

    # Aliases

    def aliases(self) -> tuple[AliasEntry, ...]:
        """All aliases, by domain and source."""
        found: dict[str, list[str]] = {}
        with self._translated():
            rows = self._rows("SELECT source, target FROM aliases ORDER BY domain, source, id")
        for source, target in rows:
            found.setdefault(str(source), []).append(str(target))
        return tuple(AliasEntry(source, tuple(targets)) for source, targets in found.items())

    def add_alias(self, source: str, targets: Sequence[str]) -> AliasEntry:
        """Add an alias, or more targets to one; returns it with all its targets.

        Args:
            source: an address in one of our domains, or `@domain` to catch all.
            targets: addresses, at least one.

        Raises:
            InvalidName: the source or a target is no address, or there is no target.
            UnknownDomain: the source's domain is not ours.
            UserExists: the source is an account.
            AliasExists: it delivers to all of them already.
            UnknownTarget: a target is in a domain of ours and nobody has it.
            AliasLoop: mail would come back to the alias.
        """
        key, domain = parse_source(source)
        wanted = parse_targets(targets)
        with self._change():
            self._require_domain(domain)
            self._refuse_user(key)
            there = {row[0] for row in self._alias_rows("target_key", key)}
            new = {form: text for form, text in wanted.items() if form not in there}
            if not new:
                raise AliasExists(f"{key} already delivers to {', '.join(wanted.values())}")
            for form, text in new.items():
                self._rows(
                    "INSERT INTO aliases (source, domain, target, target_key) VALUES (?, ?, ?, ?)",
                    *(key, domain, text, form),
                )
            self._refuse_unknown(new.values())
            self._refuse_loop(key)
            result = tuple(str(row[0]) for row in self._alias_rows("target", key))
        return AliasEntry(key, result)

    def remove_alias(self, source: str, targets: Sequence[str] = ()) -> AliasEntry | None:
        """Remove targets of an alias, or the whole alias if none is named.

        Returns:
            What is left of it; `None` when it is gone.

        Raises:
            UnknownAlias: there is no such alias, or it does not have such a target.
        """
        key, _ = parse_source(source)
        wanted = parse_targets(targets) if targets else {}
        with self._change():
            there = {str(row[0]) for row in self._alias_rows("target_key", key)}
            if not there:
                raise UnknownAlias(f"there is no alias {key}")
            for form in wanted or there:
                if form not in there:
                    raise UnknownAlias(f"{key} does not deliver to {wanted[form]}")
                self._rows("DELETE FROM aliases WHERE source = ? AND target_key = ?", key, form)
            left = tuple(str(row[0]) for row in self._alias_rows("target", key))
        return AliasEntry(key, left) if left else None

    # Inside a change

    @contextmanager
    def _change(self) -> Iterator[None]:
        """One transaction: all of it, durable, or nothing."""
        with self._translated(), self._connection:  # commits, or rolls back on any exception
            self._connection.execute("BEGIN IMMEDIATE")
            yield

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise DirectoryUnavailable(str(error)) from error

    def _rows(self, sql: str, *parameters: str | int) -> list[tuple[object, ...]]:
        return self._connection.execute(sql, parameters).fetchall()

    def _count(self, sql: str, parameter: str) -> int:
        return int(str(self._rows(sql, parameter)[0][0]))

    def _alias_rows(self, column: str, source: str) -> list[tuple[object, ...]]:
        sql = {
            "target": "SELECT target FROM aliases WHERE source = ? ORDER BY id",
            "target_key": "SELECT target_key FROM aliases WHERE source = ? ORDER BY id",
        }
        return self._rows(sql[column], source)

    def _hash(self, password: str) -> str:
        if not password:
            raise UnusablePassword("the password is empty")
        if len(password) > MAX_PASSWORD:
            raise UnusablePassword(f"the password is longer than {MAX_PASSWORD} characters")
        if "\0" in password:  # SASL PLAIN separates its fields with it (RFC 4616 §2)
            raise UnusablePassword("the password holds a NUL, which no client can send")
        return hash_password(password, self._profile)

    def _refuse_configured(self, domain: str) -> None:
        if domain in self._lookups.configured_domains:
            raise DomainConfigured(
                f"the domain {domain} stands in the configuration file; change it there"
            )

    def _require_domain(self, domain: str) -> None:
        if not self._lookups.is_local(domain):
            raise UnknownDomain(
                f"{domain} is not one of our domains; add it with: postroad domain add {domain}"
            )

    def _require_user(self, key: str) -> None:
        if not self._rows("SELECT 1 FROM users WHERE name = ?", key):
            raise UnknownUser(f"there is no account {key}")

    def _refuse_user(self, key: str) -> None:
        if self._rows("SELECT 1 FROM users WHERE name = ?", key):
            raise UserExists(f"there is an account {key} already")

    def _refuse_unknown(self, targets: Iterable[str]) -> None:
        for target in targets:
            address = Address.parse(target)
            if self._lookups.is_local(address.domain) and isinstance(
                self._lookups.resolve(address), Unknown
            ):
                raise UnknownTarget(f"nobody has the address {target}; add it first")

    def _refuse_loop(self, source: str) -> None:
        """Follow the alias as mail would, now that its rows are written.

        A loop repeats an address sooner or later, because targets are finite in number; so it
        is found by the addresses on the way, whatever extension or catch-all it goes through.
        """
        done: set[str] = set()
        ways: list[tuple[str, ...]] = [
            (source, str(row[0])) for row in self._alias_rows("target_key", source)
        ]
        while ways:
            way = ways.pop()
            address = way[-1]
            if address in way[:-1]:
                raise AliasLoop(f"mail would go round for ever: {' -> '.join(way)}")
            if address in done:
                continue
            done.add(address)
            answer = self._lookups.resolve(Address.parse(address))
            if isinstance(answer, Alias):
                ways.extend((*way, str(address_form(target))) for target in answer.targets)
