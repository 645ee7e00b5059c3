"""The addresses that somebody was given the right to send as (`postroad user send-as`).

Whether an address is anybody's is asked for the sender of every message from outside, and nearly
no address is one of these; so all of them are kept in memory, with whose right it is, and are read
again when the directory's file was changed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from postroad.model import Address

__all__ = ["GrantedAddresses"]

_NOBODY: frozenset[str] = frozenset()


class GrantedAddresses:
    """Belongs to the event loop's thread.

    Args:
        connection: from `schema.open_for_reading`; the caller closes it.
        counter: the file's change counter (`Memory.counter`).
    """

    def __init__(self, connection: sqlite3.Connection, counter: Callable[[], bytes]) -> None:
        self._connection = connection
        self._count = counter
        self._counter = b""
        self._users: dict[str, frozenset[str]] = {}

    def __bool__(self) -> bool:
        """Whether there is any such right."""
        counter = self._count()
        if counter != self._counter:
            self._read(counter)
        return bool(self._users)

    def users(self, form: Address) -> frozenset[str]:
        """The accounts that may send as an address, or as all of its domain.

        Args:
            form: in the form of `names`, with a domain that stands for no other.
        """
        if not self:
            return _NOBODY
        return self._users.get(str(form), _NOBODY) | self._users.get(f"@{form.domain}", _NOBODY)

    def _read(self, counter: bytes) -> None:
        """Read what changed; of a file that is locked at the moment, at the next question."""
        try:
            rows = self._connection.execute("SELECT address, user FROM send_as").fetchall()
        except sqlite3.Error:
            return
        found: dict[str, set[str]] = {}
        for address, user in rows:
            found.setdefault(str(address), set()).add(str(user))
        self._users = {address: frozenset(users) for address, users in found.items()}
        self._counter = counter
