"""Changes to accounts: who may log in, and by which password.

A password comes in clear text and is hashed here, or as a ready hash in Dovecot's form. Either way
the secrets that mechanisms need are written together with it (`credentials`).
"""

from __future__ import annotations

from postroad.directory.embedded import freezing
from postroad.directory.embedded.editing import Editing
from postroad.directory.embedded.entry import UserEntry, parse_key, parse_user
from postroad.directory.embedded.mistake import AliasExists
from postroad.directory.embedded.quota import Quota
from postroad.directory.passwords.credentials import (
    Credentials,
    check_password,
    credentials_of,
    credentials_of_hash,
)
from postroad.directory.passwords.password import STANDARD
from postroad.model import Address

__all__ = ["AccountEditing"]

_INSERT = """
INSERT INTO users (name, domain, password, scram_sha_1, scram_sha_256, lot)
VALUES (?, ?, ?, ?, ?, random())
"""
_LIST = "SELECT name, enabled, quota_bytes, quota_messages FROM users"
_FORWARDS = """
SELECT source, target FROM aliases JOIN users ON users.name = source
WHERE ?1 IN ('', source) ORDER BY aliases.id
"""
_RIGHTS = "SELECT user, address FROM send_as WHERE ?1 IN ('', user) ORDER BY user, address"
_UPDATE = """
UPDATE users SET password = ?, scram_sha_1 = ?, scram_sha_256 = ? WHERE name = ?
"""


class AccountEditing(Editing):
    """Lists, adds, changes and removes accounts."""

    def users(self) -> tuple[UserEntry, ...]:
        """All accounts, by domain and name."""
        with self._translated():
            return self._entries(f"{_LIST} ORDER BY domain, name")

    def user(self, name: str) -> UserEntry:
        """An account.

        Raises:
            UnknownUser: there is no such account.
        """
        key = parse_key(name)
        with self._translated():
            self._require_user(key)
            return self._entries(f"{_LIST} WHERE name = ?", key)[0]

    def add_user(self, name: str, password: str, *, scheme: str = STANDARD) -> str:
        """Add an account and return its canonical name.

        Args:
            name: its address.
            password: what its owner will log in with.
            scheme: of the stored hash, one of `password.MAKERS`.

        Raises:
            InvalidName: no address, or none a mail folder can be named after.
            UnknownDomain: its domain is not ours.
            UserExists, AliasExists, GroupExists: the address is taken.
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
        """Remove an account with its app passwords, forwards and rights; its mail stays on disk.

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
            self._rows("DELETE FROM send_as WHERE user = ?", key)
            self._rows("DELETE FROM aliases WHERE source = ?", key)  # its forwards
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

    def set_quota(self, name: str, quota: Quota) -> str:
        """Say what an account's mailbox may hold, and return its canonical name.

        Raises:
            UnknownUser: there is no such account.
        """
        key = parse_key(name)
        sql = "UPDATE users SET quota_bytes = ?, quota_messages = ? WHERE name = ?"
        with self._change():
            self._require_user(key)
            self._rows(sql, quota.octets, quota.messages, key)
        return key

    def _entries(self, sql: str, *parameters: str) -> tuple[UserEntry, ...]:
        rows = self._rows(sql, *parameters)
        frozen = {each.user: each for each in freezing.select(self._connection)}
        only = parameters[0] if parameters else ""
        forwards = self._grouped(_FORWARDS, only)
        rights = self._grouped(_RIGHTS, only)
        return tuple(
            UserEntry(
                str(name),
                bool(enabled),
                frozen.get(str(name)),
                Quota(_number(octets), _number(messages)),
                forwards.get(str(name), ()),
                rights.get(str(name), ()),
            )
            for name, enabled, octets, messages in rows
        )

    def _grouped(self, sql: str, only: str) -> dict[str, tuple[str, ...]]:
        """What accounts have several of; `only` names the one account that is asked for."""
        found: dict[str, list[str]] = {}
        for name, text in self._rows(sql, only):
            found.setdefault(str(name), []).append(str(text))
        return {name: tuple(texts) for name, texts in found.items()}

    def _add(self, form: Address, credentials: Credentials) -> str:
        key = str(form)
        with self._change():
            self._require_domain(form.domain)
            self._refuse_user(key)
            self._refuse_group(key)
            if self._rows("SELECT 1 FROM aliases WHERE source = ?", key):
                raise AliasExists(f"{key} is an alias; remove it first")
            self._rows(_INSERT, key, form.domain, *credentials.stored)
        return key

    def _set(self, key: str, credentials: Credentials) -> str:
        with self._change():
            self._require_user(key)
            self._rows(_UPDATE, *credentials.stored, key)
        return key

    def _credentials_of_hash(self, stored: str) -> Credentials:
        return credentials_of_hash(stored, self._profile, self._kinds, self._default)


def _number(value: object) -> int | None:
    return None if value is None else int(str(value))
