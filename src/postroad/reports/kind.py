"""What is different between the kinds of reports that are sent: what `dispatch` asks them for."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from postroad.model import Address
from postroad.reports.endpoint import Endpoint
from postroad.reports.outgoing import Due

__all__ = [
    "Identity",
    "Kind",
    "Made",
    "NeverSent",
    "NotSent",
    "Submitting",
    "Terms",
    "Wanted",
]


class NotSent(Exception):
    """An endpoint did not take a report; the message says why."""


class NeverSent(NotSent):
    """The same, and it will not take it later either."""


class Submitting(Protocol):
    """Who takes mail that is made here."""

    async def __call__(self, to: Address, message: bytes) -> str:
        """Put a message into the queue.

        Returns:
            Its queue ID.

        Raises:
            NotSent: it was not taken.
        """
        ...


class Made(Protocol):
    """A report."""

    @property
    def ok(self) -> int:
        """How much of what it is about went well."""
        ...

    @property
    def failed(self) -> int:
        """How much of it did not."""
        ...


Report = TypeVar("Report", bound=Made)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Where a domain wants its report.

    Attributes:
        endpoints: where it is sent to.
        refused: where it is not, and why: URI and words.
        unsure: where nobody knows at present whether it may be, likewise.
    """

    endpoints: tuple[Endpoint, ...]
    refused: tuple[tuple[str, str], ...] = ()
    unsure: tuple[tuple[str, str], ...] = ()


class Kind(Protocol[Report]):
    """What kind of reports these are."""

    @property
    def terms(self) -> Terms:
        """How they are called, and where their counts are."""
        ...

    async def wanted(self, due: Due) -> Wanted | None:
        """Where a report is wanted now; `None`: nowhere.

        Raises:
            DnsTemporary: nobody knows at present.
        """
        ...

    async def made(self, due: Due) -> Report:
        """A report, from what was counted."""
        ...

    async def handed_over(self, endpoint: Endpoint, due: Due, report: Report) -> str:
        """Send it to an endpoint.

        Returns:
            How it went, in words.

        Raises:
            NotSent: it was not taken.
        """
        ...


@dataclass(frozen=True, slots=True)
class Terms:
    """What is different in words and tables.

    Attributes:
        noun: what a report is called in the log.
        counts: the table of what was counted.
        sweep: forgets what is old: takes the connection, the number of the first day whose counts
            are kept, and since when arrivals are, in seconds since the epoch.
        at_once: reports that are made and held in memory side by side.
        has_plain_ids: whether a report's id is letters and digits; else it ends in our name.
    """

    noun: str
    counts: str
    sweep: Callable[[sqlite3.Connection, int, float], None]
    at_once: int = 20
    has_plain_ids: bool = False


@dataclass(frozen=True, slots=True)
class Identity:
    """Who reports.

    Attributes:
        hostname: the name of this server.
        author: the address reports are from.
        contact: whom to ask.
        organization: whose reports they are.
    """

    hostname: str
    author: str
    contact: str
    organization: str
