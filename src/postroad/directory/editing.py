"""What all changes to the embedded directory share: a transaction, and what it must not break.

The parts of `DirectoryEditor` are classes over this one, split by what they change: domains,
accounts, app passwords, aliases. Nothing else uses it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from postroad.directory.credentials import DEFAULT_KINDS
from postroad.directory.interface import DirectoryUnavailable
from postroad.directory.lookups import Lookups
from postroad.directory.mistake import UnknownDomain, UnknownUser, UserExists
from postroad.directory.password import OWASP, PasswordProfile
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

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

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

    def _rows(self, sql: str, *parameters: str | int | bytes) -> list[tuple[object, ...]]:
        return self._connection.execute(sql, parameters).fetchall()

    def _count(self, sql: str, parameter: str) -> int:
        return int(str(self._rows(sql, parameter)[0][0]))

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
