"""How a report on DMARC is wanted, made and sent: `kind.Kind` for `Dispatch`."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable

from postroad.limits.state_file import Keeping
from postroad.model import Address
from postroad.reports.dmarc import sums
from postroad.reports.dmarc.destinations import Destinations
from postroad.reports.dmarc.mail import letter
from postroad.reports.dmarc.report import Made, made
from postroad.reports.dmarc.settings import ReportFormat
from postroad.reports.endpoint import Endpoint
from postroad.reports.kind import Identity, NeverSent, Submitting, Terms, Wanted
from postroad.reports.letter import Head
from postroad.reports.outgoing import Due

__all__ = ["DmarcReporting"]

AT_ONCE = 2
"""Reports that are made and sent side by side: one that strangers have filled takes some 40 MB."""


def _sweep(connection: sqlite3.Connection, before: int, _: float) -> None:
    sums.sweep(connection, before)


class DmarcReporting:
    """Implements `Kind`."""

    terms = Terms("DMARC report", "domains", _sweep, at_once=AT_ONCE, has_plain_ids=True)

    def __init__(
        self,
        identity: Identity,
        file: Keeping,
        destinations: Destinations,
        submit: Submitting,
        *,
        form: ReportFormat,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Take what it needs.

        Args:
            identity: who reports.
            file: of `DMARC_REPORTS`.
            destinations: knows where reports are wanted.
            submit: takes mail.
            form: whose schema reports follow.
            now: seconds since the epoch.
        """
        self._identity = identity
        self._file = file
        self._destinations = destinations
        self._submit = submit
        self._form = form
        self._now = now

    async def wanted(self, due: Due) -> Wanted | None:
        """See `Kind.wanted`."""
        return await self._destinations.wanted(due.domain)

    async def made(self, due: Due) -> Made:
        """See `Kind.made`."""
        counts = await self._file.ask(lambda found: sums.of_day(found, due.day, due.domain))
        return await asyncio.to_thread(made, self._identity, due, counts)

    async def handed_over(self, endpoint: Endpoint, due: Due, report: Made) -> str:
        """See `Kind.handed_over`."""
        identity = self._identity
        head = Head(due.domain, identity.hostname, identity.author, endpoint.target, due.report_id)
        # In a thread: thousands of messages that differ take a second to write and to pack.
        message = await asyncio.to_thread(letter, head, report, self._form, self._now())
        if endpoint.most is not None and len(message) > endpoint.most:
            words = f"the report has {len(message)} octets, and {endpoint.most} are allowed there"
            raise NeverSent(words)
        return f"queued as {await self._submit(Address.parse(endpoint.target), message)}"
