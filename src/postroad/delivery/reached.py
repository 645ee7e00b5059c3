"""Which mailboxes of ours mail for an address comes to, as far as it is asked about at RCPT.

It follows aliases as intake does, but only to say whether a mailbox at their end is worth asking:
it gives up early, and knows nothing of notices, extensions or loops. What it cannot say is
nothing: then nobody is asked, and delivery will know.

A list with an owner is not asked about at all. Its mail is the owner's from there on, who hears
what a member's mailbox has no room for (RFC 5321 §3.9.2); one full member is no reason to keep
mail from the others.
"""

from __future__ import annotations

from typing import Protocol

from postroad.directory import Alias, Mailbox, Resolution
from postroad.model import Address

__all__ = ["MOST_REACHED", "Resolving", "reached"]

MAX_ALIASES = 5  # followed from one address to the next: an alias of an alias, and a few more
MOST_REACHED = 20  # addresses that one leads to; beyond, it is a list, and nobody is asked


class Resolving(Protocol):
    """Who knows which account has an address; a directory does."""

    async def resolve(self, address: Address) -> Resolution:
        """Who has the address; may raise `DirectoryUnavailable`."""
        ...


async def reached(address: Address, accounts: Resolving) -> dict[str, Address]:
    """The accounts that mail for an address comes to, each with the address that is its own.

    Args:
        address: of a recipient.
        accounts: who knows.

    Returns:
        By the account's name; empty if it comes to none, or to too many, or to a list's members.

    Raises:
        DirectoryUnavailable: the directory cannot answer now.
    """
    found: dict[str, Address] = {}
    followed = {address.key}
    level = [address]
    for _ in range(MAX_ALIASES):
        behind: list[Address] = []
        for each in level:
            answer = await accounts.resolve(each)
            if isinstance(answer, Mailbox):
                found.setdefault(answer.user, each)
            elif isinstance(answer, Alias):
                if answer.owner is not None:
                    return {}
                if answer.user in map(str, answer.targets):  # it forwards, and keeps a copy
                    found.setdefault(answer.user, each)
                if len(followed) + len(answer.targets) > MOST_REACHED:
                    return {}
                behind += [target for target in answer.targets if target.key not in followed]
                followed.update(target.key for target in answer.targets)
        if not behind:
            return found
        level = behind
    return {}
