"""Who may send to a group, asked at RCPT when policy has nothing against the recipient.

A group is closed by its own rule, whatever restriction lists say; a list that is for its members is
no use as one that strangers reach. `logged-in` asks for a login. `members` goes by the sender,
or by the account of who logged in: a reverse-path can be made up, so this keeps out whoever does
not know the members, not whoever wants in.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from postroad.directory import DirectoryUnavailable
from postroad.directory.embedded.groups import ClosedGroup, Senders
from postroad.directory.names import address_form
from postroad.model import Address, Login, Reply

__all__ = ["GroupRules"]

_UNKNOWN = Reply.of(451, "4.3.0", "Error: temporary lookup failure")
_WORDS = {
    Senders.MEMBERS: "only its members may send to this group",
    Senders.LOGGED_IN: "only users who have logged in may send to this group",
}


class GroupRules:
    """Refuses what may not be sent to a group."""

    def __init__(
        self,
        may_be: Callable[[Address], bool],
        find: Callable[[Address], Awaitable[ClosedGroup | None]],
    ) -> None:
        """Take what it needs.

        Args:
            may_be: whether an address may be a closed group, for nearly nothing.
            find: the closed group that it is.
        """
        self.may_be = may_be
        self._find = find

    async def senders(self, address: Address) -> Senders:
        """Who may send to an address, as far as its being a group says so.

        Raises:
            DirectoryUnavailable: it cannot be said now.
        """
        group = await self._find(address) if self.may_be(address) else None
        return Senders.EVERYBODY if group is None else group.senders

    async def refusal(
        self, address: Address, sender: Address | None, login: Login | None
    ) -> Reply | None:
        """The refusal of a recipient; `None`: it is no closed group, or open to this sender.

        Args:
            address: the recipient, of which `may_be` is true.
            sender: the reverse-path.
            login: who logged in.
        """
        try:
            group = await self._find(address)
        except DirectoryUnavailable:
            return _UNKNOWN
        if group is None or _may(group, sender, login):
            return None
        words = f"<{address}>: Recipient address rejected: {_WORDS[group.senders]}"
        return Reply.of(550, "5.7.1", words)


def _may(group: ClosedGroup, sender: Address | None, login: Login | None) -> bool:
    match group.senders:
        case Senders.EVERYBODY:
            return True
        case Senders.LOGGED_IN:
            return login is not None
        case Senders.MEMBERS:
            if sender is not None and str(address_form(sender)) in group.members:
                return True
            return login is not None and login.user in group.members
