"""Policy's questions about accounts, put to the directory. The two packages are strangers."""

from __future__ import annotations

from postroad.directory import Alias, Mailbox, Unknown
from postroad.directory.names import address_form
from postroad.model import Address
from postroad.policy.destination import is_routed
from postroad.policy.facts import Elsewhere, Passing
from postroad.server.ownership import Ownership, Owning, answered
from postroad.server.relayed import RelayedDomains

__all__ = ["DirectoryOracle"]


class DirectoryOracle:
    """Implements policy's `Accounts` over a directory, and over who owns which address."""

    def __init__(
        self,
        directory: Owning,
        ownership: Ownership | None = None,
        more: frozenset[str] = frozenset(),
        relayed: RelayedDomains | None = None,
    ) -> None:
        """An oracle.

        Args:
            directory: who knows.
            ownership: as whom users may send; `None`: as the directory says, and nothing more.
            more: addresses (`Address.key`) that take mail without being anybody's.
            relayed: knows the domains that we pass mail on for; `None`: there are none.
        """
        self._relayed = relayed
        self._more = more
        self._directory = directory
        self._ownership = Ownership(directory) if ownership is None else ownership

    async def is_local(self, domain: str) -> bool | Passing:
        """Whether mail for the domain ends here, or is passed on for it."""
        if await answered(self._directory.is_local(domain)):
            return True
        if self._relayed is not None and await self._relayed.has(domain):
            return Passing.RELAYED
        return False

    async def is_listed(self, address: Address) -> bool | Elsewhere:
        """Whether an address in such a domain receives mail."""
        if self._more and address.key in self._more:
            return True
        found = await answered(self._directory.resolve(address))
        if isinstance(found, Unknown):
            return False if self._relayed is None else await self._relayed.is_listed(address)
        if is_routed(address) and not await self._ends_here(address, found):
            return Elsewhere.CARRIED
        return True

    async def _ends_here(self, address: Address, found: Mailbox | Alias) -> bool:
        """Whether a route in a local part goes no further: it is part of somebody's very name.

        Whatever else takes such a name may pass it on as it is: an extension that goes to the
        alias' target, a catch-all that stands for a whole domain, a mailbox at another server.
        """
        if not await answered(self._directory.is_named(address)):
            return False
        own = address_form(address)
        targets = map(address_form, found.targets if isinstance(found, Alias) else ())
        return not any(is_routed(target) and target != own for target in targets)

    async def owns(self, user: str, address: Address) -> bool:
        """Whether the account may send as the address."""
        return await self._ownership.owns(user, address)

    async def has_owner(self, address: Address) -> bool:
        """Whether the address is anybody's here."""
        return await self._ownership.has_owner(address)
