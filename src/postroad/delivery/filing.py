"""Into which of an account's folders a message goes: the seam for rules of users.

The local transport asks a `Filing` for each recipient, and stores a copy in each folder that it
names. What is here knows one rule only, that of address extensions: mail for `john+lists` goes to
john's folder `lists`. The folder's name comes from a stranger then, so whatever cannot be the name
of a folder is none, and the inbox takes the message: nothing is refused for a name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from postroad.mailbox.folder import INBOX, FolderName
from postroad.model import StoredMessage, StoredRecipient

__all__ = ["TO_INBOX", "DetailFiling", "Filed", "Filing", "InboxFiling", "folder_of_detail"]


@dataclass(frozen=True, slots=True)
class Filed:
    """One copy.

    Attributes:
        folder: where it goes.
        create: whether the folder is made if it is not there; else the inbox takes the copy.
        why: for the operator to read, where the folder is not the usual one; else empty.
    """

    folder: FolderName = INBOX
    create: bool = False
    why: str = ""


TO_INBOX = (Filed(),)


class Filing(Protocol):
    """Who says where a message goes."""

    async def file(
        self, user: str, recipient: StoredRecipient, message: StoredMessage
    ) -> Sequence[Filed]:
        """The folders for a message, the same each time it is asked of the same one.

        Args:
            user: the account's canonical name.
            recipient: as the message reached it.
            message: as it is stored.

        Returns:
            One for each copy; none: the message is not kept.
        """
        ...


class InboxFiling:
    """All mail goes to the inbox."""

    async def file(self, _: str, __: StoredRecipient, ___: StoredMessage) -> Sequence[Filed]:
        """See `Filing.file`."""
        return TO_INBOX


class DetailFiling:
    """Implements `Filing` by address extensions, as Dovecot's lmtp_save_to_detail_mailbox.

    Args:
        delimiters: the characters that begin an extension.
        create: whether folders are made.
    """

    def __init__(self, delimiters: str, *, create: bool) -> None:
        self._delimiters = delimiters
        self._create = create

    async def file(
        self, user: str, recipient: StoredRecipient, _: StoredMessage
    ) -> Sequence[Filed]:
        """See `Filing.file`."""
        folder = folder_of_detail(user, recipient.address.local, self._delimiters)
        return TO_INBOX if folder.is_inbox else (Filed(folder, self._create),)


def folder_of_detail(user: str, local: str, delimiters: str) -> FolderName:
    """The folder that an address names; the inbox, where it names none.

    Args:
        user: the account's canonical name.
        local: the part of the address before the `@`.
        delimiters: the characters that begin an extension.
    """
    try:
        return FolderName.parse(_detail(user, local, delimiters) or "INBOX")
    except ValueError:
        return INBOX


def _detail(user: str, local: str, delimiters: str) -> str:
    """What follows the first delimiter; nothing where that is a part of the account's name."""
    if local.lower() == user.rpartition("@")[0]:
        return ""
    for at, character in enumerate(local):
        if at and character in delimiters:
            return local[at + 1 :]
    return ""
