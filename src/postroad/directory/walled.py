"""A directory that may name only accounts of the domains it is asked about.

A row, an entry or an answer can name another account than the one that was looked for. A directory
that is restricted to one domain is trusted with the accounts of that domain, and with nobody
else's: otherwise whoever fills it could log in as, and get the mail of, any account of the server.
Such a name is no answer. It knows no configuration; the chain says which domains count.
"""

from __future__ import annotations

from collections.abc import Callable

from postroad.directory.backend import Account, Backend
from postroad.directory.interface import Alias, DirectoryUnavailable

__all__ = ["WalledBackend"]


class WalledBackend:
    """Implements `Backend` over another.

    Args:
        name: of the section, for the log.
        backend: who is asked; stays the caller's to close.
        is_asked_about: whether the directory is asked about a domain, in the form of `names`.
    """

    def __init__(self, name: str, backend: Backend, is_asked_about: Callable[[str], bool]) -> None:
        self._name = name
        self._backend = backend
        self._is_asked_about = is_asked_about

    async def has_domain(self, domain: str) -> bool:
        """See `Backend.has_domain`."""
        return await self._backend.has_domain(domain)

    async def account(self, name: str) -> Account | None:
        """See `Backend.account`."""
        found = await self._backend.account(name)
        if found is not None:
            self._look_at(name, found.name)
        return found

    async def alias(self, source: str) -> Alias | None:
        """See `Backend.alias`."""
        return await self._backend.alias(source)

    async def check(self, name: str, password: str, address: str = "") -> str | bool | None:
        """See `Backend.check`."""
        found = await self._backend.check(name, password, address)
        if isinstance(found, str):
            self._look_at(name, found)
        return found

    def key(self, login: str) -> str:
        """See `Backend.key`."""
        return self._backend.key(login)

    async def close(self) -> None:
        """Nothing of its own is open."""

    def _look_at(self, asked: str, found: str) -> None:
        if found != asked and not self._is_asked_about(found.rpartition("@")[2]):
            raise DirectoryUnavailable(
                f"directory {self._name}: it names {found} for {asked}, and is not asked about"
                " that domain"
            )
