"""Accounts in an LDAP directory: what is searched for, and what an entry says of an account.

Two forms, as Dovecot has them. In the search form a filter finds the account's entry; its password
is either read from it (any scheme of Dovecot's or OpenLDAP's) or checked by a login as that entry.
In the bind form the entry's name is made from the address, and nothing is searched for.

An account's name is what its entry says. Servers compare loosely (blanks, widths of letters), so
the entry that was found must hold the name as it was asked for, in the attribute that the filter or
the name compares, or say in another one (`user`) whose it is (`names`).

What a stranger wrote goes into filters and names quoted, value by value (`tables.ldap_quoting`), so
that it can neither widen a search nor move to another branch. Who asks is a `Tree`, so that all
this can be tried without a server, and without the library.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from postroad.directory.backend import Account
from postroad.directory.identities import Identities
from postroad.directory.interface import Alias, DirectoryUnavailable, Place
from postroad.directory.ldap.names import EntryNames, first_part
from postroad.directory.ldap.settings import LdapSettings
from postroad.directory.names import looked_at
from postroad.directory.passwords.credentials import Credentials
from postroad.directory.passwords.schemes import StoredHash, read_hash
from postroad.directory.placeholders import filled_in, uses
from postroad.directory.userdb import UserdbMistake
from postroad.model import Address, AddressError
from postroad.tables.ldap_quoting import quoted_in_filter, quoted_in_name

__all__ = ["LdapBackend", "Tree"]

_PLACE = ("home", "mail", "uid", "gid", "quota_rule")
_ANY = "(objectClass=*)"
_MD5 = "{md5}"
_YES = frozenset({"true", "yes", "1", "active", "enabled"})
_NO = frozenset({"false", "no", "0", "inactive", "disabled"})

Entry = Mapping[str, tuple[str, ...]]


class Tree(Protocol):
    """A directory that is asked. Methods may raise `DirectoryUnavailable`."""

    async def search(
        self,
        base: str,
        scope: str,
        wanted: str,
        attributes: Sequence[str],
        *,
        may_lack: bool = False,
    ) -> Sequence[Entry]:
        """The entries that a filter finds, their names as `dn`, all names in lower case.

        A base that is not there is no answer, but where it `may_lack`.
        """
        ...

    async def lets_in(self, name: str, password: str) -> bool:
        """Whether the password is the one of that distinguished name."""
        ...

    async def close(self) -> None:
        """Hang up."""
        ...


class LdapBackend:
    """Implements `Backend`.

    Args:
        settings: what is asked.
        tree: who answers; closed by `close`.
    """

    def __init__(self, settings: LdapSettings, tree: Tree) -> None:
        self._settings = settings
        self._tree = tree
        self._identities = Identities()
        self._attributes = {use: name.lower() for use, name in settings.attributes.items()}
        reads = not settings.auth_bind and bool(settings.user_filter) and not settings.bind_dn
        if reads:
            self._attributes.setdefault("password", "userpassword")
        else:
            self._attributes.pop("password", None)
        self._reads_password = reads
        wanted = settings.user_filter or first_part(settings.bind_dn)
        self._names = EntryNames(wanted, self._attributes.get("user", ""))
        self._may_lack = uses(settings.base, "usnd")
        asked = settings.base + settings.user_filter if settings.user_filter else settings.bind_dn
        self._sees_local, self._sees_domain = uses(asked, "usn"), uses(asked, "usd")

    async def has_domain(self, domain: str) -> bool:
        """See `Backend.has_domain`."""
        wanted = self._settings.domain_filter
        if not wanted:
            return False
        base = filled_in(self._settings.base, f"@{domain}", quoted_in_name)
        found = await self._search(base, _filter(wanted, f"@{domain}", domain), ())
        return bool(found)

    async def account(self, name: str) -> Account | None:
        """See `Backend.account`."""
        entry = await self._entry(name)
        if entry is None:
            return None
        return Account(
            self._names.canonical(name, entry),
            enabled=self._enabled(entry),
            credentials=self._credentials(entry),
            place=await self._place(entry),
            forward=_alias(name, self._values(entry, "forward")),
        )

    async def alias(self, source: str) -> Alias | None:
        """See `Backend.alias`."""
        attribute, wanted = self._attributes.get("alias"), self._settings.alias_filter
        if not attribute or not wanted:
            return None
        base = filled_in(self._settings.base, source, quoted_in_name)
        found = await self._search(base, _filter(wanted, source), (attribute,))
        return _alias(source, [value for entry in found for value in entry.get(attribute, ())])

    async def check(
        self,
        name: str,
        password: str,
        address: str = "",  # noqa: ARG002
    ) -> bool | None:
        """See `Backend.check`."""
        if self._reads_password:
            return None
        if self._settings.bind_dn:
            return await self._tree.lets_in(self._name_of(name), password)
        entry = await self._entry(name)
        if entry is None:
            # As long as for one that is there: the name of nobody is asked about.
            base = filled_in(self._settings.base, name, quoted_in_name)
            await self._tree.lets_in(f"cn=nobody,{base}" if base else "cn=nobody", password)
            return False
        return await self._tree.lets_in(entry["dn"][0], password)

    def key(self, login: str) -> str:
        """See `Backend.key`: what the base and the filter, or the entry's name, hold of it."""
        return looked_at(login, local=self._sees_local, domain=self._sees_domain)

    async def close(self) -> None:
        """See `Backend.close`."""
        await self._tree.close()

    def _name_of(self, name: str) -> str:
        return filled_in(self._settings.bind_dn, name, quoted_in_name)

    async def _entry(self, name: str) -> Entry | None:
        """The account's entry; one that is another's by its own words is none.

        Raises:
            DirectoryUnavailable: there is no answer, or there are two of that name.
        """
        settings = self._settings
        said = {value for use, value in self._attributes.items() if use != "alias"}
        reads = tuple(sorted(said | self._names.compared))
        if settings.user_filter:
            base = filled_in(settings.base, name, quoted_in_name)
            wanted = _filter(settings.user_filter, name)
            found = await self._search(base, wanted, reads)
        else:
            named = self._name_of(name)
            found = await self._tree.search(named, "base", _ANY, reads, may_lack=True)
        if len(found) > 1:
            # Whose password, and whose mail? Nobody's, until the operator says which.
            raise DirectoryUnavailable(f"{len(found)} entries are the account {name}")
        return found[0] if found and self._names.is_of(name, found[0]) else None

    async def _search(self, base: str, wanted: str, reads: Sequence[str]) -> Sequence[Entry]:
        scope = self._settings.scope
        return await self._tree.search(base, scope, wanted, reads, may_lack=self._may_lack)

    def _values(self, entry: Entry, use: str) -> tuple[str, ...]:
        attribute = self._attributes.get(use)
        return () if attribute is None else entry.get(attribute, ())

    def _enabled(self, entry: Entry) -> bool:
        for value in self._values(entry, "enabled"):
            word = value.strip().lower()
            if word not in _YES | _NO:
                raise DirectoryUnavailable(f"{value[:40]!r} says not whether an account is enabled")
            if word in _NO:
                return False
        return True

    def _credentials(self, entry: Entry) -> Credentials | None:
        """What is kept of the password; an entry may have several, and the first usable counts.

        RFC 4519 §2.41 has passwords in clear text where no scheme is named.
        """
        if not self._reads_password:
            return None
        hashes = [_as_dovecot_writes(value) for value in self._values(entry, "password")]
        for stored in hashes:
            if isinstance(read_hash(stored, "PLAIN"), StoredHash) and stored:
                return Credentials(stored, default="PLAIN")
        return Credentials(hashes[0] if hashes else "", default="PLAIN" if hashes else "CRYPT")

    async def _place(self, entry: Entry) -> Place:
        found = {use: values[0] for use in _PLACE if (values := self._values(entry, use))}
        try:
            return await self._identities.place(found)
        except UserdbMistake as mistake:
            raise DirectoryUnavailable(str(mistake)) from mistake


def _filter(text: str, address: str, plain: str = "") -> str:
    """A filter with everything in its place, in parentheses (RFC 4515 §3)."""
    filled = filled_in(text, plain or address, quoted_in_filter)
    return filled if filled.startswith("(") else f"({filled})"


def _as_dovecot_writes(stored: str) -> str:
    """A hash as `schemes` reads it: what OpenLDAP calls MD5 is no crypt hash (RFC 2307 §5.3)."""
    if stored[:5].lower() == _MD5 and not stored[5:].startswith("$"):
        return f"{{LDAP-MD5}}{stored[5:]}"
    return stored


def _alias(source: str, values: Sequence[str]) -> Alias | None:
    if not values:
        return None
    return Alias(tuple(dict.fromkeys(_target(source, value) for value in values)))


def _target(source: str, value: str) -> Address:
    text = value.strip()
    if text.lower().startswith("mailto:"):  # RFC 3986 form of rfc822MailMember's kin
        text = text[len("mailto:") :]
    try:
        return Address.parse(text)
    except AddressError as error:
        # To pass it over would lose the mail of whoever it is meant for.
        raise DirectoryUnavailable(f"{source} leads to {value[:60]!r}: {error}") from error
