"""Policy's questions about accounts, put to the directory. The two packages are strangers."""

from __future__ import annotations

from postroad.directory import Unknown
from postroad.model import Address
from postroad.server.ownership import Ownership, Owning, answered

__all__ = ["DirectoryOracle"]


class DirectoryOracle:
    """Implements policy's `Accounts` over a directory, and over who owns which address."""

    def __init__(
        self,
        directory: Owning,
        ownership: Ownership | None = None,
        more: frozenset[str] = frozenset(),
    ) -> None:
        """An oracle.

        Args:
            directory: who knows.
            ownership: as whom users may send; `None`: as the directory says, and nothing more.
            more: addresses (`Address.key`) that take mail without being anybody's.
        """
        self._more = more
        self._directory = directory
        self._ownership = Ownership(directory) if ownership is None else ownership

    async def is_local(self, domain: str) -> bool:
        """Whether mail for the domain ends here."""
        return await answered(self._directory.is_local(domain))

    async def is_listed(self, address: Address) -> bool:
        """Whether an address in a local domain receives mail."""
        if self._more and address.key in self._more:
            return True
        return not isinstance(await answered(self._directory.resolve(address)), Unknown)

    async def owns(self, user: str, address: Address) -> bool:
        """Whether the account may send as the address."""
        return await self._ownership.owns(user, address)

    async def has_owner(self, address: Address) -> bool:
        """Whether the address is anybody's here."""
        return await self._ownership.has_owner(address)
