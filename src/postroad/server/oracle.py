"""Policy's questions, put to the directory. The two packages do not know each other."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol, TypeVar

from postroad.directory import Alias, DirectoryUnavailable, Mailbox, Unknown
from postroad.model import Address
from postroad.policy import LookupUnavailable

__all__ = ["DirectoryOracle", "Owning"]

_Answer = TypeVar("_Answer")


class Owning(Protocol):
    """The part of a directory that policy needs."""

    async def is_local(self, domain: str) -> bool:
        """Whether mail for the domain ends here."""
        ...

    async def resolve(self, address: Address) -> Mailbox | Alias | Unknown:
        """What an address of ours stands for."""
        ...

    async def owns(self, user: str, address: Address) -> bool:
        """Whether the account may send as the address."""
        ...


class DirectoryOracle:
    """Implements policy's `Oracle` over a directory."""

    def __init__(self, directory: Owning) -> None:
        """An oracle.

        Args:
            directory: who knows.
        """
        self._directory = directory

    async def is_local(self, domain: str) -> bool:
        """Whether mail for the domain ends here."""
        return await _answered(self._directory.is_local(domain))

    async def is_listed(self, address: Address) -> bool:
        """Whether an address in a local domain receives mail."""
        return not isinstance(await _answered(self._directory.resolve(address)), Unknown)

    async def owns(self, user: str, address: Address) -> bool:
        """Whether the account may send as the address."""
        return await _answered(self._directory.owns(user, address))

    async def has_owner(self, address: Address) -> bool:
        """Whether any account here may send as the address: it is ours, and it exists."""
        return await self.is_local(address.domain) and await self.is_listed(address)


async def _answered(question: Awaitable[_Answer]) -> _Answer:
    try:
        return await question
    except DirectoryUnavailable as error:
        raise LookupUnavailable(str(error)) from error
