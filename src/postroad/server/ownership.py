"""Whose an address is: as whom a user may send.

Three may say so. The directory knows an account's own address, with extension, the aliases that
deliver to it, and the rights that it was given there. `[login] send_as` grants others, ours or
foreign. And a table in the form of Postfix's `smtpd_sender_login_maps`, where there is one, takes
the directory's place: then an address that is not in it is nobody's.

An address has an owner if anybody here may send as it, and also if it exists here and nobody may,
as the alias of people elsewhere: what strangers and `reject_known_sender_login_mismatch` may use is
only what is not ours. So whatever a user owns has an owner.

A catch-all makes nobody an owner unless the operator says so: who reads what is mistyped need not
be the one who may write in every name there is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable
from typing import Protocol, TypeVar

from postroad.directory import Alias, DirectoryUnavailable, Mailbox, Unknown, account_of
from postroad.directory.names import address_form, without_extension
from postroad.model import Address
from postroad.policy import LookupUnavailable
from postroad.server.authorization import ActAs, name_form

__all__ = ["Maps", "Ownership", "Owning", "Rights", "SenderLogins", "answered"]

MAX_STEPS = 100
"""Addresses looked at to find out who an alias leads to; whoever stands behind more may not send as
it through another server. As many as a directory itself follows."""

_NOTHING_GRANTED = ActAs({})

_Answer = TypeVar("_Answer")


class Owning(Protocol):
    """The part of a directory that policy needs. Methods may raise `DirectoryUnavailable`."""

    async def is_local(self, domain: str) -> bool:
        """Whether mail for the domain ends here."""
        ...

    async def resolve(self, address: Address) -> Mailbox | Alias | Unknown:
        """What an address of ours stands for."""
        ...

    async def is_named(self, address: Address) -> bool:
        """Whether exactly this name is an account's or an alias', by no rule but that."""
        ...

    async def owns(self, user: str, address: Address, *, catch_all: bool) -> bool:
        """Whether the address is the account's."""
        ...


class Rights(Protocol):
    """What else a directory says of who may send as whom. May raise `DirectoryUnavailable`."""

    async def granted(self, address: Address) -> frozenset[str]:
        """The accounts that were given the right to send as an address."""
        ...

    async def senders(self, address: Address) -> frozenset[str] | None:
        """Those who may send as it in the place of whom its mail reaches; `None`: nobody is."""
        ...

    async def logging_in(self, address: Address) -> str | None:
        """The account of exactly this name, if it can log in and nothing is known of its mail."""
        ...


class _NoRights:
    async def granted(self, address: Address) -> frozenset[str]:  # noqa: ARG002 - of an interface
        return frozenset()

    async def senders(self, address: Address) -> frozenset[str] | None:  # noqa: ARG002
        return None

    async def logging_in(self, address: Address) -> str | None:  # noqa: ARG002
        return None


class Maps(Protocol):
    """The operator's tables. `find` may raise `LookupUnavailable`."""

    async def find(self, table: str, key: str) -> str | None:
        """What a table has for a key."""
        ...

    def takes_parts(self, table: str) -> bool:
        """Whether parts of an address are keys too."""
        ...


class SenderLogins:
    """A table in the form of `smtpd_sender_login_maps`: the logins that own an address.

    Keys are looked up in Postfix's order: `user@domain` with its extension and without, `user`,
    `@domain`; the first that is there counts. The value is a list of logins with commas or white
    space between. A key or a login without a domain is of the first of our domains, as Postfix's
    is of `$myorigin`: there may be a john in others too.
    """

    def __init__(self, table: str, tables: Maps, *, delimiters: str, domain: str) -> None:
        """Owners by a table.

        Args:
            table: `TYPE:REST`.
            tables: who reads it.
            delimiters: the characters that begin an address extension.
            domain: the first of our domains; empty where there is none.
        """
        self._table = table
        self._tables = tables
        self._delimiters = delimiters
        self._domain = domain

    async def allows(self, user: str, address: Address) -> bool:
        """Whether the user is among the owners of an address; see `owners`."""
        return self._login(user) in await self.owners(address)

    async def owners(self, address: Address) -> tuple[str, ...]:
        """The logins that own an address, in the form in which names are compared.

        Raises:
            LookupUnavailable: the table cannot be asked.
        """
        for key in self._keys(address):
            value = await self._tables.find(self._table, key)
            if value is not None:
                return tuple(self._login(each) for each in value.replace(",", " ").split())
        return ()

    def _keys(self, address: Address) -> list[str]:
        form = address_form(address)
        plain = without_extension(form, self._delimiters)
        if not self._tables.takes_parts(self._table):
            return [str(form)]
        keys = [str(form)] if plain is None else [str(form), str(plain)]
        if self._domain and form.domain == self._domain:
            keys += [each.local for each in (form, plain) if each is not None]
        return [*keys, f"@{form.domain}"]

    def _login(self, text: str) -> str:
        if "@" not in text and self._domain:
            text = f"{text}@{self._domain}"
        return name_form(text)


class Ownership:
    """Answers whose an address is."""

    def __init__(
        self,
        directory: Owning,
        *,
        granted: ActAs = _NOTHING_GRANTED,
        catch_all: bool = False,
        logins: SenderLogins | None = None,
        rights: Rights | None = None,
    ) -> None:
        """An ownership.

        Args:
            directory: knows accounts and aliases.
            granted: `[login] send_as`: addresses that accounts may send as besides.
            catch_all: `[login] catch_all_senders`.
            logins: `[login] sender_login_maps`: asked in the directory's place.
            rights: what else the directory says; `None`: nothing.
        """
        self._directory = directory
        self._granted = granted
        self._grants = frozenset[str]().union(*granted.others.values())
        self._catch_all = catch_all
        self._logins = logins
        self._rights = rights or _NoRights()

    async def owns(self, user: str, address: Address) -> bool:
        """Whether the user may send as the address.

        Raises:
            LookupUnavailable: it cannot be found out now.
        """
        if self._grants and self._granted.allows(user, str(address)):
            return True
        if self._logins is not None:
            return await self._logins.allows(user, address)
        directory = self._directory
        return await answered(directory.owns(user, address, catch_all=self._catch_all))

    async def has_owner(self, address: Address) -> bool:
        """Whether the address is anybody's here.

        Raises:
            LookupUnavailable: it cannot be found out now.
        """
        if self._is_granted(address):
            return True
        if self._logins is not None:
            return bool(await self._logins.owners(address))
        if await answered(self._rights.granted(address)):
            return True
        if await answered(self._rights.senders(address)) is not None:
            return True
        if not await answered(self._directory.is_local(address.domain)):
            return False
        if not isinstance(await answered(self._directory.resolve(address)), Unknown):
            return True
        return await answered(self._rights.logging_in(address)) is not None

    async def owners(self, address: Address) -> tuple[str, ...] | None:
        """The accounts that may send as the address; `None` where it is nobody's here.

        For those who decide by a list, as a Postfix with `smtpd_sender_login_maps` does. An address
        that is ours and leads to nobody here (an alias of people elsewhere) has owners, none.

        Raises:
            LookupUnavailable: it cannot be found out now.
        """
        granted = self._granted.others if self._grants else ()
        found = [user for user in granted if self._granted.allows(user, str(address))]
        if self._logins is not None:
            found += await self._logins.owners(address)
        else:
            found += await self._by_directory(address)
        if not found and not await self.has_owner(address):
            return None
        return tuple(dict.fromkeys(found))

    async def _by_directory(self, address: Address) -> list[str]:
        """The accounts for which the directory's `owns` holds."""
        found = sorted(await answered(self._rights.granted(address)))
        said = await answered(self._rights.senders(address))
        if said is not None:
            return [*found, *sorted(said)]
        for user in await self._reached(address):
            if await self.owns(user, address):
                found.append(user)
        if await answered(self._directory.is_local(address.domain)):
            alone = await answered(self._rights.logging_in(address))
            found += [] if alone is None else [alone]
        return found

    async def _reached(self, address: Address) -> list[str]:
        """The accounts that mail to the address comes to, over at most `MAX_STEPS` steps."""
        steps, seen, found = deque([address]), {address_form(address)}, list[str]()
        for _ in range(MAX_STEPS):
            if not steps:
                break
            answer = await answered(self._directory.resolve(steps.popleft()))
            if user := account_of(answer):
                found.append(user)
            elif isinstance(answer, Alias):
                fresh = [each for each in answer.targets if address_form(each) not in seen]
                seen.update(map(address_form, fresh))
                steps.extend(fresh)
        return found

    def _is_granted(self, address: Address) -> bool:
        if not self._grants:
            return False
        form = address_form(address)
        return str(form) in self._grants or f"@{form.domain}" in self._grants


async def answered(question: Awaitable[_Answer]) -> _Answer:
    """A directory's answer, its failure as policy knows it."""
    try:
        return await question
    except DirectoryUnavailable as error:
        raise LookupUnavailable(str(error)) from error
