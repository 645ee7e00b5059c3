"""The addresses that somebody was given the right to send as (`postroad user send-as`).

Whether an address is anybody's is asked for the sender of every message from outside, and nearly
no address is one of these; so all of them are kept in memory, and read again when the directory's
file was changed. Whose right it is, is asked of the file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from postroad.directory.names import address_form
from postroad.model import Address

__all__ = ["GrantedAddresses"]


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
        self._addresses: frozenset[str] = frozenset()

    def __contains__(self, address: object) -> bool:
        """Whether any account may send as the address, or as all of its domain."""
        counter = self._count()
        if counter != self._counter:
            self._read(counter)
        if not self._addresses or not isinstance(address, Address):
            return False
        form = address_form(address)
        return str(form) in self._addresses or f"@{form.domain}" in self._addresses

    def _read(self, counter: bytes) -> None:
        """Read what changed; of a file that is locked at the moment, at the next question."""
        try:
            rows = self._connection.execute("SELECT DISTINCT address FROM send_as").fetchall()
        except sqlite3.Error:
            return
        self._addresses = frozenset(str(row[0]) for row in rows)
        self._counter = counter
