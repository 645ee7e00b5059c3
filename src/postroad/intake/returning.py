"""A directory in which rewritten addresses of ours lead back to those that they stand for.

It stands before the directory of accounts, where addresses are asked for that mail comes to. An
address of the form that `srs` makes is an alias for the sender that was rewritten, if it was
signed here and is not too old; otherwise nobody has it, and a stranger who made it up is refused
like one who guessed a name. So a bounce passes policy, and is sent on, by the rules that every
recipient passes by. An account whose name happens to have that form keeps its mail.

The domain that addresses are rewritten to takes mail even where nobody has an account in it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from postroad.directory import Alias, DirectoryUnavailable, Mailbox, Resolution, Standing, Unknown
from postroad.directory.names import domain_form
from postroad.intake.srs import Fault, undone
from postroad.intake.srs_keys import DAY, KeysUnavailable, SrsKeys
from postroad.model import Address

__all__ = ["Named", "Returning"]


class Named(Protocol):
    """The directory behind."""

    async def is_local(self, domain: str) -> bool:
        """Whether mail for the domain ends here."""
        ...

    async def standing(self, domain: str) -> Standing | None:
        """What the domain is to us."""
        ...

    async def resolve(self, address: Address) -> Resolution:
        """Who has the address."""
        ...

    async def is_named(self, address: Address) -> bool:
        """Whether exactly this name is an account's or an alias'."""
        ...

    async def owns(self, user: str, address: Address, *, catch_all: bool = False) -> bool:
        """Whether the address is the account's."""
        ...


class Returning:
    """Wraps a directory."""

    def __init__(
        self,
        directory: Named,
        domain: str,
        keys: SrsKeys,
        *,
        maximum_age: int,
        clock: Callable[[], float],
        report: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Nothing is read yet.

        Args:
            directory: asked for everything else.
            domain: of the addresses that we make.
            keys: those that may have signed them.
            maximum_age: days for which one may be used.
            clock: seconds since the epoch.
            report: takes a line for the log about an address that leads nowhere.
        """
        self._report = report
        self._directory = directory
        self._domain = domain_form(domain)
        self._keys = keys
        self._maximum_age = maximum_age
        self._clock = clock

    async def is_local(self, domain: str) -> bool:
        """See `Directory.is_local`."""
        return await self._directory.is_local(domain) or domain_form(domain) == self._domain

    async def standing(self, domain: str) -> Standing | None:
        """See `Directory.standing`."""
        found = await self._directory.standing(domain)
        if found is None and domain_form(domain) == self._domain:
            return Standing.LOCAL
        return found

    async def resolve(self, address: Address) -> Resolution:
        """See `Directory.resolve`."""
        if not address.is_rewritten or domain_form(address.domain) != self._domain:
            return await self._directory.resolve(address)
        back = self.undone(address)
        if isinstance(back, Address):
            return Alias((back,))
        # Not what a catch-all gets: these addresses are made up, or were good once.
        found = await self._directory.resolve(address)
        if isinstance(found, Mailbox) or (isinstance(found, Alias) and found.user):
            return found
        self._report(f"<{address}> leads back to nobody: {back.value}")
        return Unknown()

    async def is_named(self, address: Address) -> bool:
        """See `Chain.is_named`: what stands for a foreign sender is nobody's name."""
        return await self._directory.is_named(address)

    async def owns(self, user: str, address: Address, *, catch_all: bool = False) -> bool:
        """See `Directory.owns`: what stands for a foreign sender is nobody's here."""
        if address.is_rewritten and domain_form(address.domain) == self._domain:
            return False
        return await self._directory.owns(user, address, catch_all=catch_all)

    def leads_back(self, address: Address) -> bool:
        """Whether an address stands for a foreign sender.

        Raises:
            DirectoryUnavailable: the keys cannot be read.
        """
        if not address.is_rewritten or domain_form(address.domain) != self._domain:
            return False
        return isinstance(self.undone(address), Address)

    def undone(self, address: Address) -> Address | Fault:
        """Whom an address of the domain stands for, or why it stands for nobody.

        Raises:
            DirectoryUnavailable: the keys cannot be read; the bounce has to wait.
        """
        try:
            keys = self._keys.all()
        except KeysUnavailable as error:
            raise DirectoryUnavailable(str(error)) from error
        return undone(address, keys, int(self._clock() // DAY), self._maximum_age)
