"""Reports that others send here: read within bounds, and kept with whose word they are.

Reading runs in a thread, one mail at a time for each worker, so that neither the event loop nor
memory depends on what strangers send. A mail that brings no report, or none that can be kept now,
is said in the log; the mail itself goes its way in any case, which is not this module's business.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from typing import NamedTuple

from postroad.limits.state_file import Keeping, StateUnavailable
from postroad.model import Address, Content
from postroad.reports.arrival import Arrival, Malformed, key_of
from postroad.reports.dmarc import received
from postroad.reports.dmarc.attachments import MOST_MAIL, in_mail
from postroad.reports.dmarc.authorship import proved_author
from postroad.reports.dmarc.feedback import Feedback
from postroad.reports.dmarc.reading import Allowance
from postroad.reports.dmarc.values import quoted

__all__ = ["Receiving", "Reception"]

TIME = 30.0
"""Seconds that a delivery waits for its turn; the mail goes on without being read then. No longer:
mail for mailboxes waits behind it. A reading that has begun ends by itself, after a second."""


class Reception(NamedTuple):
    """Where reports come in, and what is done with them.

    Attributes:
        addresses: those that reports are sent to.
        authserv_id: the name that our border's results stand under.
        keep: seconds for which reports are remembered; 0: without an end.
    """

    addresses: Sequence[str]
    authserv_id: str
    keep: float


class Receiving:
    """Implements `arrival.Receptive`. Belongs to a worker's event loop."""

    def __init__(
        self,
        reception: Reception,
        file: Keeping,
        *,
        say: Callable[[str], None],
        warn: Callable[[str], None],
    ) -> None:
        """Take where reports come in.

        Args:
            reception: it.
            file: of `DMARC_RECEIVED`.
            say: takes a line for the log.
            warn: the same, of what is no report.
        """
        self._file = file
        self._say = say
        self._warn = warn
        self._turn = asyncio.Lock()
        self.replace(reception)

    def replace(self, reception: Reception) -> None:
        """Go by this from now on."""
        self._reception = reception
        self._keys = frozenset(filter(None, map(key_of, reception.addresses)))

    def is_for(self, address: Address) -> bool:
        """See `Receptive.is_for`."""
        return bool(self._keys) and address.key in self._keys

    async def take(self, content: Content, arrival: Arrival) -> str:
        """See `Receptive.take`."""
        try:
            async with asyncio.timeout(TIME):
                await self._turn.acquire()
        except TimeoutError:
            return f"{arrival.queue_id}: no time to read a report on DMARC; kept as mail"
        try:
            await self._take(content, arrival)
        except Malformed as error:
            return f"{arrival.queue_id}: no report on DMARC: {error}; kept as mail"
        except StateUnavailable as error:
            return f"{arrival.queue_id}: a report on DMARC could not be kept: {error}"
        except Exception as error:  # noqa: BLE001 - the mail must go on, whatever is in it
            words = f"{type(error).__name__}: {error}"
            return f"{arrival.queue_id}: a report on DMARC could not be read: {words}"
        finally:
            self._turn.release()
        return ""

    def complain(self, words: str) -> None:
        """See `Receptive.complain`."""
        self._warn(words)

    async def _take(self, content: Content, arrival: Arrival) -> None:
        reception = self._reception
        reports, author = await asyncio.to_thread(_read, content, reception.authserv_id)
        before = arrival.at - reception.keep if reception.keep else 0.0
        for report in reports:

            def keep(connection: sqlite3.Connection, report: Feedback = report) -> bool:
                received.sweep(connection, before)
                return received.put(connection, report, author, arrival)

            is_new = await self._file.ask(keep)
            self._say(f"{arrival.queue_id}: {told(report, author)}{'' if is_new else ', again'}")


def told(report: Feedback, author: str) -> str:
    """A report in a line of the log. Whose word it is stands before whatever the report says."""
    word = f"proved to be from {author}" if author else "nobody's word (DMARC proved no author)"
    failed = report.messages - report.passed
    left_out = f", records left out: {report.skipped}" if report.skipped else ""
    return (
        f"{word}: report-id=<{report.id}>, from={quoted(report.organization)},"
        f" domain={report.published.domain}: {report.messages} messages, {failed} failed{left_out}"
    )


def _read(content: Content, authserv_id: str) -> tuple[list[Feedback], str]:
    """In a thread.

    Raises:
        Malformed: it brings no report.
    """
    if content.size > MOST_MAIL:
        raise Malformed(f"the mail is longer than {MOST_MAIL} octets")
    author = proved_author(content.chunks(), authserv_id)
    return in_mail(content.chunks(), allowance_of(author)), author


def allowance_of(author: str) -> Allowance:
    """What may be read of a mail.

    Args:
        author: whom it proved to be from; empty: nobody.
    """
    return Allowance.of_stranger() if author else Allowance.of_nobody()
