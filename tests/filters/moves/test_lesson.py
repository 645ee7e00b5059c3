"""Who learns from a move: the account, and the site within bounds."""

from __future__ import annotations

import pytest

from moving_world import FakeMemory
from postroad.filters.moves.file import Share
from postroad.filters.moves.lesson import FIRST, SITE, teach
from postroad.filters.moves.settings import Learn

JOHN, ANNA = "john@example.org", "anna@example.org"


def letter(number: int) -> bytes:
    return f"Subject: {number}\n\n".encode()


@pytest.mark.parametrize(
    ("learn", "expected"),
    [
        ("no", []),
        ("user", [(JOHN, "1", True)]),
        ("site", [(SITE, "1", True)]),
        ("both", [(SITE, "1", True), (JOHN, "1", True)]),
    ],
)
async def test_who_learns(learn: Learn, expected: list[tuple[str, str, bool]]) -> None:
    memory = FakeMemory()
    share = await teach(memory, letter(1), JOHN, Share(), is_spam=True, learn=learn)
    assert memory.lessons == expected
    assert share.spam == bool(expected)
    again = await teach(memory, letter(1), JOHN, share, is_spam=True, learn=learn)
    assert (memory.lessons, again) == (expected, share)


@pytest.mark.parametrize(("known", "most"), [(0, FIRST), (99, FIRST), (500, 50)])
async def test_one_account_is_a_tenth_of_the_site(known: int, most: int) -> None:
    memory, share = FakeMemory(), Share()
    memory.spam = known
    for number in range(100):
        share = await teach(memory, letter(number), JOHN, share, is_spam=True, learn="both")
    assert share == Share(spam=100, site_spam=most)
    # The other class has bounds of its own, and another account too.
    share = await teach(memory, letter(200), JOHN, share, is_spam=False, learn="both")
    assert share.site_ham == 1
    other = await teach(memory, letter(99), ANNA, Share(), is_spam=True, learn="both")
    assert other == Share(spam=1, site_spam=1)


async def test_a_change_of_mind_reaches_the_site() -> None:
    memory = FakeMemory()
    share = await teach(memory, letter(1), JOHN, Share(), is_spam=True, learn="both")
    share = await teach(memory, letter(1), JOHN, share, is_spam=False, learn="both")
    assert memory.learned_as == {(SITE, letter(1)): False, (JOHN, letter(1)): False}
    assert share == Share(spam=1, ham=1, site_spam=0, site_ham=1)


async def test_nobody_fills_one_class_by_way_of_the_other() -> None:
    memory, share = FakeMemory(), Share()
    for number in range(5 * FIRST):
        for is_spam in (True, False):
            share = await teach(memory, letter(number), JOHN, share, is_spam=is_spam, learn="both")
    assert share == Share(spam=50, ham=50, site_spam=0, site_ham=FIRST)
    of_site = [is_spam for (who, _), is_spam in memory.learned_as.items() if who == SITE]
    assert of_site == [False] * FIRST
    assert len(memory.learned_as) == FIRST + 5 * FIRST
    # What was taken back can be said again, where there is room.
    share = await teach(memory, letter(49), JOHN, share, is_spam=True, learn="both")
    assert share.site_spam == 1


async def test_a_move_overrules_nobody_else() -> None:
    memory = FakeMemory()
    await memory.learn(letter(1), SITE, is_spam=False)  # the operator's word
    share = await teach(memory, letter(1), JOHN, Share(), is_spam=True, learn="both")
    assert memory.learned_as == {(SITE, letter(1)): False, (JOHN, letter(1)): True}
    assert share == Share(spam=1)
