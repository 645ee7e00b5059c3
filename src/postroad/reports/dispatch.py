"""Making and sending the reports that are due, of either kind.

Theory of operation. A turn claims reports in the file (`outgoing`), a few at a time, and for each
of them asks where the domain wants it, makes it from the day's counts, and hands it to each
endpoint that has not got it yet. What an endpoint took is noted at once. What failed is tried
again with growing pauses for a day; then it is given up. Mail counts as sent when it is in the
queue, which has retries of its own. Nothing that goes wrong here leaves this module but as a line
in the log. What the reports are about, and how an endpoint is reached, is a `Kind`'s business.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from postroad.limits.state_file import Keeping, StateUnavailable
from postroad.net.dns import DnsTemporary
from postroad.reports import outgoing
from postroad.reports.day import DAY, day_of
from postroad.reports.endpoint import Endpoint
from postroad.reports.kind import Identity, Kind, Made, NeverSent, NotSent, Wanted
from postroad.reports.outgoing import Due

__all__ = ["Dispatch", "delay_of"]

AT_ONCE = 20
"""Domains that are asked for their records side by side; reports are made by fewer, as the kind of
them says."""

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


_Report = TypeVar("_Report", bound=Made)


def delay_of(hostname: str) -> float:
    """Seconds after midnight (UTC) at which a server begins; always the same for its name."""
    number = int.from_bytes(hashlib.sha256(hostname.encode()).digest()[:4], "big")
    return EARLIEST + number % int(LATEST - EARLIEST)


class Dispatch(Generic[_Report]):
    """Belongs to a worker's event loop.

    Attributes:
        identity: who reports.
        keep: seconds for which what was sent and received is remembered; 0: without an end.
    """

    def __init__(
        self,
        kind: Kind[_Report],
        identity: Identity,
        keep: float,
        *,
        file: Keeping,
        say: Callable[[str], None],
        warn: Callable[[str], None],
        now: Callable[[], float] = time.time,
    ) -> None:
        """Take what it needs.

        Args:
            kind: what the reports are about.
            identity: who reports.
            keep: seconds for which what was sent and received is remembered; 0: without an end.
            file: where counts are, and what became of reports.
            say: takes a line for the log.
            warn: the same, of what went wrong.
            now: seconds since the epoch.
        """
        self.identity = identity
        self.keep = keep
        self._kind = kind
        self._file = file
        self._say = say
        self._warn = warn
        self._now = now
        self._swept = -1
        self._places = asyncio.Semaphore(kind.terms.at_once)

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
        sweep = self._kind.terms.sweep
        try:
            await self._file.ask(lambda found: sweep(found, today - KEPT_COUNTS, since))
            await self._file.ask(
                lambda found: outgoing.sweep(
                    found, before=day_of(since), unwanted_before=today - KEPT_COUNTS
                )
            )
        except StateUnavailable as error:
            self._warn(str(error))
        self._swept = today

    async def _claimed(self) -> list[Due]:
        hostname, terms = self.identity.hostname, self._kind.terms

        def make_id(day: int) -> str:
            """Unique also where the file was lost, and a day's report is made twice."""
            date = time.strftime("%Y%m%d", time.gmtime(day * DAY))
            unique = f"{date}{secrets.token_hex(8)}"
            return unique if terms.has_plain_ids else f"{unique}@{hostname}"

        return await self._file.ask(
            lambda connection: outgoing.claim(
                connection,
                counts=terms.counts,
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
        except Exception as error:  # noqa: BLE001 - as above, but not for ever
            await self._again_after(due, f"{type(error).__name__}: {error}")

    async def _again_after(self, due: Due, fault: str) -> None:
        """Of a fault of ours an operator hears at once."""
        now = self._now()
        self._complain(due, fault)
        try:
            if due.is_last(now):
                await self._finish(due, "failed", words=fault)
            else:
                await self._file.ask(lambda found: outgoing.postpone(found, due, now, fault))
        except StateUnavailable as error:
            self._warn(str(error))

    async def _send(self, due: Due) -> None:
        try:
            wanted = await self._kind.wanted(due)
        except DnsTemporary as error:
            await self._again(due, f"{error.name}: not to be looked up now")
            return
        if wanted is None:
            await self._finish(due, "unwanted")
            return
        async with self._places:
            await self._make(due, wanted)

    async def _make(self, due: Due, wanted: Wanted) -> None:
        report = await self._kind.made(due)
        refused = [await self._refused(due, uri, words) for uri, words in wanted.refused]
        if not (wanted.endpoints or wanted.unsure):
            words = refused[-1] if refused else "its record names nowhere to send it to"
            await self._end(due, report, "failed", words)
            return
        done = await self._file.ask(lambda found: outgoing.sent_to(found, due))
        left = [endpoint for endpoint in wanted.endpoints if endpoint.uri not in done]
        failures = [await self._to(endpoint, due, report) for endpoint in left]
        failures += [NotSent(await self._refused(due, *each)) for each in wanted.unsure]
        await self._conclude(due, report, [each for each in failures if each is not None], wanted)

    async def _refused(self, due: Due, uri: str, words: str) -> str:
        await self._file.ask(lambda found: outgoing.noted(found, due, uri, None, words))
        return f"not sent to {uri}: {words}"

    async def _to(self, endpoint: Endpoint, due: Due, report: _Report) -> NotSent | None:
        """Send it to one endpoint; why it was not taken."""
        try:
            words = await self._kind.handed_over(endpoint, due, report)
        except NotSent as error:
            words = str(error)
            await self._file.ask(
                lambda found: outgoing.noted(found, due, endpoint.uri, None, words)
            )
            return error
        now = self._now()
        await self._file.ask(lambda found: outgoing.noted(found, due, endpoint.uri, now, words))
        self._say(f"report-id=<{due.report_id}>, domain={due.domain}, to={endpoint.uri}: {words}")
        return None

    async def _conclude(
        self, due: Due, report: _Report, failures: Sequence[NotSent], wanted: Wanted
    ) -> None:
        last = str(failures[-1]) if failures else ""
        is_hopeless = all(isinstance(each, NeverSent) for each in failures)
        if not failures:
            await self._end(due, report, "sent", "")
        elif is_hopeless or due.is_last(self._now()):
            done = await self._file.ask(lambda found: outgoing.sent_to(found, due))
            state: outgoing.State = "sent" if done else "failed"
            asked = len(wanted.endpoints) + len(wanted.unsure)
            words = f"given up at {len(failures)} of {asked} endpoints: {last}"
            await self._end(due, report, state, words)
        else:
            await self._again(due, last)

    async def _end(self, due: Due, report: _Report, state: outgoing.State, words: str) -> None:
        if words:
            self._complain(due, words)
        await self._finish(due, state, totals=(report.ok, report.failed), words=words)

    async def _again(self, due: Due, words: str) -> None:
        now = self._now()
        if due.is_last(now):
            self._complain(due, f"given up: {words}")
            await self._finish(due, "failed", words=words)
            return
        await self._file.ask(lambda found: outgoing.postpone(found, due, now, words))

    async def _finish(
        self,
        due: Due,
        state: outgoing.State,
        *,
        totals: tuple[int, int] = (0, 0),
        words: str = "",
    ) -> None:
        counts = self._kind.terms.counts
        await self._file.ask(
            lambda found: outgoing.finish(
                found, due, state, counts=counts, totals=totals, words=words
            )
        )

    def _complain(self, due: Due, words: str) -> None:
        self._warn(f"{self._kind.terms.noun} for {due.domain}: {words}")
