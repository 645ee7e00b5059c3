"""Finding the record that holds for a domain, and which domains belong together.

Two ways. The *tree walk* asks for a record at the domain and at each name above it, so that who
owns a name says where an organization begins (RFC 9989 §4.10). The *suffix list* is RFC 7489's:
at the domain, else at the one that was registered (§6.6.3).

One `Discovery` serves one author of a message: it asks for each name once, and has a bound for all
its questions, so that no author uses up another's. A name that has no answer raises `DnsTemporary`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from postroad.mailauth.dmarc.record import DmarcRecord, record_of_texts
from postroad.mailauth.dmarc.settings import OrganizationalDomain
from postroad.mailauth.dmarc.suffixes import organizational_domain
from postroad.net.dns_records import DnsTemporary, RecordType, Texts

__all__ = [
    "MOST_QUESTIONS",
    "WALKED_LABELS",
    "Discovery",
    "Published",
    "TooManyQuestions",
    "steps",
]

WALKED_LABELS = 8
"""Of a domain with as many labels or more, the first question is for the whole, the next for its
last seven labels (RFC 9989 §4.10): never more than eight questions."""

MOST_QUESTIONS = 60
"""Names that are asked for, for one author: some walks of eight. The author's own record is asked
for first, so it is signatures that could ask for more; those prove nothing then."""

_EXISTENCE: tuple[RecordType, ...] = ("A", "AAAA", "MX")


class TooManyQuestions(Exception):
    """There are no more questions left for this author."""


class _Step(NamedTuple):
    """A record on the way up."""

    domain: str
    record: DmarcRecord

    @property
    def is_border(self) -> bool:
        """Whether it ends the walk, also where that begins (RFC 9989 §4.10, steps 2 and 6)."""
        return self.record.psd != "u"


@dataclass(frozen=True, slots=True)
class Published:
    """What holds for an author's domain.

    Attributes:
        author: the author's domain.
        organization: the organizational domain that it belongs to.
        domain: where the record is; the author's, its organization's, or a public suffix.
        record: it.
        found_by: the way, as reports name it.
    """

    author: str
    organization: str
    domain: str
    record: DmarcRecord
    found_by: Literal["treewalk", "psl"]

    @property
    def is_below(self) -> bool:
        """Whether the record is that of a domain above."""
        return self.domain != self.author


class Discovery:
    """Looks for records, for one author of a message."""

    def __init__(self, texts: Texts, way: OrganizationalDomain) -> None:
        """Nothing is asked yet.

        Args:
            texts: asks the DNS.
            way: how domains that belong together are found.
        """
        self._texts = texts
        self._way = way
        self._known: dict[str, DmarcRecord | None] = {}
        self._asked = 0

    async def published(self, author: str) -> Published | None:
        """What holds for an author's domain; `None`: nothing.

        Raises:
            DnsTemporary: nobody knows at present.
        """
        if self._way == "tree-walk":
            return self._by_walk(author, await self._walk(author))
        for name in _registered(author):
            step = await self._step(name)
            if step is not None:
                return self._by_list(author, [step])
        return None

    async def known(self, author: str, patience: float) -> Published | None:
        """What holds for an author's domain by those names that do answer.

        For an author of whom `published` could not be told: one name without an answer is easily
        found or made below any domain, and must not hide what that domain says of those below it.

        Args:
            author: the author's domain.
            patience: seconds for all names, which are asked at once.
        """
        is_walk = self._way == "tree-walk"
        names = list(steps(author)) if is_walk else _registered(author)
        tasks = [asyncio.ensure_future(self._step(name)) for name in names]
        try:
            await asyncio.wait(tasks, timeout=patience)
            found = [_answer(task) for task in tasks]
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if is_walk:
            return self._by_walk(author, _up_to_border(found))
        return self._by_list(author, found)

    async def organization(self, domain: str) -> str:
        """The organizational domain that a domain belongs to.

        Raises:
            DnsTemporary: nobody knows at present.
            TooManyQuestions: it was not asked for.
        """
        if self._way == "suffix-list":
            return organizational_domain(domain)
        return _organization(domain, await self._walk(domain))

    async def exists(self, domain: str) -> bool:
        """Whether a domain is one that mail could come from (RFC 9989 §3.2.13).

        Raises:
            DnsTemporary: nobody knows at present.
        """
        for kind in _EXISTENCE:
            self._count()
            if await self._texts.records(domain, kind):
                return True
        return False

    def _by_list(self, author: str, found: Sequence[_Step | None]) -> Published | None:
        step = next((each for each in found if each is not None), None)
        if step is None:
            return None
        organization = organizational_domain(author)
        return Published(author, organization, step.domain, step.record, "psl")

    def _by_walk(self, author: str, found: Sequence[_Step]) -> Published | None:
        organization = _organization(author, found)
        by_domain = {step.domain: step for step in found}
        suffix = next((step for step in found if step.record.psd == "y"), None)
        chosen = by_domain.get(author) or by_domain.get(organization) or suffix
        if chosen is None:
            return None
        return Published(author, organization, chosen.domain, chosen.record, "treewalk")

    async def _walk(self, domain: str) -> Sequence[_Step]:
        """The records at a domain and above it, the longest name first (RFC 9989 §4.10)."""
        found: list[_Step] = []
        for name in steps(domain):
            step = await self._step(name)
            if step is not None:
                found.append(step)
                if step.is_border:
                    break
        return found

    async def _step(self, domain: str) -> _Step | None:
        record = await self._record(domain)
        return None if record is None else _Step(domain, record)

    async def _record(self, domain: str) -> DmarcRecord | None:
        if domain not in self._known:
            name = f"_dmarc.{domain}"
            self._count()
            self._known[domain] = record_of_texts(await self._texts.records(name, "TXT"))
        return self._known[domain]

    def _count(self) -> None:
        self._asked += 1
        if self._asked > MOST_QUESTIONS:
            raise TooManyQuestions


def steps(domain: str) -> Iterator[str]:
    """The names that a walk asks for, from a domain up."""
    labels = domain.split(".")
    yield domain
    for begin in range(max(1, len(labels) - WALKED_LABELS + 1), len(labels)):
        yield ".".join(labels[begin:])


def _registered(author: str) -> list[str]:
    """The names that RFC 7489 §6.6.3 asks for."""
    return list(dict.fromkeys((author, organizational_domain(author))))


def _answer(task: asyncio.Future[_Step | None]) -> _Step | None:
    """What a name says; nothing, if it has not answered."""
    if not task.done():
        return None
    error = task.exception()
    if error is None:
        return task.result()
    if isinstance(error, DnsTemporary):
        return None
    raise error


def _up_to_border(found: Sequence[_Step | None]) -> Sequence[_Step]:
    """Steps that were taken all at once, as a walk would have taken them."""
    taken: list[_Step] = []
    for step in found:
        if step is not None:
            taken.append(step)
            if step.is_border:
                break
    return taken


def _organization(domain: str, found: Sequence[_Step]) -> str:
    """The organizational domain by the records of a walk (RFC 9989 §4.10.2)."""
    for step in found:
        if step.record.psd == "n":
            return step.domain
        if step.record.psd == "y" and step.domain != domain:
            return _one_below(domain, step.domain)
    return found[-1].domain if found else domain


def _one_below(domain: str, suffix: str) -> str:
    """The name one label longer than a suffix."""
    labels = domain.removesuffix(f".{suffix}").split(".")
    return f"{labels[-1]}.{suffix}"
