"""Mail that brings reports of others: what takes it, and what is known of it. Pure.

Both kinds of reports come to addresses that the configuration names. How a mail is read, and what
is kept of it, is the business of each kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from postroad.model import Address, AddressError, Content

__all__ = ["Arrival", "Malformed", "Receptive", "key_of"]


class Malformed(ValueError):
    """What came is no report; the text says why, in words of ours."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """The mail that brought a report.

    Attributes:
        at: when, seconds since the epoch.
        sender: its envelope sender; empty for the null one.
        queue_id: its queue ID.
    """

    at: float
    sender: str
    queue_id: str


class Receptive(Protocol):
    """Who takes reports."""

    def is_for(self, address: Address) -> bool:
        """Whether an address is one that reports are sent to."""
        ...

    async def take(self, content: Content, arrival: Arrival) -> str:
        """Read a mail for such an address. Never fails.

        Returns:
            Why nothing of it is kept, as a line for the log; empty: it brought a report, which is.
        """
        ...

    def complain(self, words: str) -> None:
        """Say in the log why a mail brought nothing, where nobody else takes reports from it."""
        ...


def key_of(text: str) -> str:
    """`Address.key` of a configured address; empty for what is none."""
    try:
        return Address.parse(text).key
    except AddressError:  # a check of the configuration has said so
        return ""
