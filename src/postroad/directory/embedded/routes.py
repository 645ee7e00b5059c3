"""Where mail for very many addresses would go: the checks of an import, at once for all of them.

The editor looks at one change by asking the rules; for a hundred thousand aliases that takes too
long. Here the aliases are in memory, and the rules are asked only for addresses that are neither a
name of an account nor of an alias: with an extension, caught, or in an alias domain.
"""

from __future__ import annotations

import sqlite3

from postroad.directory.embedded.lookups import Lookups
from postroad.directory.interface import Alias, Unknown
from postroad.directory.names import address_form
from postroad.model import Address

__all__ = ["Routes"]

_SHOWN = 10
"""Addresses of a loop that are named."""


class Routes:
    """Reads all aliases once.

    Args:
        connection: within the transaction that is to be looked at.
        lookups: over the same connection.
    """

    def __init__(self, connection: sqlite3.Connection, lookups: Lookups) -> None:
        self._lookups = lookups
        self._ours: dict[str, bool] = {}
        self._users = {str(row[0]) for row in connection.execute("SELECT name FROM users")}
        self._beyond: dict[str, list[str] | None] = {}
        for source, target in connection.execute("SELECT source, target_key FROM aliases"):
            known = self._beyond.setdefault(str(source), [])
            if known is not None:
                known.append(str(target))
        self._safe: set[str] = set()  # no loop begins here

    def is_nobody(self, form: str) -> bool:
        """Whether an address is in a domain of ours and nobody has it."""
        return self._targets(form) is None

    def leads_to(self, form: str, name: str) -> bool:
        """Whether mail for an address reaches one of this name on its way, or at once."""
        seen, ways = {form}, [form]
        while ways:
            way = ways.pop()
            if way == name:
                return True
            new = [each for each in self._targets(way) or () if each not in seen]
            seen.update(new)
            ways.extend(new)
        return False

    def loop_from(self, source: str) -> str:
        """The addresses that mail for a source would go round, in words; empty if none."""
        if source in self._safe:
            return ""
        way = [source]
        open_ = {source}
        ends = [iter(self._followed(source))]
        while ends:
            following = next(ends[-1], None)
            if following is None:
                ends.pop()
                done = way.pop()
                open_.discard(done)
                self._safe.add(done)
            elif following in open_:
                return " -> ".join([*way[way.index(following) :][:_SHOWN], following])
            elif following not in self._safe:
                way.append(following)
                open_.add(following)
                ends.append(iter(self._followed(following)))
        return ""

    def _followed(self, form: str) -> list[str]:
        """What mail goes on to; where an account keeps a copy, it has come to rest."""
        targets = self._targets(form) or []
        return [] if form in targets and form in self._users else targets

    def _targets(self, form: str) -> list[str] | None:
        """The targets of an address, none for an account or elsewhere; `None`: nobody has it."""
        if form not in self._beyond:
            self._beyond[form] = [] if form in self._users else self._asked(form)
        return self._beyond[form]

    def _asked(self, form: str) -> list[str] | None:
        domain = form.rpartition("@")[2]
        if domain not in self._ours:
            self._ours[domain] = self._lookups.is_local(domain)
        if not self._ours[domain] or form.startswith("@"):
            return []
        address = Address.parse(form)
        answer = self._lookups.resolve(address)
        if isinstance(answer, Unknown):
            return None
        if not isinstance(answer, Alias):
            return []
        # Another spelling of an alias leads by way of it, so that it is met under its own name.
        real = self._lookups.real(address_form(address))
        name = str(Address(real.local.removesuffix(answer.extension), real.domain))
        if name != form and self._beyond.get(name):
            return [name]
        return [str(address_form(each)) for each in answer.targets]
