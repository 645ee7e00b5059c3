"""Accounts and aliases in text files: Dovecot's passwd-file, Postfix's virtual and alias files.

The files stay the operator's: they are read, never written, and followed when they change
(`followed`, and `postfix_tables` for what Postfix has as a table). A file with a mistake changes
nothing. Everything is in memory, so an answer costs microseconds.

Names without a domain live in one domain, `default_domain`: `me` of the passwd-file is the account
`me@default_domain`. In the other `local_domains` the same name is another address of that account,
as with Postfix's mydestination. What stands as an alias and as an account is an account whose mail
goes where the alias says, as with Postfix, which looks for aliases first; an alias that names
itself keeps a copy.

It knows no rules of extensions and catch-alls (`rules`), but for one case: `@example.net` with the
target `@example.org` keeps the local part, and only who sees the whole address can do that.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

from postroad.directory.backend import Account
from postroad.directory.files.alias_file import AliasFile, read_alias_files
from postroad.directory.files.followed import Followed, Made
from postroad.directory.files.passwd_file import PasswdEntry, canonical_name, read_passwd_file
from postroad.directory.files.postfix_tables import PostfixTables
from postroad.directory.files.settings import FilesSettings
from postroad.directory.interface import Alias, DirectoryUnavailable, Place
from postroad.directory.names import address_form, domain_form, without_extension
from postroad.directory.passwords.credentials import Credentials
from postroad.directory.variables import Format
from postroad.model import Address, AddressError
from postroad.tables.extents import Extents
from postroad.tables.source import read
from postroad.tables.table import Warn, ignore

__all__ = ["FilesBackend", "aliases_of", "passwd_of"]

_NO_PASSWORD = Credentials("")


class FilesBackend:
    """Implements `Backend`, `NamesLogins`, `ListsAccounts` and `ReadsFiles`.

    Tables are read at once, so that a long one holds up no session, the other files when they are
    first asked for, in a thread. What cannot be read makes it unavailable, and it looks again.

    Args:
        settings: its keys.
        domains: those it has besides the ones of its tables, in any form.
        default_domain: where names without a domain live.
        default_scheme: of stored hashes without braces, where `settings` names none.
        delimiters: the characters that begin an address extension.
        report: takes a line for the log that an operator should act on.
        inform: takes one that is only worth knowing.
        now: seconds of a clock that only goes on.
        wall: seconds since the epoch, as files have them.
        extents: what is known of files; `None`: what this object sees.

    Raises:
        FormatMistake: `username_format` cannot be used.
    """

    def __init__(
        self,
        settings: FilesSettings,
        *,
        domains: Sequence[str],
        default_domain: str,
        default_scheme: str = "CRYPT",
        delimiters: str = "",
        report: Callable[[str], None],
        inform: Callable[[str], None] = ignore,
        now: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        extents: Extents | None = None,
    ) -> None:
        self._settings = settings
        self._scheme = settings.default_scheme or default_scheme
        self._format = Format(settings.username_format)
        self._home = domain_form(default_domain)
        self._local = frozenset(map(domain_form, settings.local_domains)) | {self._home}
        self._domains = frozenset(map(domain_form, domains)) | self._local
        self._delimiters = delimiters
        extents = extents or Extents(wall)
        self._tables = PostfixTables(
            settings,
            self._home,
            self._local,
            report=report,
            inform=inform,
            now=now,
            wall=wall,
            extents=extents,
        )
        followed = partial(
            Followed, report=report, inform=inform, now=now, wall=wall, extents=extents
        )
        self._passwd: Followed[Mapping[str, PasswdEntry]] | None = None
        if settings.passwd is not None:
            make = partial(passwd_of, settings, self._home, self._scheme, report)
            self._passwd = followed(str(settings.passwd), make, paths=(settings.passwd,))
        self._aliases: Followed[AliasFile] | None = None
        if settings.aliases:
            paths = ", ".join(map(str, settings.aliases))
            read_all = partial(aliases_of, settings, self._home, report)
            self._aliases = followed(paths, read_all, paths=settings.aliases)

    async def has_domain(self, domain: str) -> bool:
        """See `Backend.has_domain`."""
        return domain in self._domains or await self._tables.has_domain(domain)

    async def account(self, name: str) -> Account | None:
        """See `Backend.account`."""
        entry = None if self._passwd is None else (await self._passwd.get()).get(name)
        place = await self._tables.place(name)
        if entry is None and place is None:
            held = None if self._passwd is None else self._passwd.held
            if held is not None and name in held:
                words = f"{name} is new in it, and it seems to be cut"
                raise DirectoryUnavailable(f"{self._settings.passwd}: {words}")
            return None
        if entry is not None and entry.fault:
            raise DirectoryUnavailable(entry.fault)
        forward = _forward(name, await self._exact(name))
        if entry is None:
            account = Account(name, True, _NO_PASSWORD, place or Place(), forward=forward)
        else:
            account = entry.account(name, self._scheme, place, forward)
        return replace(account, doubt=await self._doubt(name, entry))

    def take_as_they_are(self) -> None:
        """See `ReadsFiles.take_as_they_are`."""
        self._tables.take_as_they_are()
        for followed in (self._passwd, self._aliases):
            if followed is not None:
                followed.take_as_it_is()

    async def _doubt(self, name: str, entry: PasswdEntry | None) -> str:
        """Why nobody may log in as an account by what the files said before."""
        held = None if self._passwd is None else self._passwd.held
        if held is not None and held.get(name) != entry:
            return f"{self._settings.passwd}: {name} is not the same in it, and it seems to be cut"
        return "" if entry is not None else await self._tables.doubt(name)

    async def accounts(self) -> Sequence[Account] | None:
        """See `ListsAccounts.accounts`; a line with a mistake in it counts, and is disabled."""
        names = set[str]() if self._passwd is None else set(await self._passwd.get())
        listed = await self._tables.names()
        if listed is None:
            return None
        return [await self._listed(name) for name in sorted(names | listed)]

    async def _listed(self, name: str) -> Account:
        with suppress(DirectoryUnavailable):
            found = await self.account(name)
            if found is not None:
                return found
        return Account(name, enabled=False)

    async def alias(self, source: str) -> Alias | None:
        """See `Backend.alias`."""
        if source.startswith("@"):
            return await self._tables.caught(source)
        return await self._exact(source) or await self._moved(source)

    async def check(
        self,
        name: str,  # noqa: ARG002 - part of the interface
        password: str,  # noqa: ARG002
        address: str = "",  # noqa: ARG002
    ) -> bool | None:
        """See `Backend.check`: every account has its credentials here."""
        return None

    async def named(self, login: str) -> str | None:
        """See `NamesLogins.named`: an account's own name, or what `username_format` makes of it."""
        if self._passwd is None:
            return None
        accounts = await self._passwd.get()
        held = self._passwd.held or {}
        for text in (login, self._format.of(login)):
            try:
                name = canonical_name(text, self._home)
            except AddressError:
                continue
            if name in accounts or name in held:  # which `account` then cannot answer
                return name
        return None

    def key(self, login: str) -> str:
        """See `Backend.key`: what `username_format` makes of it."""
        try:
            return canonical_name(self._format.of(login), self._home)
        except AddressError:
            return login

    async def close(self) -> None:
        """See `Backend.close`."""
        await self._tables.close()

    async def _exact(self, source: str) -> Alias | None:
        """The alias of exactly this address, in `virtual` or else in `aliases`."""
        found = await self._tables.alias(source)
        if found is not None:
            return found
        local, _, domain = source.rpartition("@")
        if self._aliases is None or domain not in self._local:
            return None
        found_in, name = await self._aliases.get(), _unquoted(local)
        if name in found_in.broken:
            raise DirectoryUnavailable(found_in.broken[name])
        alias = found_in.aliases.get(name)
        held = self._aliases.held
        if alias is None and held is not None and name in held.aliases:
            raise DirectoryUnavailable(f"{source} is a new alias in a file that seems to be cut")
        return alias

    async def _moved(self, source: str) -> Alias | None:
        """Where a whole domain goes, or a name of one of the local domains, if nobody is there."""
        local, _, domain = source.rpartition("@")
        plain = without_extension(Address(local, domain), self._delimiters)
        if domain in self._local and domain != self._home:
            at_home = f"{local}@{self._home}"
            if await self.account(at_home) is not None:
                return Alias((Address.parse(at_home),))
        elsewhere = await self._tables.moved(domain)
        if not elsewhere:
            return None
        if plain is not None and (await self._exact(str(plain)) or await self.account(str(plain))):
            return None
        alias = self._tables.targets(source, f"{local}{elsewhere}")
        return alias and replace(alias, mapped=True)


def passwd_of(
    settings: FilesSettings, default_domain: str, default_scheme: str, warn: Warn
) -> Made[Mapping[str, PasswdEntry]]:
    """The accounts of the passwd-file, and what it looked like.

    Raises:
        TableMistake: it cannot be used.
    """
    assert settings.passwd is not None
    text, seen = read(settings.passwd)
    entries = read_passwd_file(
        text,
        settings.passwd,
        default_domain=default_domain,
        default_scheme=default_scheme,
        warn=warn,
    )
    return entries, {settings.passwd: seen}


def aliases_of(settings: FilesSettings, default_domain: str, warn: Warn) -> Made[AliasFile]:
    """What the files of aliases say, and what they looked like.

    Raises:
        TableMistake: one cannot be used.
    """
    return read_alias_files(
        settings.aliases,
        domain=default_domain,
        commands=settings.allow_commands,
        files=settings.allow_files,
        warn=warn,
    )


def _forward(name: str, alias: Alias | None) -> Alias | None:
    """Where an account's mail goes; an alias that names the account alone says nothing."""
    if alias is None or all(str(address_form(target)) == name for target in alias.targets):
        return None
    return replace(alias, user=name)


def _unquoted(local: str) -> str:
    """The local part of an address's text, as a file of aliases has it."""
    return Address.parse(f"{local}@x").local if local.startswith('"') else local
