"""Changes to what is said about single accounts besides: where mail goes on to, and rights.

A forward is an alias with the name of an account. The account is among its targets where a copy
stays with it.
"""

from __future__ import annotations

from collections.abc import Sequence

from postroad.directory.embedded.entry import parse_key, parse_right, parse_targets
from postroad.directory.embedded.mistake import InvalidName, UnknownRight
from postroad.directory.embedded.target_editing import TargetEditing

__all__ = ["ForwardEditing"]


class ForwardEditing(TargetEditing):
    """Changes forwards and rights to send as others."""

    def set_forward(
        self, name: str, targets: Sequence[str], *, keep: bool = False
    ) -> tuple[str, ...]:
        """Send the mail for an account on, or no longer, in place of what was said before.

        Args:
            name: the account.
            targets: addresses; none: its mail stays with it again.
            keep: whether a copy stays with the account.

        Returns:
            Where its mail goes now.

        Raises:
            UnknownUser: there is no such account.
            InvalidName: a target is no address.
            UnknownTarget: a target is in a domain of ours and nobody has it.
            AliasLoop: mail would come back to the account.
        """
        key = parse_key(name)
        wanted = parse_targets(targets) if targets else {}
        if keep and not wanted:
            raise InvalidName("a copy is kept of what goes on to others; name them")
        if keep:
            wanted = {key: key} | wanted
        if wanted.keys() == {key}:
            raise InvalidName(f"{key} gets its own mail anyway; name somebody else")
        with self._change():
            self._require_user(key)
            self._delete_targets(key)
            self._write_targets(key, wanted)
        return tuple(wanted.values())

    def grant(self, name: str, others: Sequence[str]) -> str:
        """Let an account send as other addresses; returns its canonical name.

        Args:
            name: the account.
            others: addresses, ours or not, or `@domain` for all of a domain's.

        Raises:
            UnknownUser: there is no such account.
            InvalidName: one is neither.
            UnknownRight: it has all of them already.
        """
        key = parse_key(name)
        rights = list(dict.fromkeys(map(parse_right, others)))
        with self._change():
            self._require_account(key)
            there = self._rights(key)
            new = [each for each in rights if each not in there]
            if not new:
                raise UnknownRight(f"{key} may send as {', '.join(rights)} already")
            for each in new:
                self._rows("INSERT INTO send_as VALUES (?, ?)", key, each)
        return key

    def revoke(self, name: str, others: Sequence[str]) -> str:
        """Let an account no longer send as other addresses; returns its canonical name.

        Raises:
            UnknownUser: there is no such account.
            InvalidName: one is neither an address nor `@domain`.
            UnknownRight: it was not given one of these rights.
        """
        key = parse_key(name)
        rights = list(dict.fromkeys(map(parse_right, others)))
        with self._change():
            there = self._rights(key)
            self._require_account(key, unless=there)
            for each in rights:
                if each not in there:
                    raise UnknownRight(f"{key} was not given the right to send as {each}")
                self._rows("DELETE FROM send_as WHERE user = ? AND address = ?", key, each)
        return key

    def rights(self, name: str) -> tuple[str, ...]:
        """The addresses that an account was given the right to send as, in order."""
        with self._translated():
            return tuple(sorted(self._rights(parse_key(name))))

    def _rights(self, key: str) -> set[str]:
        return {
            str(row[0]) for row in self._rows("SELECT address FROM send_as WHERE user = ?", key)
        }
