"""Policy's questions about accounts, put to the directory. The two packages are strangers."""

from __future__ import annotations

from postroad.directory import Unknown
from postroad.model import Address
from postroad.policy.facts import Elsewhere
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

    async def is_local(self, domain: str) -> bool:
        """Whether mail for the domain ends here, or is passed on for it."""
        if await answered(self._directory.is_local(domain)):
            return True
        return self._relayed is not None and await self._relayed.has(domain)

    async def is_listed(self, address: Address) -> bool | Elsewhere:
        """Whether an address in such a domain receives mail."""
        if self._more and address.key in self._more:
            return True
        if not isinstance(await answered(self._directory.resolve(address)), Unknown):
            return True
        return False if self._relayed is None else await self._relayed.is_listed(address)

    async def owns(self, user: str, address: Address) -> bool:
        """Whether the account may send as the address."""
        return await self._ownership.owns(user, address)

    async def has_owner(self, address: Address) -> bool:
        """Whether the address is anybody's here."""
        return await self._ownership.has_owner(address)
