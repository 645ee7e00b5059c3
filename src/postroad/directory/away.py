"""A directory that could not be opened: every question about it waits for the operator."""

from __future__ import annotations

from typing import NoReturn

from postroad.directory.interface import DirectoryUnavailable

__all__ = ["AwayBackend"]


class AwayBackend:
    """Implements `Backend` by knowing nothing.

    Args:
        reason: why, for the log.
    """

    def __init__(self, reason: str) -> None:
        self._reason = reason

    async def has_domain(self, domain: str) -> NoReturn:  # noqa: ARG002 - part of the interface
        """See `Backend.has_domain`."""
        self._refuse()

    async def account(self, name: str) -> NoReturn:  # noqa: ARG002 - part of the interface
        """See `Backend.account`."""
        self._refuse()

    async def alias(self, source: str) -> NoReturn:  # noqa: ARG002 - part of the interface
        """See `Backend.alias`."""
        self._refuse()

    async def check(
        self,
        name: str,  # noqa: ARG002 - part of the interface
        password: str,  # noqa: ARG002
        address: str = "",  # noqa: ARG002
    ) -> NoReturn:
        """See `Backend.check`."""
        self._refuse()

    def key(self, login: str) -> str:
        """See `Backend.key`."""
        return login

    async def close(self) -> None:
        """Nothing is open."""

    def _refuse(self) -> NoReturn:
        raise DirectoryUnavailable(self._reason)
