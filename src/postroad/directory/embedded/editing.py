"""What all changes to the embedded directory share: a transaction, and what it must not break.

The parts of `DirectoryEditor` are classes over this one, split by what they change: domains,
accounts, app passwords, aliases, groups and so on. Nothing else uses it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from postroad.directory.embedded.lookups import Lookups
from postroad.directory.embedded.mistake import GroupExists, UnknownDomain, UnknownUser, UserExists
from postroad.directory.embedded.nearest import hint, near_domain, near_user
from postroad.directory.interface import DirectoryUnavailable
from postroad.directory.passwords.credentials import DEFAULT_KINDS
from postroad.directory.passwords.password import OWASP, PasswordProfile
from postroad.model import Address
from postroad.sasl.secrets import SecretKind

__all__ = ["Editing"]


class Editing:
    """A connection for changes.

    Args:
        connection: from `schema.open_for_change`; closed by `close`.
        lookups: over the same connection.
        profile: the cost of new password hashes.
        kinds: the secrets that are kept beside a hash.
        default: the scheme of a stored hash without braces.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        lookups: Lookups,
        profile: PasswordProfile = OWASP,
        kinds: Collection[SecretKind] = DEFAULT_KINDS,
        default: str = "CRYPT",
    ) -> None:
        self._connection = connection
        self._lookups = lookups
        self._profile = profile
        self._kinds = kinds
        self._default = default
        self._vouched: set[str] = set()

    def vouch(self, key: str) -> None:
        """Take note that another directory has an account: what is kept here for it may be changed.

        Args:
            key: its canonical name.
        """
        self._vouched.add(key)

    def has_user(self, key: str) -> bool:
        """Whether the account is one of this directory.

        Args:
            key: its canonical name.
        """
        with self._translated():
            return self._is_user(key)

    def real(self, key: str) -> str:
        """The name of an account whose address is in an alias domain; any other as it is.

        Args:
            key: an address in the form of `names`.
        """
        with self._translated():
            return str(self._lookups.real(Address.parse(key)))

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    @contextmanager
    def _change(self, *, keep: bool = True) -> Iterator[None]:
        """One transaction: all of it, durable, or nothing; `keep` false: nothing in any case."""
        with self._translated(), self._connection:  # commits, or rolls back on any exception
            self._connection.execute("BEGIN IMMEDIATE")
            yield
            if not keep:
                self._connection.rollback()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise DirectoryUnavailable(str(error)) from error

    def _rows(self, sql: str, *parameters: str | int | bytes | None) -> list[tuple[object, ...]]:
        return self._connection.execute(sql, parameters).fetchall()

    def _count(self, sql: str, parameter: str) -> int:
        return int(str(self._rows(sql, parameter)[0][0]))

    def _require_domain(self, domain: str) -> None:
        """Refuse what is not delivered here by its own name."""
        if domain in self._lookups.configured_domains:
            return
        rows = self._rows("SELECT alias_of, recipients FROM domains WHERE name = ?", domain)
        if not rows:
            near = near_domain(self._connection, domain, self._lookups.configured_domains)
            raise UnknownDomain(
                f"{domain} is not one of our domains; add it with: postroad domain add "
                f"{domain}{hint(near)}"
            )
        alias_of, recipients = rows[0]
        if alias_of:
            raise UnknownDomain(f"{domain} stands for {alias_of}; name the address there")
        if recipients:
            raise UnknownDomain(f"{domain} is relayed; its addresses are kept elsewhere")

    def _require_user(self, key: str) -> None:
        if not self._is_user(key):
            near = near_user(self._connection, key)
            raise UnknownUser(f"there is no account {key}{hint(near)}")

    def _require_account(self, key: str, *, unless: object = None) -> None:
        """Refuse what is an account nowhere.

        Args:
            key: its canonical name.
            unless: what is kept here for it: then there is, or was, one.
        """
        if not unless and key not in self._vouched:
            self._require_user(key)

    def _is_user(self, key: str) -> bool:
        return bool(self._rows("SELECT 1 FROM users WHERE name = ?", key))

    def _is_group(self, key: str) -> bool:
        return bool(self._rows("SELECT 1 FROM groups WHERE name = ?", key))

    def _refuse_user(self, key: str) -> None:
        if self._is_user(key):
            raise UserExists(f"there is an account {key} already")

    def _refuse_group(self, key: str) -> None:
        if self._is_group(key):
            raise GroupExists(f"there is a group {key} already")
