"""The questions that a login asks of the directory, as SQL, one call each.

Like `lookups`, synchronous and short, over the same connection, and raising `sqlite3.Error`.

A name without an account must cost as much to refuse as one with, whatever schemes the accounts
have. So it imitates an account: always the same one, chosen by a keyed digest of the name, and the
password that was given is checked against that account's hash, for nothing, or that account's
verifier is read, which a proof would need. The same questions are asked for every name, and names
without accounts take times in the same mixture as accounts do. The choice is by consistent hashing
(each account has a random place on a ring), so that accounts which come and go change the imitated
account of few names. The key is in the database: all workers choose alike, and nobody outside can.
"""

from __future__ import annotations

import hmac
import sqlite3
from dataclasses import dataclass, field

from postroad.directory.embedded.app_password import Scope
from postroad.directory.embedded.lookups import Lookups
from postroad.directory.names import address_form
from postroad.directory.passwords.credentials import Credentials
from postroad.model import Address, AddressError

__all__ = ["Account", "AppPasswordRow", "Logins"]

_ACCOUNT = "SELECT name, enabled, password, scram_sha_1, scram_sha_256 FROM users WHERE name = ?"
_BY_TAG = "SELECT id, scope, salt, digest FROM app_passwords WHERE user = ? AND tag = ?"
_KEPT = "SELECT name, password, scram_sha_1, scram_sha_256 FROM users"
_IMITATED = f"{_KEPT} WHERE lot >= ? ORDER BY lot LIMIT 1"
_FIRST_IMITATED = f"{_KEPT} ORDER BY lot LIMIT 1"
_NOBODY = ""  # no account has this name
# The condition is that of an index which holds nothing else.
_LACKING = "SELECT 1 FROM users WHERE enabled = 1 AND scram_sha_256 = '' LIMIT 1"
_ANY = "SELECT 1 FROM app_passwords JOIN users ON users.name = user WHERE enabled = 1 LIMIT 1"


@dataclass(frozen=True, slots=True)
class Account:
    """An account.

    Attributes:
        name: canonical.
        usable: whether it may log in: it is enabled and its domain is ours.
        credentials: what is kept of its password.
        enabled: whether it may log in if its domain is ours.
    """

    name: str
    usable: bool
    credentials: Credentials = field(repr=False)
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class AppPasswordRow:
    """What is kept of an app password."""

    id: int
    scope: Scope
    salt: bytes = field(repr=False)
    digest: bytes = field(repr=False)

    @property
    def proof(self) -> tuple[bytes, bytes]:
        """Salt and digest."""
        return self.salt, self.digest


class Logins:
    """Reads accounts and their secrets.

    Args:
        connection: from `schema`; stays the caller's to close.
        lookups: over the same connection.
        default: the scheme of a stored hash without braces.
    """

    def __init__(
        self, connection: sqlite3.Connection, lookups: Lookups, default: str = "CRYPT"
    ) -> None:
        self._connection = connection
        self._lookups = lookups
        self._default = default
        self._key = b""

    def account(self, name: str) -> Account | None:
        """The account of that login name."""
        form = self._form(name)
        row = None if form is None else self._one(_ACCOUNT, str(form))
        return None if row is None or form is None else self._account(row, self._is_ours(form))

    def find(self, name: str) -> tuple[Account | None, Credentials]:
        """The same for a login, with what to check in place of what is not there.

        Whether there is such an account or not, one row is found and one is not, the same is asked
        and the same is made of it.
        """
        form = self._form(name)
        other, imitated = self._imitated(name if form is None else str(form))
        row = None if form is None else self._one(_ACCOUNT, str(form))
        stand_in = self._one(_ACCOUNT, other if row is None else _NOBODY)
        ours = form is not None and self._is_ours(form)
        found = row or stand_in
        account = None if found is None else self._account(found, ours)
        return (None if row is None else account), imitated

    def app_password(self, name: str, tag: str) -> AppPasswordRow | None:
        """The app password of an account that begins with that group."""
        form = self._form(name)
        row = None if form is None else self._one(_BY_TAG, str(form), tag)
        if row is None:
            return None
        identifier, scope, salt, digest = row
        assert isinstance(identifier, int)
        assert isinstance(salt, bytes)
        assert isinstance(digest, bytes)
        return AppPasswordRow(identifier, Scope(scope), salt, digest)

    def key(self) -> bytes:
        """The key of the database, by which all workers imitate alike."""
        if not self._key:
            row = self._one("SELECT key FROM keys WHERE name = 'imitation'")
            self._key = bytes(row[0]) if row and isinstance(row[0], bytes) else b""
        return self._key

    def all_have_verifiers(self) -> bool:
        """Whether each password that is good for a login has a verifier for SCRAM-SHA-256.

        App passwords have none, and a client that has one would choose the mechanism too.
        """
        return self._one(_LACKING) is None and self._one(_ANY) is None

    def _imitated(self, name: str) -> tuple[str, Credentials]:
        """The name of an account to imitate, and what it has; empty where there are no accounts."""
        octets = name.encode("utf-8", "surrogatepass")
        place = hmac.digest(self.key(), octets, "sha256")[:8]
        row = self._one(_IMITATED, int.from_bytes(place, "big", signed=True))
        account, *kept = row or self._one(_FIRST_IMITATED) or ("", "", "", "")
        password, first, second = map(str, kept)
        return str(account), Credentials(password, first, second, self._default)

    def _account(self, row: tuple[object, ...], ours: bool) -> Account:
        name, enabled, password, first, second = row
        credentials = Credentials(str(password), str(first), str(second), self._default)
        return Account(str(name), bool(enabled) and ours, credentials, bool(enabled))

    def _form(self, name: str) -> Address | None:
        """The account's name that a login name means; in an alias domain, the one it stands for."""
        try:
            return self._lookups.real(address_form(Address.parse(name)))
        except AddressError:
            return None

    def _is_ours(self, form: Address) -> bool:
        return self._lookups.is_local(form.domain)

    def _one(self, sql: str, *parameters: str | int) -> tuple[object, ...] | None:
        row: tuple[object, ...] | None = self._connection.execute(sql, parameters).fetchone()
        return row
