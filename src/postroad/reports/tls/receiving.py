"""Reports that others send here: read within bounds, and their sums kept.

Reading runs in a thread, one report at a time for each worker, so that neither the event loop nor
memory depends on what strangers send. A report that is none, or cannot be kept now, is said in the
log; the mail that brought it goes its way in any case, which is not this module's business.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from postroad.limits.state_file import Keeping, StateUnavailable
from postroad.model import Address, Content
from postroad.reports.arrival import Arrival, Malformed, key_of
from postroad.reports.tls import received
from postroad.reports.tls.reading import parse
from postroad.reports.tls.report import Report
from postroad.reports.unpacking import MOST_MAIL, report_in

__all__ = ["Receiving"]

TIME = 30.0
"""Seconds that a delivery waits for its report to be read; the mail goes on without then."""


class Receiving:
    """Implements `Receptive`. Belongs to a worker's event loop."""

    def __init__(
        self,
        addresses: Sequence[str],
        file: Keeping,
        *,
        say: Callable[[str], None],
        warn: Callable[[str], None],
    ) -> None:
        """Take where reports come in.

        Args:
            addresses: those that reports are sent to.
            file: of `TLS_REPORTS`.
            say: takes a line for the log.
            warn: the same, of what is no report.
        """
        self._file = file
        self._say = say
        self._warn = warn
        self._turn = asyncio.Semaphore(1)
        self.replace(addresses)

    def replace(self, addresses: Sequence[str]) -> None:
        """Take reports at these addresses from now on."""
        self._keys = frozenset(filter(None, map(key_of, addresses)))

    def is_for(self, address: Address) -> bool:
        """See `Receptive.is_for`."""
        return bool(self._keys) and address.key in self._keys

    async def take(self, content: Content, arrival: Arrival) -> str:
        """See `Receptive.take`."""
        try:
            async with asyncio.timeout(TIME), self._turn:
                return await self._take(content, arrival)
        except TimeoutError:
            return f"{arrival.queue_id}: no time to read a report about TLS; kept as mail"
        except Exception as error:  # noqa: BLE001 - the mail must go on, whatever is in it
            words = f"{type(error).__name__}: {error}"
            return f"{arrival.queue_id}: a report about TLS could not be read: {words}"

    def complain(self, words: str) -> None:
        """See `Receptive.complain`."""
        self._warn(words)

    async def _take(self, content: Content, arrival: Arrival) -> str:
        try:
            report = await asyncio.to_thread(_read, content)
        except Malformed as error:
            return f"{arrival.queue_id}: no report about TLS: {error}; kept as mail"
        try:
            is_new = await self._file.ask(lambda found: received.put(found, report, arrival))
        except StateUnavailable as error:
            return f"{arrival.queue_id}: a report about TLS could not be kept: {error}"
        again = "" if is_new else ", again"
        self._say(
            f"{arrival.queue_id}: report-id=<{report.id}>, from={report.organization}:"
            f" {report.ok} sessions succeeded, {report.failed} failed{again}"
        )
        return ""


def _read(content: Content) -> Report:
    """In a thread.

    Raises:
        Malformed: it is no report.
    """
    if content.size > MOST_MAIL:
        raise Malformed(f"the mail is longer than {MOST_MAIL} octets")
    return parse(report_in(content.chunks()))
