"""The embedded directory as one `Backend` among others.

Alone, it answers each address with one query (`lookups`). Where other directories stand beside it,
the rules are those of `rules`, over all of them, and the embedded one is asked name by name.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from postroad.directory.backend import Account
from postroad.directory.embedded.logins import Logins
from postroad.directory.embedded.lookups import Lookups
from postroad.directory.interface import Alias, Standing
from postroad.model import Address

__all__ = ["EmbeddedBackend"]

_Answer = TypeVar("_Answer")


class Ask(Protocol):
    """Puts a question to the database, and waits while it is locked."""

    def __call__(self, question: Callable[[], _Answer]) -> Awaitable[_Answer]: ...


class EmbeddedBackend:
    """Implements `Backend`.

    Args:
        lookups: finds addresses.
        logins: finds accounts.
        ask: puts questions to them.
    """

    def __init__(self, lookups: Lookups, logins: Logins, ask: Ask) -> None:
        self._lookups = lookups
        self._logins = logins
        self._ask = ask

    async def has_domain(self, domain: str) -> bool:
        """See `Backend.has_domain`."""
        return await self._ask(lambda: self._lookups.standing(domain) is Standing.LOCAL)

    async def account(self, name: str) -> Account | None:
        """See `Backend.account`."""
        found = await self._ask(lambda: self._logins.account(name))
        if found is None:
            return None
        place = await self._ask(lambda: self._lookups.place(found.name))
        return Account(found.name, found.enabled, found.credentials, place)

    async def alias(self, source: str) -> Alias | None:
        """See `Backend.alias`."""
        return await self._ask(lambda: self._lookups.alias(source))

    async def check(
        self,
        name: str,  # noqa: ARG002 - part of the interface
        password: str,  # noqa: ARG002
        address: str = "",  # noqa: ARG002
    ) -> bool | None:
        """See `Backend.check`; every account here has credentials."""
        return None

    def key(self, login: str) -> str:
        """See `Backend.key`."""
        return login

    async def close(self) -> None:
        """The directory closes itself."""

    async def real(self, form: Address) -> Address:
        """The address that one in an alias domain stands for; any other as it is."""
        return await self._ask(lambda: self._lookups.real(form))

    async def matched(self, form: Address) -> Alias | None:
        """The targets of the first pattern that fits an address that nobody has."""
        return await self._ask(lambda: self._lookups.pattern(form))

    async def grants(self, user: str, address: Address) -> bool:
        """Whether the account was given the right to send as the address (`user send-as`)."""
        return await self._ask(lambda: self._lookups.grants(user, address))
