"""An oracle that remembers what was answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_oracle import NOBODY, oracle_of
from postroad.model import Address
from postroad.policy import LookupUnavailable, Oracle, Verification, VerificationStatus
from postroad.policy.facts import RecordType
from postroad.policy.lookups import Lookup, noting
from postroad.policy.recalled import NotRecalled, Present, recalled

JOHN = Address("john", "example.org")


class Now:
    """Accounts and tables that answer to everything, each time alike."""

    def __init__(self, *, answer: bool = True) -> None:
        self.answer = answer

    async def is_local(self, domain: str) -> bool:
        return self.answer

    async def is_listed(self, address: Address) -> bool:
        return self.answer

    async def owns(self, user: str, address: Address) -> bool:
        return self.answer

    async def has_owner(self, address: Address) -> bool:
        return self.answer

    async def find(self, table: str, key: str) -> str | None:
        return "OK" if self.answer else None

    def takes_parts(self, table: str) -> bool:
        return self.answer

    async def records(self, name: str, kind: RecordType) -> tuple[str, ...]:
        return ("192.0.2.1",) if self.answer else ()


PRESENT = Present(Now(), Now())


def recall(*lookups: Lookup, present: Present = PRESENT) -> Oracle:
    return recalled(lookups, present)


async def test_what_was_asked_then_is_answered_as_then() -> None:
    oracle = recall(
        Lookup("directory", "is example.org local", "no", False),
        Lookup("table", "a@b.c in hash:/x", "nothing", False),
        Lookup("table", "b.c in hash:/x", "REJECT go", True),
        Lookup("dns", "MX b.c", "10 mx.b.c.\n20 mx2.b.c.", True),
        Lookup("dns", "A b.c", "nothing", False),
        Lookup("probe", "john@example.org", "undeliverable no such user", False),
        Lookup("greylist", "192.0.2.1 <a@b.c> <john@example.org>", "300", False),
        Lookup("policy service", "unix:/run/x", "PREPEND X: y"),
    )
    assert not await oracle.accounts.is_local("example.org")
    assert await oracle.tables.find("hash:/x", "a@b.c") is None
    assert await oracle.tables.find("hash:/x", "b.c") == "REJECT go"
    assert await oracle.names.records("b.c", "MX") == ("10 mx.b.c.", "20 mx2.b.c.")
    assert await oracle.names.records("b.c", "A") == ()
    undeliverable = Verification(VerificationStatus.UNDELIVERABLE, "no such user")
    assert await oracle.agents.verify(JOHN, sender=False) == undeliverable
    assert await oracle.agents.greylist("192.0.2.1", "a@b.c", str(JOHN)) == 300
    assert await oracle.agents.ask("unix:/run/x", {}) == "PREPEND X: y"
    await oracle.agents.pause(1e9)


async def test_what_was_not_answered_then_is_not_answered_now() -> None:
    oracle = recall(
        Lookup("directory", "does john@example.org exist", "no answer", None),
        Lookup("dns", "A b.c", "no answer", None),
    )
    with pytest.raises(LookupUnavailable):
        await oracle.accounts.is_listed(JOHN)
    with pytest.raises(LookupUnavailable):
        await oracle.names.records("b.c", "A")


async def test_what_was_not_asked_then_is_asked_now_where_that_is_harmless() -> None:
    oracle = recall()
    assert await oracle.accounts.is_local("x")
    assert await oracle.accounts.is_listed(JOHN)
    assert await oracle.accounts.owns("a", JOHN)
    assert await oracle.accounts.has_owner(JOHN)
    assert await oracle.tables.find("hash:/x", "b.c") == "OK"
    assert oracle.tables.takes_parts("hash:/x")


QUESTIONS: dict[str, Callable[[Oracle], Awaitable[object]]] = {
    "dns": lambda oracle: oracle.names.records("b.c", "TXT"),
    "probe": lambda oracle: oracle.agents.verify(JOHN, sender=True),
    "greylist": lambda oracle: oracle.agents.greylist("192.0.2.1", "", str(JOHN)),
    "policy service": lambda oracle: oracle.agents.ask("unix:/run/x", {}),
}


@pytest.mark.parametrize("whom", QUESTIONS)
async def test_and_is_unknown_elsewhere(whom: str) -> None:
    with pytest.raises(NotRecalled) as raised:
        await QUESTIONS[whom](recall())
    assert raised.value.whom == whom
    assert raised.value.question


async def test_the_dns_may_be_asked_where_that_is_allowed() -> None:
    oracle = recall(present=Present(Now(), Now(), Now()))
    assert await oracle.names.records("b.c", "A") == ("192.0.2.1",)


@pytest.mark.parametrize("which", ["accounts", "tables"])
async def test_what_is_so_now_can_count_instead(which: Literal["accounts", "tables"]) -> None:
    then = (
        Lookup("directory", "is b.c local", "no", False),
        Lookup("table", "k in hash:/x", "nothing", False),
    )
    accounts_first, tables_first = which == "accounts", which == "tables"
    present = Present(Now(), Now(), None, accounts_first, tables_first)
    oracle = recall(*then, present=present)
    assert await oracle.accounts.is_local("b.c") is accounts_first
    assert (await oracle.tables.find("hash:/x", "k") == "OK") is tables_first


async def test_answers_to_the_same_question_come_in_their_order() -> None:
    service = "unix:/run/x"
    oracle = recall(
        Lookup("policy service", service, "DUNNO"), Lookup("policy service", service, "REJECT")
    )
    asked = [await oracle.agents.ask(service, {}) for _ in range(3)]
    assert asked == ["DUNNO", "REJECT", "REJECT"]


class Random:
    """Answers by chance, and remembers what it said."""

    def __init__(self, texts: Mapping[str, str], seconds: float) -> None:
        self.texts = texts
        self.seconds = seconds

    async def ask(self, service: str, attributes: Mapping[str, str]) -> str:
        return self.texts[service]

    async def verify(self, address: Address, *, sender: bool) -> Verification:
        return Verification(VerificationStatus.UNKNOWN, self.texts["why"])

    async def greylist(self, client_address: str, sender: str, recipient: str) -> float:
        return self.seconds

    async def pause(self, seconds: float) -> None:
        pass


@given(
    said=st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"])),
    seconds=st.floats(0, 1e6),
)
async def test_what_was_noted_says_the_same_again(said: str, seconds: float) -> None:
    notes: list[Lookup] = []
    agents = Random({"s": said, "why": said}, seconds)
    asked = noting(oracle_of(Now(), NOBODY, Now(), agents), notes).agents
    first = (
        await asked.ask("s", {}),
        await asked.verify(JOHN, sender=True),
        await asked.greylist("192.0.2.1", "a@b.c", str(JOHN)),
    )
    again = recall(*notes).agents
    assert await again.ask("s", {}) == first[0]
    assert await again.verify(JOHN, sender=True) == first[1]
    wait = await again.greylist("192.0.2.1", "a@b.c", str(JOHN))
    assert (wait > 0) is (first[2] > 0)
    assert not wait or round(wait) == max(1, round(first[2]))
