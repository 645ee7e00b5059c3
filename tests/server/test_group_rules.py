"""Who may send to which group."""

from __future__ import annotations

import pytest

from postroad.directory import DirectoryUnavailable
from postroad.directory.embedded.groups import ClosedGroup, Senders
from postroad.model import Address, Login
from postroad.server.group_rules import GroupRules

BOARD = Address("board", "example.org")
MEMBERS = frozenset({"ann@example.org", "eve@elsewhere.test"})


def rules(senders: Senders) -> GroupRules:
    async def find(address: Address) -> ClosedGroup | None:
        if address.local == "away":
            raise DirectoryUnavailable("locked")
        return ClosedGroup(str(BOARD), senders, MEMBERS) if address == BOARD else None

    return GroupRules(lambda address: True, find)


def login(name: str) -> Login | None:
    return Login(name, "PLAIN") if name else None


@pytest.mark.parametrize(
    ("senders", "sender", "user", "is_taken"),
    [
        (Senders.EVERYBODY, "x@y.test", "", True),
        (Senders.MEMBERS, "ann@example.org", "", True),
        (Senders.MEMBERS, "Eve@Elsewhere.test", "", True),
        (Senders.MEMBERS, "ann@example.com", "", False),
        (Senders.MEMBERS, "", "", False),
        (Senders.MEMBERS, "alias@example.org", "ann@example.org", True),
        (Senders.MEMBERS, "john@example.org", "john@example.org", False),
        (Senders.LOGGED_IN, "ann@example.org", "", False),
        (Senders.LOGGED_IN, "john@example.org", "john@example.org", True),
    ],
)
async def test_who_may(senders: Senders, sender: str, user: str, *, is_taken: bool) -> None:
    reverse_path = Address.parse(sender) if sender else None

    refusal = await rules(senders).refusal(BOARD, reverse_path, login(user))

    assert (refusal is None) is is_taken
    if refusal is not None:
        assert str(refusal).startswith("550 5.7.1 <board@example.org>: Recipient address rejected:")


@pytest.mark.parametrize("senders", list(Senders))
async def test_what_is_told_of_who_may(senders: Senders) -> None:
    assert await rules(senders).senders(BOARD) is senders
    assert await rules(senders).senders(Address("john", "example.org")) is Senders.EVERYBODY


async def test_no_group() -> None:
    assert await rules(Senders.MEMBERS).refusal(Address("john", "example.org"), None, None) is None


async def test_a_directory_that_is_away_is_no_refusal_for_good() -> None:
    refusal = await rules(Senders.MEMBERS).refusal(Address("away", "example.org"), None, None)

    assert str(refusal) == "451 4.3.0 Error: temporary lookup failure"
