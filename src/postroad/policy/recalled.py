"""An oracle that remembers: the answers of the time when a decision was made.

What was noted then (`lookups.noting`) is answered as it was then, also where nobody answered. A
question that was not asked then goes to whoever may be asked now, or to nobody: then `NotRecalled`
names it, and what would be decided stays unknown. It is no failed look-up: that would be a
deferral, which is an answer too.

The texts of questions are those of `lookups`; a change there is a change here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NoReturn

from postroad.mailauth.spf.result import SpfResult, SpfVerdict
from postroad.model import Address
from postroad.policy.facts import (
    Accounts,
    Elsewhere,
    LookupUnavailable,
    Names,
    Oracle,
    Passing,
    RecordType,
    Senders,
    Tables,
    Verification,
    VerificationStatus,
)
from postroad.policy.lookups import UNANSWERED, Lookup

__all__ = ["NotRecalled", "Present", "recalled"]


class NotRecalled(Exception):
    """A question that was not asked then, and that nobody may be asked now.

    Attributes:
        whom: who would have to be asked, as in `Lookup`.
        question: what for.
    """

    def __init__(self, whom: str, question: str) -> None:
        super().__init__(f"{whom}: {question}")
        self.whom = whom
        self.question = question


@dataclass(frozen=True, slots=True)
class Present:
    """Whoever may be asked now.

    Attributes:
        accounts: the directory.
        tables: the operator's tables; they alone know whether they take parts of keys.
        names: the DNS; `None`: it may not be asked.
        accounts_first: whether the directory's answers of that time do not count.
        tables_first: likewise of tables.
        senders: who knows SPF; `None`: the DNS may not be asked.
    """

    accounts: Accounts
    tables: Tables
    names: Names | None = None
    accounts_first: bool = False
    tables_first: bool = False
    senders: Senders | None = None


def recalled(lookups: Iterable[Lookup], present: Present) -> Oracle:
    """An oracle with the answers of one decision.

    Args:
        lookups: what was asked then, in order.
        present: whom to ask what was not.
    """
    memory = _Memory(lookups)
    accounts: Accounts = _Accounts(memory, present.accounts)
    tables: Tables = _Tables(memory, present.tables)
    return Oracle(
        present.accounts if present.accounts_first else accounts,
        _Names(memory, present.names),
        present.tables if present.tables_first else tables,
        _Agents(memory),
        _Senders(memory, present.senders),
    )


class _Memory:
    """Answers by question; of several to the same question, one after the other."""

    __slots__ = ("_answers",)

    def __init__(self, lookups: Iterable[Lookup]) -> None:
        self._answers: dict[tuple[str, str], list[Lookup]] = {}
        for lookup in lookups:
            self._answers.setdefault((lookup.whom, lookup.question), []).append(lookup)

    def find(self, whom: str, question: str) -> Lookup | None:
        """What was answered, if it was asked; a service may answer otherwise the second time.

        Raises:
            LookupUnavailable: nobody answered then.
        """
        answers = self._answers.get((whom, question))
        if answers is None:
            return None
        lookup = answers.pop(0) if len(answers) > 1 else answers[0]
        if lookup.found is None and lookup.answer.startswith(UNANSWERED):
            raise LookupUnavailable(question)
        return lookup

    def expect(self, whom: str, question: str) -> Lookup:
        """The same where nobody else may be asked.

        Raises:
            NotRecalled: it was not asked then.
        """
        lookup = self.find(whom, question)
        return _unknown(whom, question) if lookup is None else lookup


def _unknown(whom: str, question: str) -> NoReturn:
    raise NotRecalled(whom, question)


_ELSEWHERE = {each.value: each for each in Elsewhere}


class _Accounts:
    __slots__ = ("_memory", "_now")

    def __init__(self, memory: _Memory, now: Accounts) -> None:
        self._memory = memory
        self._now = now

    async def is_local(self, domain: str) -> bool | Passing:
        lookup = self._memory.find("directory", f"is {domain} local")
        if lookup is None:
            return await self._now.is_local(domain)
        passing = lookup.answer == Passing.RELAYED.value
        return Passing.RELAYED if passing else bool(lookup.found)

    async def is_listed(self, address: Address) -> bool | Elsewhere:
        lookup = self._memory.find("directory", f"does {address} exist")
        if lookup is None:
            return await self._now.is_listed(address)
        return _ELSEWHERE.get(lookup.answer, bool(lookup.found))

    async def owns(self, user: str, address: Address) -> bool:
        lookup = self._memory.find("directory", f"may {user} send as {address}")
        return await self._now.owns(user, address) if lookup is None else bool(lookup.found)

    async def has_owner(self, address: Address) -> bool:
        lookup = self._memory.find("directory", f"does {address} belong to anybody")
        return await self._now.has_owner(address) if lookup is None else bool(lookup.found)


class _Names:
    __slots__ = ("_memory", "_now")

    def __init__(self, memory: _Memory, now: Names | None) -> None:
        self._memory = memory
        self._now = now

    async def records(self, name: str, kind: RecordType) -> tuple[str, ...]:
        question = f"{kind} {name}"
        lookup = self._memory.find("dns", question)
        if lookup is not None:
            return tuple(lookup.answer.split("\n")) if lookup.found else ()
        if self._now is None:
            _unknown("dns", question)
        return await self._now.records(name, kind)


class _Tables:
    __slots__ = ("_memory", "_now")

    def __init__(self, memory: _Memory, now: Tables) -> None:
        self._memory = memory
        self._now = now

    async def find(self, table: str, key: str) -> str | None:
        lookup = self._memory.find("table", f"{key} in {table}")
        if lookup is None:
            return await self._now.find(table, key)
        return lookup.answer if lookup.found else None

    def takes_parts(self, table: str) -> bool:
        return self._now.takes_parts(table)


class _Agents:
    __slots__ = ("_memory",)

    def __init__(self, memory: _Memory) -> None:
        self._memory = memory

    async def ask(self, service: str, attributes: Mapping[str, str]) -> str:  # noqa: ARG002
        return self._memory.expect("policy service", service).answer

    async def verify(self, address: Address, *, sender: bool) -> Verification:  # noqa: ARG002
        answer = self._memory.expect("probe", str(address)).answer
        status, _, why = answer.partition(" ")
        try:
            return Verification(VerificationStatus(status), why)
        except ValueError:  # of a release that says it in other words
            _unknown("probe", str(address))

    async def greylist(self, client_address: str, sender: str, recipient: str) -> float:
        question = f"{client_address} <{sender}> <{recipient}>"
        answer = self._memory.expect("greylist", question).answer
        try:
            return float(answer)
        except ValueError:
            _unknown("greylist", question)

    async def pause(self, seconds: float) -> None:
        """It is over."""


class _Senders:
    __slots__ = ("_memory", "_now")

    def __init__(self, memory: _Memory, now: Senders | None) -> None:
        self._memory = memory
        self._now = now

    async def spf(self, address: str, sender: str, helo: str) -> SpfVerdict:
        question = f"{address} <{sender}> {helo}"
        lookup = self._memory.find("spf", question)
        if lookup is None:
            if self._now is None:
                _unknown("spf", question)
            return await self._now.spf(address, sender, helo)
        result, domain, mechanism, reason, explanation = (*lookup.answer.split("\n"), *[""] * 4)[:5]
        try:
            return SpfVerdict(
                result=SpfResult(result),
                identity="mailfrom" if sender else "helo",
                domain=domain,
                address=address,
                sender=sender or f"postmaster@{helo}",
                mechanism=mechanism,
                reason=reason,
                explanation=explanation,
            )
        except ValueError:  # of a release that says it in other words
            _unknown("spf", question)
