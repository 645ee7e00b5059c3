"""DNS lists asked about a message: its client's address, and the domains that it names.

A list that does not answer says nothing. Neither does one that answers to whoever asks too much, or
by a public resolver, or whose domain was given up: what is outside 127.0.0.0/8, or in
127.255.255.0/24, is never an entry (RFC 5782 §2.1, §5). Nor is 127.0.1.255, by which lists of
domains say that they were asked about an address.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Literal, NamedTuple, Protocol

from postroad.filters.builtin.case import Case, is_public, organization
from postroad.filters.builtin.link_rules import hosts
from postroad.filters.builtin.rule import Hit
from postroad.model.dns_list import DnsList, reversed_address
from postroad.net.dns import DnsTemporary

__all__ = ["PATIENCE", "Listings", "Names", "NoNames", "Question"]

PATIENCE = 5.0
"""Seconds for all lists together: who has not answered by then says nothing."""

MOST_DOMAINS = 20
"""Domains of one message that are asked about: a newsletter has ten."""


class Names(Protocol):
    """What the DNS knows; `net.dns.Resolver` does."""

    async def records(self, name: str, kind: Literal["A"]) -> tuple[str, ...]:
        """The records of a name; raises `DnsTemporary` where nobody knows."""
        ...


class NoNames:
    """Implements `Names` where no list is asked."""

    async def records(self, name: str, kind: Literal["A"]) -> tuple[str, ...]:  # noqa: ARG002
        """There are none."""
        return ()


class Question(NamedTuple):
    """Something to ask a list.

    Attributes:
        listed_in: the list.
        points: what an entry adds.
        entry: what is looked up in it.
        what: how that is told.
    """

    listed_in: DnsList
    points: float
    entry: str
    what: str


class Listings:
    """The lists of one filter."""

    def __init__(
        self, names: Names, clients: Mapping[str, float], domains: Mapping[str, float]
    ) -> None:
        """Lists with their points, as restrictions name them.

        Args:
            names: knows the DNS.
            clients: lists of addresses.
            domains: lists of domains.

        Raises:
            ValueError: one is no list.
        """
        self._names = names
        self._clients = _parsed(clients)
        self._domains = _parsed(domains)

    def questions(self, case: Case) -> tuple[Question, ...]:
        """What is to be asked about a message. Links may make it cost milliseconds: for a thread.

        Args:
            case: the message.
        """
        return (*self._of_client(case), *self._of_domains(case))

    async def hits(
        self, questions: Sequence[Question], patience: float = PATIENCE
    ) -> tuple[Hit, ...]:
        """Which lists have what a message brings; of a list one entry counts.

        Args:
            questions: about the message.
            patience: seconds.
        """
        if not questions:
            return ()
        tasks = [asyncio.ensure_future(self._ask(each)) for each in questions]
        try:
            done, _ = await asyncio.wait(tasks, timeout=patience)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        found: dict[str, Hit] = {}
        for task in tasks:  # in order, so that the same entry is told each time
            hit = task.result() if task in done else None
            if hit is not None:
                found.setdefault(hit.name, hit)
        return tuple(found.values())

    def _of_client(self, case: Case) -> Iterable[Question]:
        client = case.letter.client
        if not self._clients or client is None or not case.is_from_outside:
            return
        if not client.has_address or not is_public(client.address):
            return
        entry = reversed_address(client.address)
        for each, points in self._clients:
            yield Question(each, points, entry, client.address)

    def _of_domains(self, case: Case) -> Iterable[Question]:
        if not self._domains:
            return
        for domain in _domains(case):
            for each, points in self._domains:
                yield Question(each, points, domain, domain)

    async def _ask(self, question: Question) -> Hit | None:
        named = question.listed_in
        try:
            answers = await self._names.records(f"{question.entry}.{named.domain}", "A")
        except DnsTemporary:
            return None
        if not any(_is_entry(each) and named.counts(each) for each in answers):
            return None
        name = f"LISTED:{named.domain[:_NAME]}"
        return Hit(name, question.points, f"{question.what} is in {named.domain}")


_NAME = 57  # characters, as a test's name has 64 at most


def _parsed(lists: Mapping[str, float]) -> Sequence[tuple[DnsList, float]]:
    return tuple([(DnsList.parse(name), points) for name, points in lists.items() if points])


def _is_entry(answer: str) -> bool:
    is_error = answer.startswith("127.255.255.") or answer in {"127.0.0.1", "127.0.1.255"}
    return answer.startswith("127.") and not is_error


def _domains(case: Case) -> list[str]:
    """Those of the sender, of the author and of links, as they were registered."""
    sender = case.letter.envelope.sender
    named = (
        "" if sender is None else sender.domain,
        case.author_domain,
        case.reply_to.rpartition("@")[2],
        *hosts(case),
    )
    found = dict.fromkeys(filter(None, map(organization, named)))
    own = {organization(each) for each in case.here.domains}
    return list(
        islice((each for each in found if _is_name(each) and each not in own), MOST_DOMAINS)
    )


def _is_name(domain: str) -> bool:
    """Whether it is a name, not the end of an address: no top-level one is digits (RFC 3696 §2)."""
    host, _, top = domain.rpartition(".")
    return bool(host) and not top[:1].isdigit()
