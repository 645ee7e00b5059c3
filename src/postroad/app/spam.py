"""Services that look at mail, as a worker asks them, and what accounts think of their scores."""

from __future__ import annotations

from typing import Protocol

from postroad.config import Configuration
from postroad.directory import Alias, DirectoryUnavailable, Resolution, account_of
from postroad.filters.scoring import Wish
from postroad.filters.settings import FilterKind
from postroad.filters.thresholds import Thresholds
from postroad.model import Address

__all__ = ["AccountWishes", "Accounts", "are_marks_ours", "marks_from_outside_go", "remark_on"]

_WHO_MARK: frozenset[FilterKind] = frozenset(
    {"builtin", "spamassassin", "rspamd", "milter", "python"}
)
"""Filters that may say what is spam."""

_MOST_STEPS = 10  # aliases of aliases, as there may be circles


class Accounts(Protocol):
    """Who knows which account has an address; a directory does."""

    async def resolve(self, address: Address) -> Resolution:
        """Who has the address; may raise `DirectoryUnavailable`."""
        ...


class AccountWishes:
    """Whose an address is, and what thresholds its account has; implements `Wishes`."""

    def __init__(self, accounts: Accounts, thresholds: Thresholds) -> None:
        """Nothing is asked yet.

        Args:
            accounts: knows whose an address is.
            thresholds: of accounts.
        """
        self._accounts = accounts
        self._thresholds = thresholds

    async def wish(self, address: Address) -> Wish | None:
        """See `Wishes.wish`."""
        thresholds = await self._thresholds.all()
        if not thresholds:
            return Wish()
        try:
            user = await _account(self._accounts, address)
        except DirectoryUnavailable:
            return None
        return thresholds.get(user, Wish())

    async def account(self, address: Address) -> str:
        """The account that gets mail for an address alone.

        Empty: there is none, there are several, or the directory does not answer now.
        """
        try:
            return await _account(self._accounts, address)
        except DirectoryUnavailable:
            return ""


async def remark_on(accounts: Accounts, name: str) -> str:
    """Why thresholds under a name have no effect; empty: they have one.

    Args:
        accounts: know whose an address is.
        name: an account's, or what somebody takes for one.

    Raises:
        DirectoryUnavailable: nobody knows now.
    """
    address = Address.parse(name)
    answer = await accounts.resolve(address)
    if account_of(answer) == name:
        return ""
    user = await _account(accounts, address)
    if user:
        return f"mail for {name} goes to the account {user}, whose thresholds count"
    if isinstance(answer, Alias):
        return f"{name} is an alias and no account: these thresholds have no effect"
    return f"there is no account {name}: these thresholds have no effect"


async def _account(accounts: Accounts, address: Address) -> str:
    """The account that gets mail for an address alone; empty: there is none, or several."""
    for _ in range(_MOST_STEPS):
        answer = await accounts.resolve(address)
        if not isinstance(answer, Alias):
            return account_of(answer)
        if len(answer.targets) != 1:
            return ""
        if answer.user and answer.targets[0] == address:
            return answer.user
        (address,) = answer.targets
    return ""


def marks_from_outside_go(configuration: Configuration) -> bool:
    """Whether what strangers say of spam in the header is removed, as somebody here says it."""
    is_enforced = configuration.authentication.verify and configuration.dmarc.enforce
    return is_enforced or any(each.kind in _WHO_MARK for each in configuration.filters.values())


def are_marks_ours(configuration: Configuration) -> bool:
    """Whether the header of stored mail says what somebody of ours thinks of spam.

    A content filter writes its own fields, and takes out those that were there.
    """
    listeners = configuration.listeners.values()
    has_content_filter = any(each.content_filter for each in listeners)
    return has_content_filter or marks_from_outside_go(configuration)
