"""Changes to accounts: who may log in, and by which password.

A password comes in clear text and is hashed here, or as a ready hash in Dovecot's form. Either way
the secrets that mechanisms need are written together with it (`credentials`).
"""

from __future__ import annotations

from postroad.directory import freezing
from postroad.directory.credentials import (
    Credentials,
    check_password,
    credentials_of,
    credentials_of_hash,
)
from postroad.directory.editing import Editing
from postroad.directory.entry import UserEntry, parse_key, parse_user
from postroad.directory.mistake import AliasExists
from postroad.directory.password import STANDARD
from postroad.model import Address

__all__ = ["AccountEditing"]

_INSERT = """
INSERT INTO users (name, domain, password, scram_sha_1, scram_sha_256, lot)
VALUES (?, ?, ?, ?, ?, random())
"""
_UPDATE = """
UPDATE users SET password = ?, scram_sha_1 = ?, scram_sha_256 = ? WHERE name = ?
"""


class AccountEditing(Editing):
    """Lists, adds, changes and removes accounts."""

    def users(self) -> tuple[UserEntry, ...]:
        """All accounts, by domain and name."""
        with self._translated():
            return self._entries("SELECT name, enabled FROM users ORDER BY domain, name")

    def user(self, name: str) -> UserEntry:
        """An account.

        Raises:
            UnknownUser: there is no such account.
        """
        key = parse_key(name)
        with self._translated():
            self._require_user(key)
            return self._entries("SELECT name, enabled FROM users WHERE name = ?", key)[0]

    def add_user(self, name: str, password: str, *, scheme: str = STANDARD) -> str:
        """Add an account and return its canonical name.

        Args:
            name: its address.
            password: what its owner will log in with.
            scheme: of the stored hash, one of `password.MAKERS`.

        Raises:
            InvalidName: no address, or none a mail folder can be named after.
            UnknownDomain: its domain is not ours.
            UserExists, AliasExists: the address is taken.
            UnusablePassword: empty, too long, or with a NUL.
            UnusableHash: no hash of this scheme is made.
        """
        form = parse_user(name)
        check_password(password)
        return self._add(form, credentials_of(password, self._profile, self._kinds, scheme))

    def add_user_with_hash(self, name: str, stored: str) -> str:
        """Add an account whose password is known as a hash only, and return its canonical name.

        Args:
            name: its address.
            stored: `{SCHEME}…`, as in a Dovecot passwd-file.

        Raises:
            InvalidName, UnknownDomain, UserExists, AliasExists: as in `add_user`.
            UnusableHash: its scheme is unknown, it is damaged, or it costs too much to check.
        """
        form = parse_user(name)
        return self._add(form, self._credentials_of_hash(stored))

    def remove_user(self, name: str) -> tuple[str, ...]:
        """Remove an account and its app passwords; its mail stays on disk.

        Returns:
            The sources of the aliases that still point at it, which now lead nowhere.

        Raises:
            UnknownUser: there is no such account.
        """
        key = parse_key(name)
        with self._change():
            self._require_user(key)
            self._rows("DELETE FROM users WHERE name = ?", key)
            self._rows("DELETE FROM app_passwords WHERE user = ?", key)
            self._rows("DELETE FROM freezes WHERE user = ?", key)
            left = self._rows(
                "SELECT DISTINCT source FROM aliases WHERE target_key = ? ORDER BY source", key
            )
        return tuple(str(row[0]) for row in left)

    def set_password(self, name: str, password: str, *, scheme: str = STANDARD) -> str:
        """Give an account a new password and return its canonical name.

        App passwords stay good; they are removed one by one.

        Raises:
            UnknownUser: there is no such account.
            UnusablePassword: empty, too long, or with a NUL.
            UnusableHash: no hash of this scheme is made.
        """
        key = parse_key(name)
        return self._set(key, credentials_of(password, self._profile, self._kinds, scheme))

    def set_hash(self, name: str, stored: str) -> str:
        """Give an account a password that is known as a hash only; returns its canonical name.

        Raises:
            UnknownUser: there is no such account.
            UnusableHash: its scheme is unknown, it is damaged, or it costs too much to check.
        """
        return self._set(parse_key(name), self._credentials_of_hash(stored))

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

    def _entries(self, sql: str, *parameters: str) -> tuple[UserEntry, ...]:
        rows = self._rows(sql, *parameters)
        frozen = {each.user: each for each in freezing.select(self._connection)}
        return tuple(
            UserEntry(str(name), bool(enabled), frozen.get(str(name))) for name, enabled in rows
        )

    def _add(self, form: Address, credentials: Credentials) -> str:
        key = str(form)
        with self._change():
            self._require_domain(form.domain)
            self._refuse_user(key)
            if self._rows("SELECT 1 FROM aliases WHERE source = ?", key):
                raise AliasExists(f"{key} is an alias; remove it first")
            self._rows(_INSERT, key, form.domain, *_columns(credentials))
        return key

    def _set(self, key: str, credentials: Credentials) -> str:
        with self._change():
            self._require_user(key)
            self._rows(_UPDATE, *_columns(credentials), key)
        return key

    def _credentials_of_hash(self, stored: str) -> Credentials:
        return credentials_of_hash(stored, self._profile, self._kinds, self._default)


def _columns(credentials: Credentials) -> tuple[str, str, str]:
    return credentials.password, credentials.scram_sha_1, credentials.scram_sha_256
