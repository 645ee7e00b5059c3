"""Making and sending the reports that are due.

Theory of operation. A turn claims reports in the file (`outgoing`), a few at a time, and for each
of them asks for the domain's record, makes the report from the day's counts, and hands it to each
endpoint that has not got it yet. What an endpoint took is noted at once. What failed is tried
again with growing pauses for a day; then it is given up. Mail counts as sent when it is in the
queue, which has retries of its own. Nothing that goes wrong here leaves this module but as a line
in the log.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from postroad.limits.state_file import Keeping, StateUnavailable
from postroad.model import Address
from postroad.net.dns import DnsTemporary, RecordType
from postroad.reports import outgoing, received, sums
from postroad.reports.endpoints import Endpoint, endpoints_of
from postroad.reports.mail import Letter, letter, packed
from postroad.reports.outgoing import Due
from postroad.reports.report import Report
from postroad.reports.session import DAY, Session, day_of

__all__ = ["Dispatch", "Identity", "NotSent", "Posting", "Submitting", "Texts", "delay_of"]

AT_ONCE = 20
"""Reports that are made and sent side by side."""

MOST_TURNS = 50
"""Batches of one turn; what is left then is for the next one, a minute later."""

EARLIEST = 900.0
LATEST = 14_400.0
"""Seconds after midnight (UTC) between which a server begins: all workers have written down what
they counted, and not all servers begin at the same moment (RFC 8460 §4.1: up to four hours)."""

KEPT_COUNTS = 7
"""Days for which counts wait for a report, where the server was down meanwhile, and for which it is
remembered that a domain wanted none. They are the same: else a count that came late would bring
about a second report."""


class NotSent(Exception):
    """An endpoint did not take a report; the message says why."""


class Texts(Protocol):
    """Who asks the DNS."""

    async def records(self, name: str, kind: RecordType) -> tuple[str, ...]:
        """The records of a name; may raise `DnsTemporary`."""
        ...


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


def delay_of(hostname: str) -> float:
    """Seconds after midnight (UTC) at which a server begins; always the same for its name."""
    number = int.from_bytes(hashlib.sha256(hostname.encode()).digest()[:4], "big")
    return EARLIEST + number % int(LATEST - EARLIEST)


class Dispatch:
    """Belongs to a worker's event loop.

    Attributes:
        identity: who reports.
        keep: seconds for which what was sent and received is remembered; 0: without an end.
    """

    def __init__(
        self,
        identity: Identity,
        keep: float,
        *,
        file: Keeping,
        texts: Texts,
        submit: Submitting,
        posting: Posting,
        say: Callable[[str], None],
        warn: Callable[[str], None],
        now: Callable[[], float] = time.time,
    ) -> None:
        """Take what it needs.

        Args:
            identity: who reports.
            keep: seconds for which what was sent and received is remembered; 0: without an end.
            file: of `TLS_REPORTS`.
            texts: asks for records.
            submit: takes mail.
            posting: sends over HTTPS.
            say: takes a line for the log.
            warn: the same, of what went wrong.
            now: seconds since the epoch.
        """
        self.identity = identity
        self.keep = keep
        self._file = file
        self._texts = texts
        self._submit = submit
        self._posting = posting
        self._say = say
        self._warn = warn
        self._now = now
        self._swept = -1

    async def turn(self) -> None:
        """Send what is due now."""
        try:
            for _ in range(MOST_TURNS):
                due = await self._claimed()
                if not due:
                    break
                await asyncio.gather(*map(self._one, due))
        except StateUnavailable as error:
            self._warn(str(error))

    async def sweep(self) -> None:
        """Forget what is old; once a day does something."""
        today = day_of(self._now())
        if today == self._swept:
            return
        since = self._now() - self.keep if self.keep else 0.0
        try:
            await self._file.ask(lambda connection: sums.sweep(connection, today - KEPT_COUNTS))
            await self._file.ask(
                lambda connection: outgoing.sweep(
                    connection, before=day_of(since), unwanted_before=today - KEPT_COUNTS
                )
            )
            await self._file.ask(lambda connection: received.sweep(connection, since))
        except StateUnavailable as error:
            self._warn(str(error))
        self._swept = today

    async def _claimed(self) -> list[Due]:
        hostname = self.identity.hostname

        def make_id(day: int) -> str:
            """Unique also where the file was lost, and a day's report is made twice."""
            date = time.strftime("%Y%m%d", time.gmtime(day * DAY))
            return f"{date}.{secrets.token_hex(8)}@{hostname}"

        return await self._file.ask(
            lambda connection: outgoing.claim(
                connection,
                now=self._now(),
                delay=delay_of(hostname),
                make_id=make_id,
                most=AT_ONCE,
            )
        )

    async def _one(self, due: Due) -> None:
        """Send one report, or say why not; a fault in one of them stops no other."""
        try:
            await self._send(due)
        except StateUnavailable as error:  # the claim runs out, and it is tried again
            self._warn(str(error))
        except Exception as error:  # noqa: BLE001 - as above
            self._warn(f"TLS report for {due.domain}: {type(error).__name__}: {error}")

    async def _send(self, due: Due) -> None:
        try:
            texts = await self._texts.records(f"_smtp._tls.{due.domain}", "TXT")
        except DnsTemporary as error:
            await self._again(due, f"{error.name}: not to be looked up now")
            return
        endpoints = endpoints_of(texts)
        if endpoints is None:
            await self._file.ask(lambda found: outgoing.finish(found, due, "unwanted"))
            return
        counts = await self._file.ask(lambda found: sums.of_day(found, due.day, due.domain))
        report = self._made(due, counts)
        if not endpoints:
            await self._end(due, report, "failed", "its record names nowhere to send it to")
            return
        done = await self._file.ask(lambda found: outgoing.sent_to(found, due))
        left = [endpoint for endpoint in endpoints if endpoint.uri not in done]
        failures = [await self._to(endpoint, due, report) for endpoint in left]
        await self._conclude(due, report, list(filter(None, failures)), len(endpoints))

    def _made(self, due: Due, counts: list[tuple[Session, int]]) -> Report:
        identity = self.identity
        return Report.of_day(
            due.day,
            counts,
            organization=identity.organization,
            contact=identity.contact,
            report_id=due.report_id,
        )

    async def _to(self, endpoint: Endpoint, due: Due, report: Report) -> str:
        """Send it to one endpoint; why it was not taken, or empty."""
        try:
            words = await self._handed_over(endpoint, due, report)
        except NotSent as error:
            words = str(error)
            await self._file.ask(
                lambda found: outgoing.noted(found, due, endpoint.uri, None, words)
            )
            return words
        now = self._now()
        await self._file.ask(lambda found: outgoing.noted(found, due, endpoint.uri, now, words))
        self._say(f"report-id=<{report.id}>, domain={due.domain}, to={endpoint.uri}: {words}")
        return ""

    async def _handed_over(self, endpoint: Endpoint, due: Due, report: Report) -> str:
        identity = self.identity
        if endpoint.kind == "https":
            return await self._posting.post(endpoint.target, packed(report))
        head = Letter(due.domain, identity.hostname, identity.author, endpoint.target)
        message = letter(head, report, self._now())
        queue_id = await self._submit(Address.parse(endpoint.target), message)
        return f"queued as {queue_id}"

    async def _conclude(self, due: Due, report: Report, failures: list[str], asked: int) -> None:
        if not failures:
            await self._end(due, report, "sent", "")
        elif due.is_last(self._now()):
            done = await self._file.ask(lambda found: outgoing.sent_to(found, due))
            state: outgoing.State = "sent" if done else "failed"
            words = f"given up at {len(failures)} of {asked} endpoints: {failures[-1]}"
            await self._end(due, report, state, words)
        else:
            await self._again(due, failures[-1])

    async def _end(self, due: Due, report: Report, state: outgoing.State, words: str) -> None:
        sessions = (report.ok, report.failed)
        if words:
            self._warn(f"TLS report for {due.domain}: {words}")
        await self._file.ask(
            lambda found: outgoing.finish(found, due, state, sessions=sessions, words=words)
        )

    async def _again(self, due: Due, words: str) -> None:
        now = self._now()
        if due.is_last(now):
            self._warn(f"TLS report for {due.domain}: given up: {words}")
            await self._file.ask(lambda found: outgoing.finish(found, due, "failed", words=words))
            return
        await self._file.ask(lambda found: outgoing.postpone(found, due, now, words))
