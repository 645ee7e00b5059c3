"""The questions a directory is asked, as SQL, one call each.

Synchronous and short: a look-up in the page cache takes some ten microseconds, less than handing
it to a thread would. Nothing is cached here (`memory` does that). `embedded` runs these on the
event loop; `editor` runs them inside a change, to see whether it would make sense.

The rules of an address, in this order; the first that fits answers:

1. the alias of exactly this name; if an account has it too, the alias is the account's forward;
2. the account of exactly this name;
3. the same two for the address without its extension (`john+lists@…` is `john@…`);
4. the first pattern that fits it, or fits it without its extension, where patterns are switched on;
5. the catch-all `@domain` of its domain, unless the address is one of that catch-all's own
   targets: a target nobody has would otherwise go round for ever;
6. for `postmaster`, which every domain must have (RFC 5321 §4.5.1): the oldest enabled account
   of the domain or, if the domain has none, of the server.

An address in a domain that is an alias of another is the same address there, before all that.
`<Postmaster>` without a domain is that of the first domain in the configuration, or the first in
the directory. Nobody has an address whose domain is not ours, whatever rows are left of it.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from postroad.directory.embedded.alias_patterns import AliasPatterns
from postroad.directory.embedded.groups import ClosedGroup, Senders
from postroad.directory.embedded.mistake import UnusablePattern
from postroad.directory.interface import (
    Alias,
    DirectoryUnavailable,
    Mailbox,
    Place,
    Resolution,
    Standing,
    Unknown,
)
from postroad.directory.names import address_form, domain_form, without_extension
from postroad.model import Address, AddressError

__all__ = ["Lookups"]

MAX_OWNER_STEPS = 100  # look-ups: about two milliseconds of the event loop

_CANDIDATES = """
SELECT 'domain', 0, alias_of, recipients FROM domains WHERE name = ?1
UNION ALL
SELECT 'user', id, name, '' FROM users WHERE name IN (?2, ?3)
UNION ALL
SELECT 'alias', id, source, target FROM aliases WHERE source IN (?2, ?3, ?4)
UNION ALL
SELECT 'group', 0, name, owner FROM groups WHERE name IN (?2, ?3) AND owner != ''
ORDER BY 2
"""
_PATTERNS = "SELECT pattern, target FROM patterns ORDER BY id"
_NAMED = "SELECT 1 FROM users WHERE name = ?1 UNION ALL SELECT 1 FROM aliases WHERE source = ?1"
_GRANTED = "SELECT 1 FROM send_as WHERE user = ? AND address IN (?, ?)"


@dataclass(slots=True)
class _Candidates:
    """What an address could mean, by the names that have it.

    Attributes:
        alias_of: the domain that its domain stands for.
        users: the accounts.
        aliases: the targets of aliases.
        owners: of groups.
    """

    alias_of: str = ""
    users: set[str] = field(default_factory=set)
    aliases: dict[str, tuple[Address, ...]] = field(default_factory=dict)
    owners: dict[str, Address] = field(default_factory=dict)


class Lookups:
    """Reads a directory database through one connection, in that connection's thread.

    Args:
        connection: from `schema`; stays the caller's to close.
        domains: the domains of the configuration, which are ours besides those of the database.
        delimiters: the characters that begin an address extension.
        patterns: whether there are aliases by regular expression.

    Every method raises `sqlite3.Error` as it comes; the caller knows whether to wait.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        domains: Sequence[str],
        delimiters: str,
        *,
        patterns: bool = False,
    ) -> None:
        self._connection = connection
        self._domains = dict.fromkeys(domain_form(domain) for domain in domains)
        self._delimiters = delimiters
        self._patterns = AliasPatterns() if patterns else None

    @property
    def has_patterns(self) -> bool:
        """Whether aliases by regular expression are switched on."""
        return self._patterns is not None

    @property
    def configured_domains(self) -> tuple[str, ...]:
        """The domains of the configuration, each once, in the form they are compared in."""
        return tuple(self._domains)

    def is_local(self, domain: str) -> bool:
        """Whether the domain is ours; see `Directory.is_local`."""
        return self.standing(domain) is Standing.LOCAL

    def standing(self, domain: str) -> Standing | None:
        """What the domain is to us; see `Directory.standing`."""
        form = domain_form(domain)
        if not form or form in self._domains:
            return Standing.LOCAL
        row = self._domain(form)
        if row is None:
            return None
        alias_of, recipients = row
        if alias_of:  # of a domain that has gone meanwhile, it is nobody's
            here = alias_of in self._domains or self._domain(alias_of) == ("", "")
            return Standing.LOCAL if here else None
        return Standing.RELAYED if recipients else Standing.LOCAL

    def recipients(self, domain: str) -> str:
        """Which addresses of a relayed domain take mail; empty for one that is not relayed."""
        form = domain_form(domain)
        row = None if form in self._domains else self._domain(form)
        return "" if row is None or row[0] else row[1]

    def real(self, form: Address) -> Address:
        """The address that one in an alias domain stands for; any other as it is.

        Args:
            form: in the form of `names`.
        """
        if form.domain in self._domains:
            return form
        row = self._domain(form.domain)
        return form if row is None or not row[0] else Address(form.local, row[0])

    def resolve(self, address: Address, *, catch_all: bool = True) -> Resolution:
        """Who has the address, by the rules above.

        Args:
            address: any.
            catch_all: whether the fourth and the fifth one hold; if not, whom they would answer
                for is unknown.
        """
        form = address_form(address)
        if not form.domain:
            return self._postmaster_of_the_server(form)
        plain = without_extension(form, self._delimiters)
        found = self._candidates(form, plain)
        real = ""
        if found is not None and found.alias_of:
            real = found.alias_of
            form = Address(form.local, found.alias_of)
            plain = None if plain is None else Address(plain.local, found.alias_of)
            found = self._candidates(form, plain)
        if found is None or found.alias_of:  # an alias of an alias stands for nothing
            return Unknown()
        names = (form,) if plain is None else (form, plain)
        for name in names:
            key = str(name)
            if targets := found.aliases.get(key):
                user = key if key in found.users else ""
                return Alias(targets, found.owners.get(key), user, form.local[len(name.local) :])
            if key in found.users:
                return Mailbox(key, real)
        if targets := self._matched(names):
            return Alias(targets) if catch_all else Unknown()
        caught = found.aliases.get(f"@{form.domain}", ())
        if caught and form not in map(address_form, caught):
            return Alias(caught) if catch_all else Unknown()
        return self._postmaster(names[-1], real)

    def alias(self, source: str) -> Alias | None:
        """The alias of exactly this name, an address in the form of `names` or `@domain`."""
        sql = "SELECT target FROM aliases WHERE source = ? ORDER BY id"
        targets = tuple(_target(source, str(row[0])) for row in self._rows(sql, source))
        row = self._one("SELECT owner FROM groups WHERE name = ? AND owner != ''", source)
        owner = None if row is None else _target(source, str(row[0]))
        return Alias(targets, owner) if targets else None

    def pattern(self, form: Address) -> Alias | None:
        """The targets of the first pattern that fits, for an address that nobody has."""
        plain = without_extension(form, self._delimiters)
        targets = self._matched((form,) if plain is None else (form, plain))
        return Alias(targets) if targets else None

    def place(self, user: str) -> Place:
        """What is kept of where an account's mail lies; see `Places.place`."""
        row = self._one("SELECT quota_bytes, quota_messages FROM users WHERE name = ?", user)
        if row is None:
            return Place()
        octets, messages = (None if each is None else int(str(each)) for each in row)
        return Place(quota_bytes=octets, quota_messages=messages)

    def grants(self, user: str, address: Address) -> bool:
        """Whether the account was given the right to send as the address."""
        form = self.real(address_form(address))
        return self._one(_GRANTED, user, str(form), f"@{form.domain}") is not None

    def closed_group(self, address: Address) -> ClosedGroup | None:
        """The group that an address is, if not everybody may send to it."""
        form = self.real(address_form(address))
        plain = without_extension(form, self._delimiters)
        for name in (str(form),) if plain is None else (str(form), str(plain)):
            row = self._one("SELECT senders FROM groups WHERE name = ?", name)
            if row is None:
                if self._one(_NAMED, name) is not None:
                    return None  # the address is something else
                continue
            senders = Senders(row[0])
            if senders is Senders.EVERYBODY:
                return None
            sql = "SELECT target_key FROM aliases WHERE source = ?"
            members = frozenset(str(each) for (each,) in self._connection.execute(sql, (name,)))
            return ClosedGroup(name, senders, members)
        return None

    def owns(self, user: str, address: Address, *, catch_all: bool = False) -> bool:
        """Whether the account may send as the address.

        It may if mail to the address reaches it over at most `MAX_OWNER_STEPS` steps, or if it was
        given the right. Where an account forwards its mail, the address stays its own alone.

        A wider alias than that counts as not owned unless the account is met before the end. On
        the way, where an alias names an address that is caught, a catch-all always counts.

        Args:
            user: the account.
            address: any.
            catch_all: whether an address is owned that a catch-all or a pattern alone leads to the
                account.
        """
        if self.grants(user, address):
            return True
        steps = deque([address])
        seen = {address_form(address)}
        for step in range(MAX_OWNER_STEPS):
            if not steps:
                return False
            answer = self.resolve(steps.popleft(), catch_all=catch_all or step > 0)
            if isinstance(answer, Unknown):
                continue
            if answer.user == user:
                return True
            if isinstance(answer, Alias) and not answer.user:
                for target in answer.targets:
                    form = address_form(target)
                    if form not in seen:
                        seen.add(form)
                        # The account itself first: a long list of others cannot hide it.
                        (steps.appendleft if str(form) == user else steps.append)(target)
        return False

    def _candidates(self, form: Address, plain: Address | None) -> _Candidates | None:
        """What the address could mean; `None` if its domain is not ours."""
        ours = form.domain in self._domains
        found = _Candidates()
        key = str(form)
        wanted = (form.domain, key, key if plain is None else str(plain), f"@{form.domain}")
        for kind, _, name, text in self._connection.execute(_CANDIDATES, wanted):
            if kind == "domain":
                if not ours:
                    found.alias_of = name
                    ours = not text  # a relayed one ends elsewhere
            elif kind == "user":
                found.users.add(name)
            elif kind == "group":
                found.owners[name] = _target(name, text)
            else:
                found.aliases[name] = (*found.aliases.get(name, ()), _target(name, text))
        return found if ours else None

    def _matched(self, names: Sequence[Address]) -> tuple[Address, ...]:
        """The targets of the first pattern that fits."""
        if self._patterns is None:
            return ()
        rows = self._connection.execute(_PATTERNS).fetchall()
        try:
            answers = (self._patterns.answer(rows, each) for each in names) if rows else ()
            return next((each for each in answers if each), ())
        except UnusablePattern as error:
            raise DirectoryUnavailable(str(error)) from error

    def _domain(self, form: str) -> tuple[str, str] | None:
        row = self._one("SELECT alias_of, recipients FROM domains WHERE name = ?", form)
        return None if row is None else (str(row[0]), str(row[1]))

    def _postmaster(self, form: Address, real: str) -> Mailbox | Unknown:
        if form.local != "postmaster":
            return Unknown()
        row = self._one(
            "SELECT name FROM users WHERE domain = ? AND enabled = 1 ORDER BY id LIMIT 1",
            form.domain,
        ) or self._one("SELECT name FROM users WHERE enabled = 1 ORDER BY id LIMIT 1")
        return Unknown() if row is None else Mailbox(str(row[0]), real)

    def _postmaster_of_the_server(self, form: Address) -> Resolution:
        if form.local != "postmaster":
            return Unknown()
        row = self.configured_domains or self._one("SELECT name FROM domains ORDER BY name LIMIT 1")
        return self.resolve(Address(form.local, str(row[0]))) if row else Unknown()

    def _rows(self, sql: str, *parameters: str) -> list[tuple[object, ...]]:
        return self._connection.execute(sql, parameters).fetchall()

    def _one(self, sql: str, *parameters: str) -> tuple[object, ...] | None:
        row: tuple[object, ...] | None = self._connection.execute(sql, parameters).fetchone()
        return row


def _target(source: str, text: str) -> Address:
    try:
        return Address.parse(text)
    except AddressError as error:
        # Only a hand that edits the file can cause this; refusing the mail would lose it.
        raise DirectoryUnavailable(f"alias {source}: target {text!r}: {error}") from error
