"""Changes to app passwords. What one is stands in `app_password`."""

from __future__ import annotations

import secrets
import time

from postroad.directory.embedded.app_password import SALT_LENGTH, Scope, digest_of, generate
from postroad.directory.embedded.editing import Editing
from postroad.directory.embedded.entry import AppPasswordEntry, NewAppPassword, parse_key
from postroad.directory.embedded.mistake import LabelTaken, UnknownAppPassword, UnusableLabel

__all__ = ["AppPasswordEditing"]

MAX_LABEL = 64  # characters
MOST = 100
"""App passwords of one account: their tags must stay apart, and a list readable."""

_LIST = """
SELECT user, tag, label, scope, created, used, used_from FROM app_passwords
WHERE user = ? ORDER BY created, id
"""
_INSERT = """
INSERT INTO app_passwords (user, tag, label, scope, salt, digest, created)
VALUES (?, ?, ?, ?, ?, ?, ?)
"""


class AppPasswordEditing(Editing):
    """Lists, adds and removes app passwords."""

    def app_passwords(self, name: str) -> tuple[AppPasswordEntry, ...]:
        """The app passwords of an account, the oldest first.

        Raises:
            UnknownUser: there is no such account.
        """
        key = parse_key(name)
        with self._translated():
            rows = self._rows(_LIST, key)
            self._require_account(key, unless=rows)
        return tuple(_entry(row) for row in rows)

    def add_app_password(self, name: str, label: str, scope: Scope) -> NewAppPassword:
        """Make an app password; its text is in the answer and nowhere else.

        Args:
            name: the account.
            label: what it is for, one of its kind for the account.
            scope: what it is good for.

        Raises:
            UnknownUser: there is no such account.
            LabelTaken: the account has one of that label, or too many.
            UnusableLabel: the label is empty, too long, or cannot be shown.
        """
        key, label = parse_key(name), _checked(label)
        with self._change():
            self._require_account(key)
            there = {(str(row[1]), str(row[2])) for row in self._rows(_LIST, key)}
            if label in {known for _, known in there}:
                raise LabelTaken(f"{key} has an app password {label!r} already")
            if len(there) >= MOST:
                raise LabelTaken(f"{key} has {MOST} app passwords; remove some first")
            password = generate()
            while password.tag in {tag for tag, _ in there}:
                password = generate()
            salt = secrets.token_bytes(SALT_LENGTH)
            values = (password.tag, label, scope.value, salt, digest_of(password, salt))
            self._rows(_INSERT, key, *values, int(time.time()))
        return NewAppPassword(key, password.tag, password.text)

    def remove_app_password(self, name: str, which: str) -> AppPasswordEntry:
        """Remove an app password; it is no longer good from now on. Returns what it was.

        Args:
            name: the account.
            which: its label or, where no label is the same, its tag.

        Raises:
            UnknownUser: there is no such account.
            UnknownAppPassword: it has no such app password.
        """
        key = parse_key(name)
        with self._change():
            entries = [_entry(row) for row in self._rows(_LIST, key)]
            self._require_account(key, unless=entries)
            found = [each for each in entries if each.label == which.strip()]
            found = found or [each for each in entries if each.id == which.strip().lower()]
            if not found:
                raise UnknownAppPassword(f"{key} has no app password {which!r}")
            self._rows("DELETE FROM app_passwords WHERE user = ? AND tag = ?", key, found[0].id)
        return found[0]


def _checked(label: str) -> str:
    label = label.strip()
    if not label or len(label) > MAX_LABEL or not label.isprintable():
        raise UnusableLabel(f"a label has 1 to {MAX_LABEL} characters that can be shown")
    return label


def _entry(row: tuple[object, ...]) -> AppPasswordEntry:
    user, tag, label, scope, created, used, used_from = row
    return AppPasswordEntry(
        user=str(user),
        id=str(tag),
        label=str(label),
        scope=Scope(scope),
        created=int(str(created)),
        used=None if used is None else int(str(used)),
        used_from=str(used_from),
    )
