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

    async def check(self, name: str, password: str) -> NoReturn:  # noqa: ARG002 - part of it too
        """See `Backend.check`."""
        self._refuse()

    async def close(self) -> None:
        """Nothing is open."""

    def _refuse(self) -> NoReturn:
        raise DirectoryUnavailable(self._reason)
