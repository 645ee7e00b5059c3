"""What restrictions asked and were answered, written down while they ask.

`noting` puts somebody before an oracle who notes each question with its answer, so that a trace can
tell what was looked up, and a decision that was kept can be made again with the answers of that
time. A question that nobody answered is noted too.

He is one object for all parts of the oracle: one is made for each recipient.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import NamedTuple, TypeVar

from postroad.mailauth.spf.result import SpfResult, SpfVerdict
from postroad.model import Address
from postroad.policy.facts import (
    Elsewhere,
    LookupUnavailable,
    Oracle,
    Passing,
    RecordType,
    Verification,
    VerificationStatus,
)

__all__ = ["UNANSWERED", "Lookup", "noting"]

UNANSWERED = "no answer"
"""Stands for the answer where there was none; behind it why, if that is known."""

_T = TypeVar("_T")
_Answer = Coroutine[object, object, _T]


class Lookup(NamedTuple):
    """One question and its answer.

    Attributes:
        whom: who was asked: `directory`, `dns`, `table`, `policy service`, `probe`, `greylist`,
            `spf` or `pause`.
        question: what for.
        answer: what came back, as text; several records one to a line.
        found: whether there was something; `None` where nobody answered.
    """

    whom: str
    question: str
    answer: str
    found: bool | None = True

    def __str__(self) -> str:
        return f"{self.whom}: {self.question} = {self.answer}"


def noting(oracle: Oracle, notes: list[Lookup]) -> Oracle:
    """An oracle that asks another one and notes each question with its answer.

    Args:
        oracle: who knows.
        notes: what was asked is added here.
    """
    noted = _Noted(oracle, notes)
    return Oracle(noted, noted, noted, noted, noted)


class _Noted:
    """All parts of an oracle; each method gives what `_ask` does, without one more frame."""

    __slots__ = ("_notes", "_oracle")

    def __init__(self, oracle: Oracle, notes: list[Lookup]) -> None:
        self._oracle = oracle
        self._notes = notes

    async def _ask(
        self,
        whom: str,
        question: str,
        answering: Awaitable[_T],
        told: Callable[[_T], tuple[str, bool]],
    ) -> _T:
        """Wait for an answer and note it, in the words of `told` and whether it found something."""
        try:
            answer = await answering
        except LookupUnavailable as error:
            said = f"{UNANSWERED}: {error}" if str(error) else UNANSWERED
            self._notes.append(Lookup(whom, question, said, None))
            raise
        words, found = told(answer)
        self._notes.append(Lookup(whom, question, words, found))
        return answer

    def is_local(self, domain: str) -> _Answer[bool | Passing]:
        answering = self._oracle.accounts.is_local(domain)
        return self._ask("directory", f"is {domain} local", answering, _local)

    def is_listed(self, address: Address) -> _Answer[bool | Elsewhere]:
        answering = self._oracle.accounts.is_listed(address)
        return self._ask("directory", f"does {address} exist", answering, _listed)

    def owns(self, user: str, address: Address) -> _Answer[bool]:
        answering = self._oracle.accounts.owns(user, address)
        return self._ask("directory", f"may {user} send as {address}", answering, _whether)

    def has_owner(self, address: Address) -> _Answer[bool]:
        answering = self._oracle.accounts.has_owner(address)
        return self._ask("directory", f"does {address} belong to anybody", answering, _whether)

    def records(self, name: str, kind: RecordType) -> _Answer[tuple[str, ...]]:
        answering = self._oracle.names.records(name, kind)
        return self._ask("dns", f"{kind} {name}", answering, _records)

    def find(self, table: str, key: str) -> _Answer[str | None]:
        answering = self._oracle.tables.find(table, key)
        return self._ask("table", f"{key} in {table}", answering, _value)

    def takes_parts(self, table: str) -> bool:
        return self._oracle.tables.takes_parts(table)

    def ask(self, service: str, attributes: Mapping[str, str]) -> _Answer[str]:
        answering = self._oracle.agents.ask(service, attributes)
        return self._ask("policy service", service, answering, _action)

    def verify(self, address: Address, *, sender: bool) -> _Answer[Verification]:
        answering = self._oracle.agents.verify(address, sender=sender)
        return self._ask("probe", str(address), answering, _probe)

    def greylist(self, client_address: str, sender: str, recipient: str) -> _Answer[float]:
        answering = self._oracle.agents.greylist(client_address, sender, recipient)
        question = f"{client_address} <{sender}> <{recipient}>"
        return self._ask("greylist", question, answering, _wait)

    def spf(self, address: str, sender: str, helo: str) -> _Answer[SpfVerdict]:
        answering = self._oracle.senders.spf(address, sender, helo)
        return self._ask("spf", f"{address} <{sender}> {helo}", answering, _verdict)

    async def pause(self, seconds: float) -> None:
        await self._oracle.agents.pause(seconds)
        self._notes.append(Lookup("pause", f"{seconds:g}", "over"))


# Answers as text --------------------------------------------------------------------------------

_YES, _NO = ("yes", True), ("no", False)


def _whether(answer: bool) -> tuple[str, bool]:
    return _YES if answer else _NO


def _local(answer: bool | Passing) -> tuple[str, bool]:
    return (answer.value, True) if isinstance(answer, Passing) else _whether(answer)


def _listed(answer: bool | Elsewhere) -> tuple[str, bool]:
    if isinstance(answer, Elsewhere):
        return answer.value, answer is not Elsewhere.ABSENT
    return _whether(answer)


def _records(answer: tuple[str, ...]) -> tuple[str, bool]:
    return "\n".join(answer) or "nothing", bool(answer)


def _value(answer: str | None) -> tuple[str, bool]:
    return ("nothing", False) if answer is None else (answer, True)


def _action(answer: str) -> tuple[str, bool]:
    return answer, True


def _probe(answer: Verification) -> tuple[str, bool]:
    said = f"{answer.status.value} {answer.why}".rstrip()
    return said, answer.status is VerificationStatus.DELIVERABLE


def _verdict(answer: SpfVerdict) -> tuple[str, bool]:
    """All that a restriction goes by: the result, and what is said of it, a line each."""
    lines = (answer.result.value, answer.domain, answer.mechanism, answer.reason)
    return "\n".join((*lines, answer.explanation)).rstrip("\n"), answer.result is SpfResult.PASS


def _wait(answer: float) -> tuple[str, bool]:
    """In whole seconds, as the refusal has them, so that a decision can be made again by it."""
    seconds = max(1, round(answer)) if answer > 0 else 0
    return str(seconds), answer <= 0
