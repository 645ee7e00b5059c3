"""Freezing and thawing by hand: whether an account may send.

Only the row is written here. What follows from it for the queue and for sessions is done by the
server or by the command line (`freezing` says how they agree on it).
"""

from __future__ import annotations

from dataclasses import replace

from postroad.directory.embedded import freezing
from postroad.directory.embedded.editing import Editing
from postroad.directory.embedded.entry import parse_key
from postroad.directory.embedded.freezing import Freeze, FreezeAuthor
from postroad.directory.embedded.mistake import AlreadyFrozen, NotFrozen
from postroad.model.printable import in_one_line

__all__ = ["FreezeEditing"]


class FreezeEditing(Editing):
    """Lists, makes and ends freezes."""

    def freezes(self) -> tuple[Freeze, ...]:
        """All accounts that are frozen, the last one last."""
        with self._translated():
            return tuple(freezing.select(self._connection))

    def freeze_of(self, name: str) -> Freeze | None:
        """The freeze that an account is under.

        Raises:
            InvalidName: it is no address.
        """
        key = parse_key(name)
        return next((each for each in self.freezes() if each.user == key), None)

    def freeze_user(self, name: str, reason: str, now: float) -> Freeze:
        """Forbid an account to send.

        Args:
            name: its address.
            reason: in words; what breaks a line in it becomes a space.
            now: seconds since the epoch.

        Raises:
            UnknownUser: there is no such account.
            AlreadyFrozen: it is frozen.
        """
        freeze = Freeze(parse_key(name), in_one_line(reason), now, FreezeAuthor.OPERATOR)
        with self._change():
            self._require_account(freeze.user)
            if not freezing.begin(self._connection, freeze):
                raise AlreadyFrozen(f"{freeze.user} is frozen already")
        return freeze

    def thaw_user(self, name: str) -> Freeze:
        """Allow a frozen account to send again, and return the freeze that it was under.

        Raises:
            InvalidName: it is no address.
            NotFrozen: it is not frozen.
        """
        key = parse_key(name)
        with self._change():
            found = next(
                (each for each in freezing.select(self._connection) if each.user == key), None
            )
            if found is None or not freezing.thaw(self._connection, key):
                raise NotFrozen(f"{key} is not frozen")
        return replace(found, thaws=found.thaws + 1)
