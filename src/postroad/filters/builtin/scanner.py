"""The built-in filter: rules, DNS lists and the classifier, and what is done by their points.

Theory of operation. To read a message takes some milliseconds of a processor, and some tens for the
worst there is, so that is done in a thread, with the look into the classifier's files; so few at
once that the worst messages together leave the threads to others, whatever becomes of the disk. DNS
lists are asked after that, as links are known then, all at once and for a few seconds only; what is
asked is worked out in the thread. What cannot be known (a list that does not answer, a memory that
cannot be read) counts for nobody, and mail goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple, Protocol

from postroad.filters.builtin.appraisal import Appraisal, appraised, hits_of, remembered
from postroad.filters.builtin.bayes.classifier import UNKNOWN, Verdict
from postroad.filters.builtin.case import Here, case_of
from postroad.filters.builtin.listings import Listings, Names, NoNames, Question
from postroad.filters.builtin.reading import MOST_BODY, Reading, read
from postroad.filters.builtin.rule import Hit
from postroad.filters.examining import Examining
from postroad.filters.scoring import NO_WISHES, SCORED, Score, Scoring, Wishes
from postroad.filters.settings import FilterSettings
from postroad.filters.stages import Filter
from postroad.model import Address
from postroad.model.letter import Finding, Letter, Opinion
from postroad.spool.reading import pieces

__all__ = ["READERS", "Accounts", "Builtin", "Judge", "Needs", "NoJudge", "build"]

READERS = 2
"""Messages that are read at once in a worker: more would only take turns at its processor."""


class Accounts(Protocol):
    """Who knows which account has an address."""

    async def account(self, address: Address) -> str:
        """The account's name; empty where it is nobody's, or cannot be known now."""
        ...


class Judge(Protocol):
    """The classifier; `bayes.learning.Classifier` is one."""

    def judge(self, reading: Reading, account: str = "") -> Verdict:
        """What is thought of a message by an account's memory, or the site's. It may block."""
        ...


class NoJudge:
    """Implements `Judge`: nothing was ever learned."""

    def judge(self, reading: Reading, account: str = "") -> Verdict:  # noqa: ARG002
        """Nothing is known."""
        return UNKNOWN


class Needs(NamedTuple):
    """What the filter needs of its worker.

    Attributes:
        here: gives what rules may know of this server, as it is now.
        judge: the classifier.
        names: the DNS, for lists.
        wishes: knows the thresholds of accounts.
        accounts: knows whose an address is; `None`: nobody does.
    """

    here: Callable[[], Here] = Here
    judge: Judge = NoJudge()
    names: Names = NoNames()
    wishes: Wishes = NO_WISHES
    accounts: Accounts | None = None


def build(settings: FilterSettings, name: str, needs: Needs) -> Filter:
    """A filter.

    Args:
        settings: `[filters.NAME]`.
        name: how configuration and log name it.
        needs: of its worker.

    Raises:
        ValueError: one of its DNS lists is none.
    """
    return Examining(name, Builtin(settings, name, needs))


class _Found(NamedTuple):
    """What is known of a message before anybody is asked about it."""

    hits: tuple[Hit, ...]
    verdict: Verdict
    questions: tuple[Question, ...]


class Builtin:
    """Implements `Examiner`."""

    def __init__(self, settings: FilterSettings, name: str, needs: Needs) -> None:
        """See `build`."""
        self._settings = settings
        self._name = name
        self._needs = needs
        self._scoring = Scoring(name, settings, needs.wishes)
        self._listings = Listings(needs.names, settings.client_lists, settings.domain_lists)
        self._readers = asyncio.Semaphore(READERS)

    async def examine(self, letter: Letter) -> Opinion:
        """Score a message."""
        until = asyncio.get_running_loop().time() + self._settings.timeout * SCORED
        found = await self.appraise(letter)
        score = Score(
            found.points,
            self._settings.junk,
            tuple([each.name for each in found.hits]),
            reasons=tuple([each.sentence for each in found.hits]),
        )
        opinion = await self._scoring.opinion(letter, score, until=until)
        return _told(opinion, self._name, found.verdict.trouble)

    async def appraise(self, letter: Letter) -> Appraisal:
        """What is found in a message."""
        account = await self._account(letter)
        found = await self._apart(letter, account)
        listed = await self._listings.hits(found.questions)
        return appraised([*found.hits, *listed], found.verdict)

    async def _apart(self, letter: Letter, account: str) -> _Found:
        """`_read`, in a thread, when its turn has come: what waits is not kept in memory.

        A thread that nobody waits for any more still has its turn until it is done: a disk that
        does not answer must not take one thread after the other from all else.
        """
        await self._readers.acquire()
        try:
            body = await _beginning(letter)
            loop = asyncio.get_running_loop()
            reading = loop.run_in_executor(None, self._read, letter, body, account)
        except BaseException:
            self._readers.release()
            raise
        reading.add_done_callback(lambda _: self._readers.release())
        return await asyncio.shield(reading)

    def _read(self, letter: Letter, body: bytes, account: str) -> _Found:
        """All that needs a processor, or a file; in a thread."""
        points = self._settings.points
        reading = read(letter.fields, body)
        case = case_of(letter, reading, self._needs.here())
        verdict = self._needs.judge.judge(reading, account)
        hits = hits_of(case, points)
        said = remembered(verdict, points, hits)
        return _Found((*hits, *said), verdict, self._listings.questions(case))

    async def _account(self, letter: Letter) -> str:
        """Whose memory is asked: the one recipient's, if it is an account here."""
        if self._needs.accounts is None or len(letter.recipients) != 1:
            return ""
        return await self._needs.accounts.account(letter.recipients[0].address)


async def _beginning(letter: Letter) -> bytes:
    """As much of the body as is looked at, and an octet more, which tells that there is more."""
    found = bytearray()
    async for piece in pieces(letter.body):
        found += piece
        if len(found) > MOST_BODY:
            break
    return bytes(found[: MOST_BODY + 1])


def _told(opinion: Opinion, name: str, trouble: str) -> Opinion:
    """With a word to why the classifier was not asked."""
    if not trouble:
        return opinion
    found = Finding(name, "no memory", trouble)
    return replace(opinion, findings=(*opinion.findings, found))
