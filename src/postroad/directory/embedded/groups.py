"""Groups: aliases with an owner, and with a rule of who may write to them.

The members of a group are the targets of an alias, found as those of any other. What is more about
it is here: the owner, who gets the bounces, and who may send to it. A rule holds for the address of
the group, in whatever form it is written (with an extension, in a domain that is an alias). An
alias or another group that leads to it is a way that whoever made it has opened on purpose.

Nearly all groups are open to everybody. Which are not is kept in memory and read again when the
directory's file was changed, so that a recipient costs a look into a set.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from postroad.directory.names import address_form, without_extension
from postroad.model import Address

__all__ = ["ClosedGroup", "ClosedGroups", "Senders"]

_CLOSED = "SELECT name FROM groups WHERE senders != 'everybody'"


class Senders(Enum):
    """Who may send to a group."""

    EVERYBODY = "everybody"
    MEMBERS = "members"
    LOGGED_IN = "logged-in"


@dataclass(frozen=True, slots=True)
class ClosedGroup:
    """A group that not everybody may send to.

    Attributes:
        name: its address, in the form of `names`.
        senders: who may.
        members: their addresses, in the same form.
    """

    name: str
    senders: Senders
    members: frozenset[str]


class ClosedGroups:
    """Which groups are not open to everybody. Belongs to the event loop's thread.

    Args:
        connection: from `schema.open_for_reading`; the caller closes it.
        counter: the file's change counter (`Memory.counter`).
        delimiters: the characters that begin an address extension.
    """

    def __init__(
        self, connection: sqlite3.Connection, counter: Callable[[], bytes], delimiters: str
    ) -> None:
        self._connection = connection
        self._count = counter
        self._delimiters = delimiters
        self._counter = b""
        self._locals: frozenset[str] | None = frozenset()

    def may_be(self, address: Address) -> bool:
        """Whether an address may be one of them, for nearly nothing; `find` of the directory knows.

        While the file is locked it is not known which there are, and any address may be one.
        """
        counter = self._count()
        if counter != self._counter:
            self._read(counter)
        if self._locals is None:
            return True
        if not self._locals:
            return False
        form = address_form(address)
        plain = without_extension(form, self._delimiters)
        return form.local in self._locals or (plain is not None and plain.local in self._locals)

    def _read(self, counter: bytes) -> None:
        try:
            rows = self._connection.execute(_CLOSED).fetchall()
        except sqlite3.Error:
            self._locals = None
            return
        self._locals = frozenset(str(name).rpartition("@")[0] for (name,) in rows)
        self._counter = counter
