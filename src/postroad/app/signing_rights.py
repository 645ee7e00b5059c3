"""In whose name users may have mail signed: as they may send, by accounts, aliases and `[login]`.

Apart from who signs, which commands load that know nothing of logins.
"""

from __future__ import annotations

from postroad.model import Address
from postroad.model.journal import Journal, Level, Notice
from postroad.policy import LookupUnavailable
from postroad.server.from_header import Owners

__all__ = ["SigningRights"]


class SigningRights:
    """Implements `mailauth.dkim.signing.Writers`."""

    def __init__(self, owners: Owners, journal: Journal) -> None:
        """Take what it needs.

        Args:
            owners: know whose an address is.
            journal: where events go.
        """
        self._owners = owners
        self._journal = journal

    async def may_write(self, user: str, author: str) -> bool:
        """See `Writers.may_write`."""
        try:
            return await self._owners.owns(user, Address.parse(author))
        except LookupUnavailable as error:
            words = f"it cannot be found out whether <{author}> is {user}'s own: {error}"
            self._journal(Notice("dkim", words, Level.WARNING))
            return False
