"""How a report about TLS is wanted, made and sent: `dispatch.Kind` for `Dispatch` (RFC 8460)."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from typing import Protocol

from postroad.limits.state_file import Keeping
from postroad.model import Address
from postroad.net.dns_records import Texts
from postroad.reports.endpoint import Endpoint
from postroad.reports.kind import Identity, Submitting, Terms, Wanted
from postroad.reports.letter import Head
from postroad.reports.outgoing import Due
from postroad.reports.tls import received, sums
from postroad.reports.tls.endpoints import endpoints_of
from postroad.reports.tls.mail import letter, packed
from postroad.reports.tls.report import Report

__all__ = ["Posting", "TlsReporting"]


class Posting(Protocol):
    """Who sends reports over HTTPS."""

    async def post(self, url: str, octets: bytes) -> str:
        """Send `application/tlsrpt+gzip`.

        Returns:
            How it went, in words.

        Raises:
            NotSent: it was not taken.
        """
        ...


def _sweep(connection: sqlite3.Connection, before: int, since: float) -> None:
    sums.sweep(connection, before)
    received.sweep(connection, since)


class TlsReporting:
    """Implements `Kind`."""

    terms = Terms("TLS report", "sessions", _sweep)

    def __init__(
        self,
        identity: Identity,
        file: Keeping,
        texts: Texts,
        submit: Submitting,
        *,
        posting: Posting,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Take what it needs.

        Args:
            identity: who reports.
            file: of `TLS_REPORTS`.
            texts: asks for records.
            submit: takes mail.
            posting: sends over HTTPS.
            now: seconds since the epoch.
        """
        self._identity = identity
        self._file = file
        self._texts = texts
        self._submit = submit
        self._posting = posting
        self._now = now

    async def wanted(self, due: Due) -> Wanted | None:
        """See `Kind.wanted`."""
        endpoints = endpoints_of(await self._texts.records(f"_smtp._tls.{due.domain}", "TXT"))
        return None if endpoints is None else Wanted(endpoints)

    async def made(self, due: Due) -> Report:
        """See `Kind.made`."""
        counts = await self._file.ask(lambda found: sums.of_day(found, due.day, due.domain))
        identity = self._identity
        return Report.of_day(
            due.day,
            counts,
            organization=identity.organization,
            contact=identity.contact,
            report_id=due.report_id,
        )

    async def handed_over(self, endpoint: Endpoint, due: Due, report: Report) -> str:
        """See `Kind.handed_over`."""
        if endpoint.kind == "https":
            return await self._posting.post(endpoint.target, packed(report))
        identity = self._identity
        head = Head(due.domain, identity.hostname, identity.author, endpoint.target, report.id)
        message = letter(head, report, self._now())
        queue_id = await self._submit(Address.parse(endpoint.target), message)
        return f"queued as {queue_id}"
