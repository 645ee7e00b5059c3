"""In whose name users may have mail signed: as they may send, by accounts, aliases and `[login]`.

Programs of this machine may write as whom `[sendmail] sender_check` lets them send: as anybody,
where that is off.

Apart from who signs, which commands load that know nothing of logins.
"""

from __future__ import annotations

from postroad.app.pickup_allowance import user_of
from postroad.maildrop.settings import SendmailSettings
from postroad.maildrop.submission import may_send_as
from postroad.model import Address, Login
from postroad.model.client import BY_THE_SYSTEM
from postroad.model.journal import Journal, Level, Notice
from postroad.policy import LookupUnavailable
from postroad.server.from_header import Owners

__all__ = ["SigningRights"]


class SigningRights:
    """Implements `mailauth.dkim.signing.Writers`."""

    def __init__(
        self, owners: Owners, sendmail: SendmailSettings, origin: str, journal: Journal
    ) -> None:
        """Take what it needs.

        Args:
            owners: know whose an address is.
            sendmail: as whom programs may send.
            origin: the domain of addresses that have none.
            journal: where events go.
        """
        self._owners = owners
        self._sendmail = sendmail
        self._origin = origin
        self._journal = journal

    async def may_write(self, login: Login, author: str) -> bool:
        """See `Writers.may_write`."""
        user, address = login.user, Address.parse(author)
        if login.mechanism == BY_THE_SYSTEM:
            program = user_of(int(user.removeprefix("uid=")))
            return may_send_as(address, program, self._sendmail, self._origin)
        try:
            return await self._owners.owns(user, address)
        except LookupUnavailable as error:
            words = f"it cannot be found out whether <{author}> is {user}'s own: {error}"
            self._journal(Notice("dkim", words, Level.WARNING))
            return False
