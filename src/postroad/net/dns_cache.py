"""A bounded memory of the DNS's answers: each question is asked once while its answer holds.

However many wait for an answer, it is asked for once. Denials are kept as long as their zone says
(RFC 2308); that nobody answered is not kept, and the next one who asks tries again. Whom to ask and
what an answer means is not known here.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable

from postroad.net.dns_records import DnsTemporary, Query, Records, RecordType

__all__ = ["DnsCache"]

CACHE_SIZE = 10_000
"""Answers kept; the oldest used goes first. A few hundred octets each."""

CACHE_OCTETS = 16_777_216
"""Characters of their records together: strangers choose how long an answer is."""

MAX_TTL = 86_400.0
"""Seconds an answer is kept at most, whatever its time to live (RFC 8767 §4 advises a cap)."""

Question = tuple[str, RecordType]


class DnsCache:
    """Answers that hold, and questions that are under way."""

    def __init__(self, query: Query, clock: Callable[[], float]) -> None:
        """An empty memory.

        Args:
            query: who asks.
            clock: seconds, for the age of answers.
        """
        self._query = query
        self._clock = clock
        self._kept: OrderedDict[Question, tuple[float, Records]] = OrderedDict()
        self._octets = 0
        self._asked: dict[Question, asyncio.Task[Records]] = {}

    async def ask(self, name: str, kind: RecordType) -> Records:
        """From memory, from a question under way, or from a new one.

        Raises:
            DnsTemporary: nobody answered, or the question was given up.
        """
        question = (name, kind)
        known = self._kept.get(question)
        if known is not None and known[0] > self._clock():
            self._kept.move_to_end(question)
            return known[1]
        task = self._asked.get(question)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._fetch(question))
            self._asked[question] = task
            task.add_done_callback(lambda done: self._forget(question, done))
        # One who stops waiting must not take the answer from the others; and when the question is
        # given up, nobody who waits for it is cancelled along with it.
        await asyncio.wait([task])
        if task.cancelled():
            raise DnsTemporary(name, kind)
        return task.result()

    async def close(self) -> None:
        """Give up the questions that are under way."""
        asked = list(self._asked.values())
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)

    async def _fetch(self, question: Question) -> Records:
        records = await self._query(*question)
        self._drop(question)
        self._kept[question] = (self._clock() + min(records.ttl, MAX_TTL), records)
        self._octets += _size(records)
        while len(self._kept) > CACHE_SIZE or self._octets > CACHE_OCTETS:
            self._drop(next(iter(self._kept)))
        return records

    def _drop(self, question: Question) -> None:
        gone = self._kept.pop(question, None)
        if gone is not None:
            self._octets -= _size(gone[1])

    def _forget(self, question: Question, done: asyncio.Task[Records]) -> None:
        del self._asked[question]
        if not done.cancelled():
            done.exception()  # taken note of, should nobody be waiting any more


def _size(records: Records) -> int:
    return sum(map(len, records.values))
