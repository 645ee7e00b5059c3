"""The questions a directory is asked, as SQL, one call each.

Synchronous and short: a look-up in the page cache takes some ten microseconds, less than handing
it to a thread would. Nothing is cached here (`memory` does that). `embedded` runs these on the
event loop; `editor` runs them inside a change, to see whether it would make sense.

The rules of an address, in this order; the first that fits answers:

1. the account of exactly this name;
2. the alias of exactly this name;
3. the same two for the address without its extension (`john+lists@…` is `john@…`);
4. the catch-all `@domain` of its domain, unless the address is one of that catch-all's own
   targets: a target nobody has would otherwise go round for ever;
5. for `postmaster`, which every domain must have (RFC 5321 §4.5.1): the oldest enabled account
   of the domain or, if the domain has none, of the server.

`<Postmaster>` without a domain is that of the first domain in the configuration, or the first in
the directory. Nobody has an address whose domain is not ours, whatever rows are left of it.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Sequence

from postroad.directory.interface import (
    Alias,
    DirectoryUnavailable,
    Mailbox,
    Resolution,
    Unknown,
)
from postroad.directory.names import address_form, domain_form, without_extension
from postroad.model import Address, AddressError

__all__ = ["Lookups"]

MAX_OWNER_STEPS = 100  # look-ups: about two milliseconds of the event loop

_CANDIDATES = """
SELECT 'domain', 0, name, '' FROM domains WHERE name = ?1
UNION ALL
SELECT 'user', id, name, '' FROM users WHERE name IN (?2, ?3)
UNION ALL
SELECT 'alias', id, source, target FROM aliases WHERE source IN (?2, ?3, ?4)
ORDER BY 2
"""


class Lookups:
    """Reads a directory database through one connection, in that connection's thread.

    Args:
        connection: from `schema`; stays the caller's to close.
        domains: the domains of the configuration, which are ours besides those of the database.
        delimiters: the characters that begin an address extension.

    Every method raises `sqlite3.Error` as it comes; the caller knows whether to wait.
    """

    def __init__(
        self, connection: sqlite3.Connection, domains: Sequence[str], delimiters: str
    ) -> None:
        self._connection = connection
        self._domains = dict.fromkeys(domain_form(domain) for domain in domains)
        self._delimiters = delimiters

    @property
    def configured_domains(self) -> tuple[str, ...]:
        """The domains of the configuration, each once, in the form they are compared in."""
        return tuple(self._domains)

    def is_local(self, domain: str) -> bool:
        """Whether the domain is ours; see `Directory.is_local`."""
        form = domain_form(domain)
        if not form or form in self._domains:
            return True
        return self._one("SELECT 1 FROM domains WHERE name = ?", form) is not None

    def resolve(self, address: Address, *, catch_all: bool = True) -> Resolution:
        """Who has the address, by the rules above.

        Args:
            address: any.
            catch_all: whether the fourth one holds; if not, who is caught by it is unknown.
        """
        form = address_form(address)
        if not form.domain:
            return self._postmaster_of_the_server(form)
        plain = without_extension(form, self._delimiters)
        found = self._candidates(form, plain)
        if found is None:
            return Unknown()
        users, aliases = found
        for candidate in (form,) if plain is None else (form, plain):
            if str(candidate) in users:
                return Mailbox(str(candidate))
            if targets := aliases.get(str(candidate)):
                return Alias(targets)
        caught = aliases.get(f"@{form.domain}", ())
        if caught and form not in map(address_form, caught):
            return Alias(caught) if catch_all else Unknown()
        return self._postmaster(form if plain is None else plain)

    def owns(self, user: str, address: Address, *, catch_all: bool = False) -> bool:
        """Whether mail to the address reaches the account, over at most `MAX_OWNER_STEPS` steps.

        A wider alias than that counts as not owned unless the account is met before the end. On
        the way, where an alias names an address that is caught, a catch-all always counts.

        Args:
            user: the account.
            address: any.
            catch_all: whether an address is owned that a catch-all alone leads to the account.
        """
        steps = deque([address])
        seen = {address_form(address)}
        for step in range(MAX_OWNER_STEPS):
            if not steps:
                return False
            answer = self.resolve(steps.popleft(), catch_all=catch_all or step > 0)
            if isinstance(answer, Mailbox) and answer.user == user:
                return True
            if isinstance(answer, Alias):
                for target in answer.targets:
                    form = address_form(target)
                    if form not in seen:
                        seen.add(form)
                        # The account itself first: a long list of others cannot hide it.
                        (steps.appendleft if str(form) == user else steps.append)(target)
        return False

    def _candidates(
        self, form: Address, plain: Address | None
    ) -> tuple[set[str], dict[str, tuple[Address, ...]]] | None:
        """The accounts and aliases the address could mean; `None` if its domain is not ours."""
        local = form.domain in self._domains
        users: set[str] = set()
        aliases: dict[str, tuple[Address, ...]] = {}
        key = str(form)
        wanted = (form.domain, key, key if plain is None else str(plain), f"@{form.domain}")
        for kind, _, name, target in self._connection.execute(_CANDIDATES, wanted):
            if kind == "domain":
                local = True
            elif kind == "user":
                users.add(name)
            else:
                aliases[name] = (*aliases.get(name, ()), _target(name, target))
        return (users, aliases) if local else None

    def _postmaster(self, form: Address) -> Mailbox | Unknown:
        if form.local != "postmaster":
            return Unknown()
        row = self._one(
            "SELECT name FROM users WHERE domain = ? AND enabled = 1 ORDER BY id LIMIT 1",
            form.domain,
        ) or self._one("SELECT name FROM users WHERE enabled = 1 ORDER BY id LIMIT 1")
        return Unknown() if row is None else Mailbox(str(row[0]))

    def _postmaster_of_the_server(self, form: Address) -> Resolution:
        if form.local != "postmaster":
            return Unknown()
        row = self.configured_domains or self._one("SELECT name FROM domains ORDER BY name LIMIT 1")
        return self.resolve(Address(form.local, str(row[0]))) if row else Unknown()

    def _one(self, sql: str, *parameters: str) -> tuple[object, ...] | None:
        row: tuple[object, ...] | None = self._connection.execute(sql, parameters).fetchone()
        return row


def _target(source: str, text: str) -> Address:
    try:
        return Address.parse(text)
    except AddressError as error:
        # Only a hand that edits the file can cause this; refusing the mail would lose it.
        raise DirectoryUnavailable(f"alias {source}: target {text!r}: {error}") from error
